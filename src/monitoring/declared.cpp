#include "monitoring/declared.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tidemill::monitoring {

namespace {

using project::Monitor;
using Does = Monitor::Act;

bool does(const Monitor& monitor, Does act) {
  return !monitor.estimated && std::ranges::find(monitor.on_fail, act) != monitor.on_fail.end();
}

bool is_number(const std::string& alias) {
  return !alias.empty() && std::ranges::all_of(alias, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Rate> rate_of(const std::optional<Monitor::Rate>& rate) {
  return rate ? std::optional(Rate{rate->count, rate->per}) : std::nullopt;
}

}  // namespace

Topic topic_of(const Monitor& monitor) {
  switch (monitor.kind) {
    case Monitor::Kind::Quality:
      return Topic::Quality;
    case Monitor::Kind::Drift:
    case Monitor::Kind::Attribution:
      return Topic::Drift;
    case Monitor::Kind::Metric:
    case Monitor::Kind::Fairness:
      return Topic::Performance;
    case Monitor::Kind::Traffic:
    case Monitor::Kind::Latency:
      break;
  }
  return Topic::Other;
}

Limits limits_of(const Monitor& monitor) {
  return {monitor.warn, monitor.fail, monitor.min, monitor.max, static_cast<double>(monitor.min_rows)};
}

TrafficLimits traffic_limits_of(const Monitor& monitor) {
  return {rate_of(monitor.min_rate), rate_of(monitor.max_rate)};
}

Policy policy_of(const project::Model& model, const project::Deployment* deployment) {
  Policy policy;
  policy.model = model.name;
  policy.cooldown = model.retrain.cooldown;
  policy.min_new_labels = model.retrain.min_new_labels;
  policy.every_labels = model.retrain.every_labels;
  policy.max_per_week = model.retrain.max_per_week;
  policy.stop_after = model.retrain.stop_after;
  policy.hold_for = model.retrain.hold;
  if (deployment == nullptr) return policy;
  policy.deployment = deployment->name;
  policy.alias = deployment->version;
  if (!deployment->rollout) return policy;
  const project::Rollout& rollout = *deployment->rollout;
  policy.shadow = rollout.shadow;
  for (const double share : rollout.canary)
    policy.canary.push_back(std::round(share * 100 * 1e9) / 1e9);  // 55 %, not 55.00000000000001
  policy.stage = rollout.stage.value_or(policy.stage);
  policy.max_errors = rollout.limits.errors;
  policy.max_p99 = rollout.limits.p99;
  policy.max_score_drift = rollout.limits.score_drift;
  return policy;
}

const project::Deployment* deployment_of(const project::Project& project, const std::string& model) {
  const project::Deployment* first = nullptr;
  for (const auto& [name, deployment] : project.deployments) {
    if (deployment.model != model || is_number(deployment.version)) continue;
    if (deployment.rollout) return &deployment;
    if (first == nullptr) first = &deployment;
  }
  return first;
}

Wishes wishes_of(const Alerts& alerts, const std::string& deployment, const std::vector<Monitor>& monitors,
                 std::optional<int> champion) {
  Wishes wishes;
  for (const auto& [cause, alert] : alerts.by_cause) {
    if (cause.deployment != deployment || alert.state != Alert::State::Firing) continue;
    if (alert.topic == Topic::Quality) wishes.bad_data.push_back(to_text(cause));
    const auto monitor = std::ranges::find(monitors, cause.monitor, &Monitor::name);
    const bool of_champion = cause.version == 0 || cause.version == champion;
    if (monitor == monitors.end() || alert.silent || !of_champion) continue;
    const std::string why = fmt::format("{}: {}", to_text(cause), alert.text);
    if (does(*monitor, Does::Retrain))
      wishes.retrain.push_back(
          {alert.topic == Topic::Drift ? Trigger::Kind::Drift : Trigger::Kind::Performance, why});
    if (does(*monitor, Does::Rollback) && !wishes.rollback) wishes.rollback = why;
  }
  std::ranges::stable_sort(wishes.retrain, {}, [](const Trigger& trigger) { return trigger.kind; });
  return wishes;
}

}  // namespace tidemill::monitoring
