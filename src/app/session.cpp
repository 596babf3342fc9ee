#include "app/session.hpp"

namespace tidemill::app {

std::shared_ptr<const Clock> clock_of(const GlobalOptions& global) {
  return global.as_of ? fixed_clock(*global.as_of) : system_clock();
}

std::expected<project::Project, Errors> load_project(const GlobalOptions& global) {
  project::LoadOptions options;
  if (global.project.empty()) {
    auto found = project::find_project_file(std::filesystem::current_path());
    if (!found) return std::unexpected(Errors{std::move(found).error()});
    options.file = *found;
  } else {
    options.file = global.project;
  }
  options.environment = global.environment;
  options.home = global.home;
  options.parameters = global.parameters;
  return project::load(options);
}

std::expected<Session, Errors> open_session(const GlobalOptions& global, registry::Options::Mode mode) {
  auto project = load_project(global);
  if (!project) return std::unexpected(std::move(project).error());
  Session session{std::move(*project), clock_of(global), nullptr};
  auto opened = registry::Registry::open({session.project.home, system_clock(), {}, mode});
  if (!opened) return std::unexpected(Errors{std::move(opened).error()});
  session.registry = std::move(*opened);
  return session;
}

}  // namespace tidemill::app
