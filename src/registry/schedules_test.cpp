#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

class Schedules : public ::testing::Test {
 protected:
  void SetUp() override { store = home.open(); }
  void begin(const std::string& run, const Tick& tick) { must(try_begin(run, tick)); }
  Result<void> try_begin(const std::string& run, const Tick& tick) {
    registry::Run value;
    value.id = run;
    return store->begin_run(value, {.tick = tick});
  }
  void end(const std::string& run, const std::string& status) { must(store->end_run({run, status})); }

  const Tick six{"nightly", {1'383'480'000'000'000}}, seven{"nightly", {1'383'566'400'000'000}};
  TestHome home;
  std::unique_ptr<Registry> store;
};

TEST_F(Schedules, keep_their_state_and_the_tick_that_is_to_run) {
  EXPECT_TRUE(must(store->schedules()).empty());
  must(store->keep_schedule("nightly", {{{"looked_at", 5}}, six.at}));
  store = home.open();
  const KeptSchedule kept = must(store->schedules()).at("nightly");
  EXPECT_EQ(kept.state["looked_at"], 5);
  EXPECT_EQ(kept.tick, six.at);
  EXPECT_EQ(kept.ended_at, std::nullopt);
  EXPECT_EQ(must(store->tick(six))->status, "waiting");
}

TEST_F(Schedules, give_each_tick_one_run) {
  must(store->keep_schedule("nightly", {{}, six.at}));
  EXPECT_FALSE(store->is_in_use());
  {
    const auto lock = must(store->lock_for_run("run1"));
    EXPECT_TRUE(store->is_in_use());
    begin("run1", six);
    EXPECT_EQ(must(store->tick(six))->status, "running");
  }
  EXPECT_EQ(must(store->tick(six))->status, "interrupted");
  EXPECT_EQ(code_of(try_begin("run2", six)), "registry.tick_taken");
  EXPECT_FALSE(must(store->run("run2")).has_value());
  end("run1", "done");
  EXPECT_EQ(must(store->tick(six))->status, "done");
  EXPECT_EQ(code_of(try_begin("run2", six)), "registry.tick_taken");
  begin("run2", seven);
}

TEST_F(Schedules, run_a_tick_again_only_when_its_run_was_interrupted_and_nobody_called_it_over) {
  must(store->keep_schedule("nightly", {{}, six.at}));
  begin("run1", six);
  end("run1", "interrupted");
  begin("run2", six);
  const TickRecord again = *must(store->tick(six));
  EXPECT_EQ(again.run, "run2");
  EXPECT_EQ(again.runs, 2);
  end("run2", "interrupted");
  must(store->end_tick({six, "failed", {}, 0, "timed out", {}}));
  EXPECT_EQ(code_of(try_begin("run3", six)), "registry.tick_taken");
}

TEST_F(Schedules, remember_the_last_success_over_later_failures) {
  must(store->keep_schedule("nightly", {{}, six.at}));
  begin("run1", six);
  end("run1", "done");
  must(store->end_tick({six, "done", {}, 0, {}, {}}));
  const Instant succeeded = home.clock->at;
  EXPECT_EQ(must(store->schedules()).at("nightly").tick, std::nullopt);
  home.clock->at.micros += 1'000'000;
  must(store->keep_schedule("nightly", {{}, seven.at}));
  must(store->end_tick({seven, "failed", {}, 0, "no such source", {}}));
  const KeptSchedule kept = must(store->schedules()).at("nightly");
  EXPECT_EQ(kept.succeeded_at, succeeded);
  EXPECT_EQ(kept.ended_at, home.clock->at);
  const auto ticks = must(store->ticks("nightly", 10));
  ASSERT_EQ(ticks.size(), 2U);
  EXPECT_EQ(ticks[0].reason, "no such source");
  must(store->end_tick({six, "failed", {}, 0, "too late", {}}));
  EXPECT_EQ(must(store->tick(six))->status, "done");
}

TEST_F(Schedules, note_what_gets_no_run_and_keep_the_newest) {
  std::vector<TickRecord> given_up;
  for (int64_t i = 0; i < kMaxTicks + 5; ++i)
    given_up.push_back({{"nightly", {i * 1'000'000}}, "given up", {}, 0, "missed", {}});
  must(store->keep_schedule("nightly", {{}, {}}, given_up));
  const auto ticks = must(store->ticks("nightly", 2000));
  EXPECT_EQ(ticks.size(), static_cast<size_t>(kMaxTicks));
  EXPECT_EQ(ticks[0].status, "given up");
  EXPECT_EQ(must(store->schedules()).at("nightly").ended_at, std::nullopt);
  EXPECT_EQ(code_of(try_begin("run1", ticks[0].tick)), "registry.tick_taken");
}

TEST_F(Schedules, are_forgotten_with_the_ticks_that_wait) {
  must(store->keep_schedule("nightly", {{}, six.at}));
  must(store->keep_schedule("hourly", {{}, seven.at}));
  must(store->forget_schedules_but({"hourly"}));
  EXPECT_EQ(must(store->schedules()).size(), 1U);
  EXPECT_EQ(must(store->tick(six))->status, "given up");
  EXPECT_EQ(must(store->tick({"hourly", seven.at}))->status, "waiting");
}

