#include "app/session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/output.hpp"

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

void warn_of_idle_keys(const GlobalOptions& global, const project::Project& project) {
  std::vector<std::string_view> keys;
  if (!project.schedules.empty()) keys.emplace_back("schedules");
  if (!project.monitors.empty()) keys.emplace_back("monitors");
  if (!project.labels.empty()) keys.emplace_back("labels");
  if (!project.notify.empty()) keys.emplace_back("notify");
  if (std::any_of(project.deployments.begin(), project.deployments.end(),
                  [](const auto& deployment) { return !deployment.second.rollout.empty(); }))
    keys.emplace_back("rollout");
  if (keys.empty()) return;
  fmt::print(stderr, "{} {} in {}: not acted on by this version\n",
             painted(global, "warning:", Tone::Warning), fmt::join(keys, ", "),
             project.file.filename().native());
}

}  // namespace tidemill::app
