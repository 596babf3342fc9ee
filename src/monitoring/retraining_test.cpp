#include "monitoring/retraining.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidemill::monitoring {
namespace {

constexpr int64_t kMinute = int64_t{60} * 1'000'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

using Kind = Trigger::Kind;
using Status = Facts::Run::Status;
using RolloutStage = registry::Rollout::Stage;

Policy careful() {
  Policy policy{.model = "late", .deployment = "late"};
  policy.shadow = 1000;
  policy.canary = {10, 50};
  policy.max_errors = 0.01;
  policy.max_score_drift = 0.2;
  return policy;
}
Policy plain() { return {.model = "late"}; }

/// A registry in miniature, and a clock that the test drives.
struct World {
  Policy policy = careful();
  Facts facts = {};
  Retraining state = {};
  Instant now{int64_t{1'000} * kDay};
  std::vector<std::string> path = {};  // stages that were entered
  std::vector<std::string> notices = {};
  std::optional<Act> act = {};
  int64_t requests = 0;

  World() { facts.champion = 1; }

  void look(int64_t after = kHour) {
    now.micros += after;
    Decision decision = decide(policy, state, facts, now);
    for (const Transition& transition : decision.transitions) path.emplace_back(to_text(transition.to));
    for (std::string& notice : decision.notices) notices.push_back(std::move(notice));
    act = std::move(decision.act);
    state = std::move(decision.state);
    facts.requests.clear();
  }
  void ask(Kind kind) { facts.requests.push_back({kind, "asked for", ++requests}); }
  void stand(Kind kind) { facts.standing = {{kind, "an alert fires"}}; }
  template <class T>
  const T* wants() const {
    return act ? std::get_if<T>(&*act) : nullptr;
  }
  void run_ends(int version, bool accepted) {
    facts.run = {.attempt = state.attempt, .status = Status::Done, .snapshot_taken = true};
    facts.run->candidate = {version, accepted, facts.champion.value_or(0), "roc_auc is too small"};
  }
  void do_begin() {
    const auto* stage = wants<BeginStage>();
    ASSERT_NE(stage, nullptr);
    facts.rollout = stage->rollout;
    facts.rollout->since = now;
  }
  void is_well(int64_t predictions) {
    facts.challenger = {.predictions = predictions, .errors = 0.001, .p99 = {}, .score_drift = 0.05};
  }
  /// As far as the first canary.
  void go_to_canary() {
    ask(Kind::Person);
    look();
    run_ends(2, true);
    look();
    do_begin();
    is_well(1000);
    look();
    look();
    do_begin();
    is_well(0);
    look();
    ASSERT_EQ(state.stage, Stage::Canary);
    ASSERT_TRUE(state.begun);
  }
  bool was(std::string_view stage) const { return std::find(path.begin(), path.end(), stage) != path.end(); }
};

}  // namespace

TEST(Retraining, goes_from_trigger_to_champion_step_by_step) {
  World w;
  w.stand(Kind::Performance);
  w.look();
  ASSERT_NE(w.wants<StartRun>(), nullptr);
  EXPECT_EQ(w.wants<StartRun>()->attempt, 1);
  EXPECT_FALSE(w.wants<StartRun>()->promotes);
  w.facts.run = {.attempt = 1, .status = Status::Running};
  w.look();
  EXPECT_EQ(w.state.stage, Stage::Snapshot);
  w.facts.run->snapshot_taken = true;
  w.look();
  EXPECT_EQ(w.state.stage, Stage::Train);
  w.run_ends(2, true);
  w.look();
  EXPECT_EQ(w.state.stage, Stage::Shadow);
  w.do_begin();
  w.is_well(999);
  w.look();
  EXPECT_FALSE(w.act);
  w.is_well(1000);
  w.look();
  w.look();
  ASSERT_NE(w.wants<BeginStage>(), nullptr);
  EXPECT_EQ(w.wants<BeginStage>()->rollout.percent, 10);
  w.do_begin();
  w.is_well(10'000);
  w.look(kMinute);
  EXPECT_FALSE(w.act);  // the share lasts an hour
  w.look();
  w.look();
  w.do_begin();
  EXPECT_EQ(w.facts.rollout->percent, 50);
  w.look();
  w.look();
  ASSERT_NE(w.wants<Promote>(), nullptr);
  EXPECT_EQ(w.wants<Promote>()->version, 2);
  EXPECT_EQ(w.wants<Promote>()->expected, 1);
  w.facts.champion = 2;
  w.facts.rollout.reset();
  w.look();
  const std::vector<std::string> path{"triggered", "snapshot", "train",  "gate",
                                      "shadow",    "canary",   "canary", "promoted"};
  EXPECT_EQ(w.path, path);
  EXPECT_FALSE(w.act);
}

TEST(Retraining, without_a_rollout_leaves_the_promotion_to_the_run) {
  World w;
  w.policy = plain();
  w.ask(Kind::Schedule);
  w.look();
  EXPECT_TRUE(w.wants<StartRun>()->promotes);
  w.run_ends(2, true);
  w.facts.run->candidate->judged_against = 1;
  w.facts.champion = 2;
  w.look();
  EXPECT_EQ(w.state.stage, Stage::Promoted);
}

TEST(Retraining, promotes_nothing_that_the_gate_refused) {
  World w;
  w.ask(Kind::Person);
  w.look();
  w.run_ends(2, false);
  w.look();
  EXPECT_EQ(w.state.stage, Stage::Rejected);
  EXPECT_FALSE(w.act);
  EXPECT_FALSE(w.was("shadow"));
}

TEST(Retraining, refuses_while_data_are_bad_or_promotion_is_on_hold) {
  for (const int reason : {0, 1, 2}) {
    World w;
    if (reason == 0) w.facts.failed_checks = {"not_null(tailnum)"};
    if (reason == 1) w.facts.bad_data = {"quality missing of tailnum"};
    if (reason == 2) w.facts.hold = "rolled back";
    w.ask(Kind::Person);
    w.look();
    EXPECT_EQ(w.state.stage, Stage::Idle);
    EXPECT_EQ(w.notices.size(), 1u);
    w.stand(Kind::Drift);
    for (int i = 0; i < 10; ++i) w.look();
    EXPECT_EQ(w.notices.size(), 1u) << "said once";
  }
}

TEST(Retraining, keeps_its_pauses_and_weekly_limit) {
  World w;
  w.policy.max_per_week = 2;
  w.policy.stop_after = 100;
  w.stand(Kind::Performance);
  int begun = 0;
  for (int64_t hour = 0; hour < 7 * 24; ++hour) {
    w.look();
    if (w.wants<StartRun>() == nullptr) continue;
    ++begun;
    w.run_ends(begun + 1, false);
  }
  EXPECT_EQ(begun, 2);
  w.look();
  w.look();
  EXPECT_EQ(w.state.attempt, 3);
}

TEST(Retraining, waits_for_new_labels_and_begins_by_their_number) {
  World w;
  w.policy.min_new_labels = 500;
  w.policy.every_labels = 2000;
  w.stand(Kind::Performance);
  w.facts.new_labels = 499;
  w.look();
  EXPECT_FALSE(w.act);
  w.facts.new_labels = 500;
  w.look();
  EXPECT_TRUE(w.act);
  World by_number;
  by_number.policy = w.policy;
  by_number.facts.new_labels = 1999;
  by_number.look();
  EXPECT_FALSE(by_number.act);
  by_number.facts.new_labels = 2000;
  by_number.look();
  EXPECT_TRUE(by_number.act);
  EXPECT_EQ(by_number.state.trigger.kind, Kind::Labels);
}

TEST(Retraining, stops_after_three_rejections_and_says_so_until_a_person_asks) {
  World w;
  w.policy.max_per_week = 100;
  w.stand(Kind::Performance);
  for (int i = 0; i < 3; ++i) {
    w.look(2 * kDay);
    ASSERT_NE(w.wants<StartRun>(), nullptr) << i;
    w.run_ends(i + 2, false);
    w.look();
  }
  ASSERT_FALSE(w.notices.empty());
  EXPECT_NE(w.notices.back().find("not retrained by itself any more"), std::string::npos) << w.notices.back();
  w.look(30 * kDay);
  EXPECT_FALSE(w.act);
  w.ask(Kind::Schedule);
  w.look();
  EXPECT_FALSE(w.act);
  w.ask(Kind::Person);
  w.look();
  EXPECT_TRUE(w.act);
}

TEST(Retraining, takes_each_request_once_and_one_at_a_time) {
  World w;
  w.ask(Kind::Person);
  const auto same = w.facts.requests;
  w.look();
  ASSERT_TRUE(w.wants<StartRun>());
  w.run_ends(2, false);
  w.facts.requests = same;
  w.look();
  w.facts.requests = same;
  w.look();
  EXPECT_FALSE(w.act);
  w.ask(Kind::Person);
  w.look();
  w.facts.run = {.attempt = 2, .status = Status::Running};
  w.ask(Kind::Person);
  w.look();
  EXPECT_EQ(w.state.attempt, 2);
  EXPECT_EQ(w.notices.size(), 1u);
}

TEST(Retraining, ends_a_challenger_that_is_past_a_limit_and_keeps_it_away) {
  World w;
  w.go_to_canary();
  w.is_well(300);
  w.facts.challenger.errors = 0.02;
  w.look();
  EXPECT_EQ(w.state.stage, Stage::Rejected);
  ASSERT_NE(w.wants<EndRollout>(), nullptr);
  EXPECT_TRUE(w.wants<EndRollout>()->bad);
  w.ask(Kind::Person);
  w.look();  // not done yet: asked for again, and nothing else begins
  ASSERT_NE(w.wants<EndRollout>(), nullptr);
  w.facts.rollout.reset();
  w.look();
  ASSERT_NE(w.wants<EndRollout>(), nullptr) << "it is not withdrawn yet";
  w.facts.withdrawn = {2};
  w.look();
  EXPECT_EQ(w.wants<EndRollout>(), nullptr);
  EXPECT_TRUE(w.state.refused.contains(2));
}

TEST(Retraining, takes_a_number_that_stays_missing_for_a_failure) {
  for (const int which : {0, 1, 2}) {
    World w;
    w.go_to_canary();
    w.is_well(10'000);
    if (which == 0) w.facts.challenger.errors.reset();
    if (which == 1) w.facts.challenger.score_drift.reset();
    if (which == 2) w.facts.challenger.predictions.reset();
    w.look(2 * kHour);
    EXPECT_EQ(w.state.stage, Stage::Canary) << "not at once";
    EXPECT_FALSE(w.act);
    w.look(kMissingGrace.micros);
    EXPECT_EQ(w.state.stage, Stage::Rejected);
  }
}

TEST(Retraining, misses_no_comparison_of_scores_once_it_has_all_requests) {
  World w;
  w.policy.canary = {10, 100};
  w.go_to_canary();
  w.is_well(10'000);
  w.look(2 * kHour);
  w.look();
  w.do_begin();
  ASSERT_EQ(w.facts.rollout->percent, 100);
  w.facts.challenger.score_drift.reset();  // the champion answers nobody
  w.look(kMinute);
  EXPECT_FALSE(w.act);
  w.look();
  w.look();
  EXPECT_NE(w.wants<Promote>(), nullptr);
}

TEST(Retraining, does_not_judge_by_few_predictions_nor_wait_for_ever) {
  World w;
  w.go_to_canary();
  w.is_well(kMinStagePredictions - 1);
  w.facts.challenger.errors = 1;
  w.look(kDay);
  EXPECT_EQ(w.state.stage, Stage::Canary);
  w.look(kLongestStage.micros);
  EXPECT_EQ(w.state.stage, Stage::Rejected);
  EXPECT_EQ(w.state.rejections, 0);
}

TEST(Retraining, does_not_go_on_with_live_data_that_are_bad) {
  World w;
  w.go_to_canary();
  w.is_well(10'000);
  w.facts.bad_data = {"quality missing"};
  w.look(kDay);
  EXPECT_EQ(w.state.percent, 10);
  w.facts.bad_data.clear();
  w.look();
  EXPECT_EQ(w.state.percent, 50);
}

TEST(Retraining, gives_way_to_what_a_person_does) {
  World promoted;
  promoted.go_to_canary();
  promoted.facts.champion = 2;
  promoted.facts.rollout.reset();
  promoted.look();
  EXPECT_EQ(promoted.state.stage, Stage::Promoted);

  World ended;
  ended.go_to_canary();
  ended.facts.rollout.reset();
  ended.look();
  EXPECT_EQ(ended.state.stage, Stage::Rejected);
  EXPECT_EQ(ended.state.rejections, 0);

  World replaced;
  replaced.go_to_canary();
  replaced.facts.rollout->version = 9;
  replaced.look();
  EXPECT_EQ(replaced.state.stage, Stage::Rejected);
  EXPECT_FALSE(replaced.act);

  World moved;
  moved.go_to_canary();
  moved.facts.rollout->percent = 80;
  moved.facts.rollout->since = moved.now;
  moved.is_well(10'000);
  moved.look(2 * kHour);
  moved.look(2 * kHour);
  ASSERT_NE(moved.wants<Promote>(), nullptr);

  World other;
  other.go_to_canary();
  other.facts.champion = 7;
  other.look();
  EXPECT_EQ(other.state.stage, Stage::Rejected);
  EXPECT_NE(other.wants<EndRollout>(), nullptr);
}

TEST(Retraining, rolls_back_what_it_promoted_when_a_monitor_says_so) {
  World w;
  w.policy.hold_for = Duration{2 * kDay};
  w.go_to_canary();
  w.facts.champion = 2;
  w.facts.rollout.reset();
  w.look();
  w.facts.rollback = "roc_auc fell";
  w.look();
  ASSERT_NE(w.wants<RollBack>(), nullptr);
  EXPECT_EQ(w.wants<RollBack>()->version, 2);
  w.facts.champion = 1;
  w.facts.withdrawn = {2};
  w.facts.hold = "rollback";
  w.stand(Kind::Performance);
  w.look();
  EXPECT_EQ(w.state.stage, Stage::RolledBack);
  EXPECT_FALSE(w.act) << "what was champion before is not rolled back as well";
  w.look(kDay);
  EXPECT_FALSE(w.act);
  w.look(kDay);
  EXPECT_NE(w.wants<ReleaseHold>(), nullptr);
  w.facts.hold.reset();
  w.look();
  EXPECT_NE(w.wants<StartRun>(), nullptr);
  w.run_ends(2, true);  // the same version again
  w.look();
  EXPECT_EQ(w.state.stage, Stage::RolledBack);
  EXPECT_EQ(w.wants<Promote>(), nullptr);
}

TEST(Retraining, gives_up_an_act_that_never_comes_about) {
  World w;
  w.ask(Kind::Person);
  w.look();
  for (int i = 0; i < kMaxTries; ++i) w.look(kMinute);
  EXPECT_EQ(w.state.stage, Stage::Rejected);
  EXPECT_EQ(w.state.rejections, 0);
  World interrupted;
  interrupted.ask(Kind::Person);
  interrupted.look();
  interrupted.facts.run = {.attempt = 1, .status = Status::Interrupted};
  int again = 0;
  while (!is_resting(interrupted.state.stage) && again < 20) {
    interrupted.look();
    again += interrupted.wants<StartRun>() != nullptr ? 1 : 0;
  }
  EXPECT_EQ(again, kMaxRuns - 1);
}

TEST(Retraining, asks_again_for_an_act_but_not_at_every_look) {
  World w;
  w.ask(Kind::Person);
  w.look();
  EXPECT_TRUE(w.act);
  w.look(1'000'000);
  EXPECT_FALSE(w.act);
  w.look(kMinute);
  EXPECT_TRUE(w.act);
}

TEST(Retraining, takes_up_a_run_that_it_does_not_remember) {
  World w;
  w.facts.run = {.attempt = 4, .status = Status::Running};
  w.look();
  EXPECT_EQ(w.state.attempt, 4);
  EXPECT_EQ(w.state.stage, Stage::Snapshot);
  EXPECT_FALSE(w.act);
}

TEST(Retraining, takes_up_what_a_schedule_made) {
  World world;
  world.facts.run = {.attempt = 1, .status = Status::Done, .candidate = Facts::Candidate{2, true, 1}};
  world.facts.run->trigger = Trigger{Kind::Schedule, "schedule 0 6 * * *"};
  world.look();
  EXPECT_EQ(world.state.trigger.kind, Kind::Schedule);
  EXPECT_EQ(world.state.stage, Stage::Shadow);
  world.do_begin();
}

TEST(Retraining, is_not_stopped_by_a_clock_that_was_years_ahead) {
  World w;
  w.stand(Kind::Performance);
  const Instant before = w.now;
  w.now.micros += 4000 * kDay;
  w.look();
  w.run_ends(2, false);
  w.look();
  w.now = before;
  w.facts.new_labels = 1;
  w.look();
  EXPECT_FALSE(w.act);
  w.look(kDay);
  EXPECT_NE(w.wants<StartRun>(), nullptr);
}

}  // namespace tidemill::monitoring