class Retrainings : public ::testing::Test {
 protected:
  void SetUp() override {
    store = home.open();
    TestHome::begin(*store, "run1");
    for (int i = 1; i <= 3; ++i) TestHome::add_version(*store, "run1", {"late", "m" + std::to_string(i)});
    must(store->promote("late", 1, "champion", ""));
  }
  Result<void> promote(int version, int expected, Registry::Anchor anchor = Registry::Anchor::Stays) {
    return store->promote_unattended({"late", "champion", version, "held its limits", expected}, anchor);
  }
  TestHome home;
  std::unique_ptr<Registry> store;
};

TEST_F(Retrainings, keep_state_steps_and_runs) {
  EXPECT_FALSE(must(store->retraining("late")).has_value());
  must(store->keep_retraining(
      {"late", {{"stage", "train"}}, {{home.clock->at, 1, "idle", "triggered", 0, "ann"}}}));
  must(store->keep_retraining(
      {"late", {{"stage", "gate"}}, {{home.clock->at, 1, "train", "gate", 2, "trained"}}}));
  store = home.open();
  EXPECT_EQ((*must(store->retraining("late")))["stage"], "gate");
  const auto steps = must(store->retraining_steps("late", 10));
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].to, "gate");
  EXPECT_EQ(steps[0].version, 2);
  EXPECT_EQ(steps[1].reason, "ann");

  EXPECT_FALSE(must(store->newest_attempt("late")).has_value());
  registry::Run run;
  run.id = "run2";
  must(store->begin_run(run, {.attempt = Attempt{"late", 1}}));
  must(store->note_attempt({"late", 2}, "run1"));
  EXPECT_EQ(must(store->newest_attempt("late"))->run, "run1");
  EXPECT_EQ(must(store->newest_attempt("late"))->attempt, 2);
}

TEST_F(Retrainings, are_asked_for_by_persons_and_answered_once) {
  const int64_t before = must(store->generation());
  const int64_t first = must(store->request_retraining("late", "new airport"));
  EXPECT_NE(must(store->generation()), before);  // so that who answers looks
  const int64_t second = must(store->request_retraining("late", "again"));
  EXPECT_LT(first, second);
  EXPECT_EQ(must(store->audit(1)).at(0).what, "retrain");
  must(store->keep_retraining({"late", Json::object(), {}, first}));
  const auto waiting = must(store->retraining_requests("late"));
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].id, second);
  EXPECT_EQ(waiting[0].who, "ann@here");
  must(store->keep_retraining({"late", Json::object(), {}, second}));
  EXPECT_GT(must(store->request_retraining("late", "")), second);  // never a number again
  for (int64_t i = 1; i < kMaxRetrainingRequests; ++i) must(store->request_retraining("late", ""));
  EXPECT_EQ(code_of(store->request_retraining("late", "")), "registry.too_many_requests");
}

TEST_F(Retrainings, promote_only_what_is_still_expected_and_not_as_a_person) {
  EXPECT_EQ(code_of(promote(2, 3)), "registry.moved");
  must(promote(2, 1));
  EXPECT_EQ(must(store->version("late", "champion")).number, 2);
  EXPECT_TRUE(must(store->moved_by_run("late", "champion")));
  EXPECT_EQ(must(store->anchor("late")), 1);
  const int64_t before = must(store->generation());
  EXPECT_EQ(code_of(promote(2, 1)), "registry.moved");
  must(promote(2, 2));  // done already
  EXPECT_EQ(must(store->generation()), before);
  must(promote(3, 2, Registry::Anchor::Moves));
  EXPECT_EQ(must(store->anchor("late")), 3);
  EXPECT_EQ(code_of(store->rollback_alias("late", "champion", "", 2)), "registry.moved");
  EXPECT_EQ(must(store->rollback_alias("late", "champion", "worse", 3)), 2);
  EXPECT_EQ(code_of(promote(3, 2)), "registry.on_hold");
  must(store->release_hold("late"));
  EXPECT_EQ(code_of(promote(3, 2)), "registry.withdrawn");
  must(store->verify_audit());
}

TEST_F(Retrainings, give_up_a_challenger_once_and_for_all) {
  must(store->set_rollout({"late", "late", "champion", 2, Rollout::Stage::Canary, 10}));
  must(store->give_up_challenger("late", 3, Registry::Challenger::Spare, "another"));
  EXPECT_EQ(must(store->rollouts()).size(), 1U);
  must(store->give_up_challenger("late", 2, Registry::Challenger::Withdraw, "too slow"));
  EXPECT_TRUE(must(store->rollouts()).empty());
  EXPECT_EQ(must(store->withdrawn_versions("late")), std::set<int>{2});
  const auto entries = must(store->verify_audit());
  must(store->give_up_challenger("late", 2, Registry::Challenger::Withdraw, "too slow"));
  EXPECT_EQ(must(store->verify_audit()), entries);
  EXPECT_EQ(code_of(promote(2, 1)), "registry.withdrawn");
  EXPECT_EQ(code_of(store->set_rollout({"late", "late", "champion", 2})), "registry.withdrawn");
  must(store->retire("late", {3}, "a leak"));
  EXPECT_EQ(must(store->withdrawn_versions("late")), (std::set<int>{2, 3}));
}

}  // namespace
}  // namespace tidemill::registry
