#include "app/session.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/driven_clock.hpp"
#include "app/output.hpp"
#include "engine/names.hpp"
#include "monitoring/declared.hpp"
#include "pipeline/predictors.hpp"
#include "project/scalar.hpp"

namespace tidemill::app {

namespace {

constexpr const char* kThreads = "TIDEMILL_THREADS";
constexpr const char* kMemory = "TIDEMILL_MEMORY";
constexpr const char* kChampion = "champion";

// Set to nothing is not set: so a script can take it back.
std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

std::unexpected<Error> bad_variable(const char* name, const std::string& value, const std::string& hint) {
  return user_error("usage.environment", fmt::format("the environment variable {} is '{}'", name, value), {},
                    hint);
}

/// What may be meant by a version that nothing has; empty: there is one, or one may come of the first run, of
/// a promotion or an import.
std::string hint_of_version(const registry::Registry& registry, const project::Deployment& deployment) {
  if (deployment.version == kChampion) return {};
  const auto version = registry.version(deployment.model, deployment.version);
  if (version) return {};
  if (version.error().code == "registry.unknown_version") return version.error().hint;
  return version.error().code == "registry.unknown_model" ? did_you_mean(deployment.version, {kChampion})
                                                          : "";
}

void warn(const GlobalOptions& global, const std::string& message, const Place& place,
          const std::string& hint) {
  const std::string text = fmt::format("{}\n  --> {}\n  hint: {}", message, to_text(place), hint);
  fmt::print(stderr, "{} {}\n", painted(global, "warning:", Tone::Warning), visible(text));
}

/// Features of a model's champion that are none any more since decisions are compared between their values.
std::vector<std::string> features_lost_to_groups(const Session& session, const project::Model& model) {
  std::vector<std::string> lost;
  if (model.fairness_groups.empty() || !model.include.empty()) return lost;
  const auto champion = session.registry->version(model.name, kChampion);
  if (!champion) return lost;
  const auto package = pipeline::load_package(*session.registry, *champion);
  if (!package) return lost;
  for (const forest::Feature& feature : package->features) {
    const auto is_it = [&](const std::string& column) { return engine::same_name(column, feature.name); };
    if (std::ranges::any_of(model.fairness_groups, is_it) && std::ranges::none_of(model.exclude, is_it))
      lost.push_back(feature.name);
  }
  return lost;
}

}  // namespace

Result<void> read_limits(GlobalOptions& global) {
  if (const auto text = variable(kThreads)) {
    const auto number = project::parse_number(*text);
    if (!number || *number != std::floor(*number) || *number < 1 || *number > project::kMostThreads)
      return bad_variable(kThreads, *text, fmt::format("a whole number from 1 to {}", project::kMostThreads));
    global.threads = static_cast<int>(*number);
  }
  if (const auto text = variable(kMemory)) {
    const auto bytes = project::parse_bytes(*text);
    if (!bytes || *bytes < project::kLeastMemory)
      return bad_variable(kMemory, *text,
                          fmt::format("a size of {} MB or more, with its unit: 512MB, 4GB, 2GiB",
                                      project::kLeastMemory / 1'000'000));
    global.memory_bytes = *bytes;
  }
  return {};
}

pipeline::Budget budget_of(const GlobalOptions& global) {
  return pipeline::budget_of(global.threads, global.memory_bytes);
}

std::shared_ptr<const Clock> clock_of(const GlobalOptions& global) {
  return global.as_of ? fixed_clock(*global.as_of) : clock_of_process();
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
  auto project = project::load(options);
  if (project && global.threads) project->threads = global.threads;
  if (project && global.memory_bytes) project->memory_bytes = global.memory_bytes;
  return project;
}

std::expected<Session, Errors> open_session(const GlobalOptions& global, registry::Options::Mode mode) {
  auto project = load_project(global);
  if (!project) return std::unexpected(std::move(project).error());
  Session session{std::move(*project), clock_of(global), nullptr};
  auto opened = registry::Registry::open({session.project.home, clock_of_process(), {}, mode});
  if (!opened) return std::unexpected(Errors{std::move(opened).error()});
  session.registry = std::move(*opened);
  return session;
}

std::expected<Session, Errors> open_session_to_look(const GlobalOptions& global) {
  auto session = open_session(global, registry::Options::Mode::ReadWrite);
  if (session || session.error().size() != 1) return session;
  if (!is_unwritable(session.error()[0])) return session;
  auto reading = open_session(global, registry::Options::Mode::ReadOnly);
  // Where there is nothing to read, what matters is why it could not be made.
  if (!reading && reading.error()[0].code == "registry.no_home") return session;
  return reading;
}

bool is_unwritable(const Error& error) { return error.code == "io.denied" || error.code == "io.disk_full"; }

void warn_of_idle_keys(const GlobalOptions& global, const project::Project& project) {
  std::vector<std::string_view> keys;
  if (std::ranges::any_of(project.labels, [&](const auto& labels) {
        const auto deployment = project.deployments.find(labels.first);
        return deployment != project.deployments.end() && !deployment->second.log;
      }))
    keys.emplace_back("labels of a deployment without `log`");
  if (std::ranges::any_of(project.models, [&](const auto& each) {
        const project::Retrain& retrain = each.second.retrain;
        const project::Deployment* deployment = monitoring::deployment_of(project, each.first);
        return (retrain.every_labels || retrain.min_new_labels > 0) &&
               (deployment == nullptr || !deployment->log);
      }))
    keys.emplace_back("a number of new labels of a model that no deployment with `log` serves");
  if (keys.empty()) return;
  fmt::print(stderr, "{} {} in {}: not acted on by this version\n",
             painted(global, "warning:", Tone::Warning), fmt::join(keys, ", "),
             project.file.filename().native());
}

void warn_of_idle_deployments(const GlobalOptions& global, const Session& session) {
  for (const auto& [name, deployment] : session.project.deployments) {
    if (const auto hint = hint_of_version(*session.registry, deployment); !hint.empty())
      warn(global,
           fmt::format("model {} has no version or alias '{}', so {} serves nothing", deployment.model,
                       deployment.version, name),
           deployment.place, hint);
    const auto monitors = session.project.monitors.find(name);
    if (!deployment.log && monitors != session.project.monitors.end() && !monitors->second.empty())
      warn(global,
           fmt::format("{} keeps no log of its predictions, so its monitors have nothing to look at", name),
           monitors->second.front().place, fmt::format("deployments: {{{}: {{log: {{}}}}}}", name));
  }
}

void warn_of_lost_features(const GlobalOptions& global, const Session& session) {
  for (const auto& [name, model] : session.project.models)
    if (const auto lost = features_lost_to_groups(session, model); !lost.empty())
      warn(
          global,
          fmt::format("model {} leaves out {}, which its champion learned from: columns of `fairness` are no "
                      "features",
                      name, fmt::join(lost, ", ")),
          model.place,
          fmt::format("if that is meant: features: {{exclude: [{}]}}; else name all features in include",
                      fmt::join(lost, ", ")));
}

}  // namespace tidemill::app
