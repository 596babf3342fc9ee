// What is so now of a model that may be retrained: gathered from the registry, the alerts and what its
// challenger was measured at, just before it is decided.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "monitoring/declared.hpp"
#include "monitoring/retraining.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::app {

struct RetrainingSources {
  /// Of the challenger of a deployment since its stage began. Empty: nothing is known of any.
  std::function<monitoring::Facts::Challenger(const std::string& deployment, const registry::Rollout*)>
      challenger = {};
  /// Labels that a deployment got since then. It is asked for each decision; nothing: not counted yet. Empty:
  /// there are none.
  std::function<std::optional<int64_t>(const std::string& deployment, Instant since)> new_labels = {};
};

/// A run that a retraining began, or took up: how far it is, and the version that it made, or found made
/// already although it is no champion.
Result<monitoring::Facts::Run> run_facts(registry::Registry& registry, const std::string& model,
                                         const registry::AttemptRun& attempt, std::optional<int> champion);
Result<monitoring::Facts> gather_facts(const project::Project& project, registry::Registry& registry,
                                       const monitoring::Policy& policy, const RetrainingSources& sources);

}  // namespace tidemill::app
