#include "app/retraining_facts.hpp"

#include "monitoring/kept.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::app {
namespace {

using registry::must;
using registry::TestHome;

/// A model with a champion of run1, whose labels somebody counts.
class NewLabels : public ::testing::Test {
 protected:
  NewLabels() {
    project.models["late"].name = "late";
    project.models["late"].from = "orders";
    project.deployments["door"].name = "door";
    project.deployments["door"].model = "late";
    policy.model = "late";
    policy.deployment = "door";
    policy.every_labels = 10;
    begun["run1"] = home.clock->at;
    TestHome::publish(*store, "run1", {}, {{"late", "one"}});
    sources.new_labels = [this](const std::string& deployment, Instant since) {
      EXPECT_EQ(deployment, "door");
      asked = since;
      return counted;
    };
  }
  /// An hour later, with a version unless there is no state for one.
  void run(const std::string& id, const std::string& status, const std::optional<std::string>& state,
           std::optional<int> attempt = std::nullopt) {
    home.clock->at.micros += int64_t{3'600'000'000};
    begun[id] = home.clock->at;
    registry::Run run;
    run.id = id;
    registry::RunCause cause;
    if (attempt) cause.attempt = {"late", *attempt};
    must(store->begin_run(run, cause));
    if (state) TestHome::add_version(*store, id, {"late", id, *state});
    home.clock->at.micros += 60'000'000;
    must(store->end_run({id, status}));
  }
  monitoring::Facts facts() { return must(gather_facts(project, *store, policy, sources)); }
  /// The run since whose beginning they were asked for.
  std::string since() {
    asked.reset();
    facts();
    for (const auto& [id, at] : begun)
      if (asked == at) return id;
    return asked ? to_text(*asked) : "never asked";
  }

  TestHome home;
  std::unique_ptr<registry::Registry> store = home.open();
  project::Project project;
  monitoring::Policy policy;
  RetrainingSources sources;
  std::map<std::string, Instant> begun;
  std::optional<Instant> asked;
  std::optional<int64_t> counted = 12;
};

}  // namespace

TEST_F(NewLabels, count_since_the_run_that_made_the_champion) {
  EXPECT_EQ(since(), "run1");
  EXPECT_EQ(facts().new_labels, 12);
}

TEST_F(NewLabels, count_since_a_version_was_trained_whether_its_gate_took_it_or_not) {
  run("run2", "done", "rejected");
  EXPECT_EQ(since(), "run2");
  run("run3", "done", std::nullopt);  // of something else
  EXPECT_EQ(since(), "run2");
}

TEST_F(NewLabels, count_since_a_retraining_that_found_nothing_else_to_learn_from) {
  run("run2", "done", std::nullopt, 1);
  EXPECT_EQ(since(), "run2");
}

TEST_F(NewLabels, go_on_to_count_when_a_retraining_failed) {
  run("run2", "failed", std::nullopt, 1);
  EXPECT_EQ(since(), "run1");
}

TEST_F(NewLabels, are_not_asked_for_where_nothing_depends_on_their_number) {
  policy.every_labels.reset();
  EXPECT_EQ(since(), "never asked");
  EXPECT_EQ(facts().new_labels, 0);
  policy.min_new_labels = 1;
  EXPECT_EQ(since(), "run1");
}

TEST_F(NewLabels, that_are_not_counted_yet_are_neither_enough_nor_too_few) {
  project::Monitor monitor;
  monitor.name = "roc_auc";
  monitor.on_fail = {project::Monitor::Act::Retrain};
  project.monitors["door"] = {monitor};
  monitoring::Alerts alerts;
  monitoring::Alert& alert = alerts.by_cause[{.deployment = "door", .monitor = "roc_auc"}];
  alert.cause = {.deployment = "door", .monitor = "roc_auc"};
  alert.topic = monitoring::Topic::Performance;
  alert.state = monitoring::Alert::State::Firing;
  must(store->set_memos(monitoring::kWatchMemos,
                        {{monitoring::kAlertsMemo, to_text(monitoring::to_json(alerts))}}));
  EXPECT_EQ(facts().standing.size(), 1U);
  counted.reset();
  EXPECT_EQ(facts().new_labels, 0);
  EXPECT_EQ(facts().standing.size(), 1U);  // nothing is asked of their number
  policy.min_new_labels = 5;
  EXPECT_TRUE(facts().standing.empty());
  counted = 0;
  EXPECT_EQ(facts().standing.size(), 1U);  // … and is refused, for they are too few
}

}  // namespace tidemill::app
