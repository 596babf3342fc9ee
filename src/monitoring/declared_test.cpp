#include "monitoring/declared.hpp"

#include <gtest/gtest.h>

namespace tidemill::monitoring {
namespace {

using project::Monitor;

Monitor monitor(Monitor::Kind kind, std::string name, std::vector<Monitor::Act> acts) {
  Monitor made;
  made.kind = kind;
  made.name = std::move(name);
  made.on_fail = std::move(acts);
  return made;
}
const std::vector<Monitor> kMonitors{
    monitor(Monitor::Kind::Drift, "drift psi", {Monitor::Act::Retrain}),
    monitor(Monitor::Kind::Metric, "metric roc_auc", {Monitor::Act::Retrain, Monitor::Act::Rollback}),
    monitor(Monitor::Kind::Quality, "quality missing", {Monitor::Act::Alert})};

/// Alerts that fire, of these monitors and versions.
Alerts firing(const std::vector<std::pair<std::string, int>>& causes) {
  std::vector<Evaluation> looks;
  for (const auto& [name, version] : causes) {
    Finding finding;
    finding.cause = {"late", name, "dest", "", version};
    finding.topic = topic_of(*std::ranges::find(kMonitors, name, &Monitor::name));
    finding.pressure = finding.sure_pressure = 2;
    looks.push_back({"late", name, {1}, 1, {finding}});
  }
  return step_alerts({}, looks, {1}).alerts;
}

}  // namespace

TEST(Wishes, are_those_of_what_fires_of_the_champion) {
  const Wishes both = wishes_of(firing({{"drift psi", 3}, {"metric roc_auc", 3}}), "late", kMonitors, 3);
  ASSERT_EQ(both.retrain.size(), 2u);
  EXPECT_EQ(both.retrain[0].kind, Trigger::Kind::Performance);
  EXPECT_EQ(both.retrain[1].kind, Trigger::Kind::Drift);
  EXPECT_TRUE(both.rollback);
  const Wishes other = wishes_of(firing({{"metric roc_auc", 2}}), "late", kMonitors, 3);
  EXPECT_TRUE(other.retrain.empty() && !other.rollback);
  EXPECT_TRUE(wishes_of(firing({{"metric roc_auc", 3}}), "delay", kMonitors, 3).retrain.empty());
}

TEST(Wishes, of_silent_drift_and_of_estimates_are_none) {
  const Wishes bad = wishes_of(firing({{"drift psi", 3}, {"quality missing", 0}}), "late", kMonitors, 3);
  EXPECT_TRUE(bad.retrain.empty());
  EXPECT_EQ(bad.bad_data.size(), 1u);
  std::vector<Monitor> estimated = kMonitors;
  estimated[1].estimated = true;
  const Wishes none = wishes_of(firing({{"metric roc_auc", 3}}), "late", estimated, 3);
  EXPECT_TRUE(none.retrain.empty() && !none.rollback);
}

TEST(Policy, is_what_the_model_and_its_rollout_say) {
  project::Project project;
  project::Deployment pinned, first, rolled;
  pinned.name = "a";
  first.name = "b";
  rolled.name = "c";
  for (project::Deployment* each : {&pinned, &first, &rolled}) {
    each->model = "late";
    each->version = "champion";
  }
  pinned.version = "7";
  EXPECT_EQ(deployment_of(project, "late"), nullptr);
  project.deployments = {{"a", pinned}, {"b", first}};
  EXPECT_EQ(deployment_of(project, "late")->name, "b");
  rolled.rollout = project::Rollout{};
  rolled.rollout->shadow = 100;
  rolled.rollout->canary = {0.1, 1};
  rolled.rollout->limits.errors = 0.01;
  project.deployments.emplace("c", rolled);
  const project::Deployment* deployment = deployment_of(project, "late");
  ASSERT_EQ(deployment->name, "c");
  project::Model model;
  model.name = "late";
  model.retrain.max_per_week = 7;
  const Policy policy = policy_of(model, deployment);
  EXPECT_EQ(policy.canary, (std::vector<double>{10, 100}));
  EXPECT_EQ(policy.max_errors, 0.01);
  EXPECT_EQ(policy.max_per_week, 7);
  EXPECT_TRUE(policy.has_rollout());
  EXPECT_FALSE(policy_of(model, nullptr).has_rollout());
}

}  // namespace tidemill::monitoring
