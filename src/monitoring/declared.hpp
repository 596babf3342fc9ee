// From what the project file says to what the decisions of this room take, and from alerts to what they ask
// for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitoring/alert.hpp"
#include "monitoring/evaluate.hpp"
#include "monitoring/retraining.hpp"
#include "project/project.hpp"

namespace tidemill::monitoring {

Topic topic_of(const project::Monitor& monitor);
Limits limits_of(const project::Monitor& monitor);
TrafficLimits traffic_limits_of(const project::Monitor& monitor);

/// `deployment` is the one in which the model's versions take over; null: none serves it by an alias.
Policy policy_of(const project::Model& model, const project::Deployment* deployment);
/// The deployment whose rollout a model's new versions go through: the first by name that serves the model by
/// an alias and declares a rollout, else the first that serves it by an alias; null: none.
const project::Deployment* deployment_of(const project::Project& project, const std::string& model);

/// What the alerts of a deployment that fire ask for. Silent ones ask for nothing; those of another version
/// than the champion ask neither for a retraining nor for a rollback.
struct Wishes {
  std::vector<Trigger> retrain;         // performance before drift
  std::optional<std::string> rollback;  // why
  std::vector<std::string> bad_data;    // monitors of live data quality
};
Wishes wishes_of(const Alerts& alerts, const std::string& deployment,
                 const std::vector<project::Monitor>& monitors, std::optional<int> champion);

}  // namespace tidemill::monitoring
