#include "registry/registry_test_support.hpp"
#include "registry/sqlite.hpp"

namespace tidemill::registry {
namespace {

class Rollouts : public ::testing::Test {
 protected:
  void SetUp() override {
    store = home.open();
    TestHome::begin(*store, "run1");
    for (int i = 1; i <= 3; ++i) TestHome::add_version(*store, "run1", {"late", "m" + std::to_string(i)});
    must(store->promote("late", 1, "champion", ""));
  }
  Result<Rollout> canary(int version, double percent, const std::string& deployment = "late") {
    return store->set_rollout(
        {deployment, "late", "champion", version, Rollout::Stage::Canary, percent, "why"});
  }
  Result<Rollout> shadow(int version) {
    return store->set_rollout({"late", "late", "champion", version, Rollout::Stage::Shadow, 0, "why"});
  }
  AuditEntry last() { return must(store->audit(1)).at(0); }

  TestHome home;
  std::unique_ptr<Registry> store;
};

TEST_F(Rollouts, say_which_version_challenges_since_when_and_why) {
  EXPECT_TRUE(must(store->rollouts()).empty());
  const int64_t before = must(store->generation());
  const Instant began = home.clock->at;
  must(shadow(2));
  EXPECT_NE(must(store->generation()), before);
  home.clock->at.micros += 1'000'000;
  must(canary(2, 12.5));
  const Rollout rollout = must(store->rollouts()).at("late");
  EXPECT_EQ(rollout.version, 2);
  EXPECT_EQ(rollout.stage, Rollout::Stage::Canary);
  EXPECT_EQ(rollout.percent, 12.5);
  EXPECT_EQ(rollout.alias, "champion");
  EXPECT_EQ(rollout.began_at.micros, began.micros);
  EXPECT_EQ(rollout.since.micros, home.clock->at.micros);
  EXPECT_EQ(rollout.who, "ann@here");
  EXPECT_EQ(rollout.reason, "why");
  EXPECT_EQ(last().what, "rollout");
  EXPECT_EQ(last().details["before"]["stage"], "shadow");
  must(shadow(3));
  EXPECT_EQ(must(store->rollouts()).at("late").began_at.micros, home.clock->at.micros);
  EXPECT_EQ(must(store->end_rollout("late", "enough")).version, 3);
  EXPECT_EQ(last().what, "end_rollout");
  EXPECT_EQ(last().details["reason"], "enough");
  EXPECT_TRUE(must(store->rollouts()).empty());
  EXPECT_EQ(code_of(store->end_rollout("late", "")), "registry.no_rollout");
}

TEST_F(Rollouts, take_no_version_that_may_not_go_live) {
  TestHome::add_version(*store, "run1", {"late", "m4", "rejected"});
  EXPECT_EQ(code_of(canary(4, 10)), "registry.rejected");
  EXPECT_EQ(code_of(canary(5, 10)), "registry.unknown_version");
  EXPECT_EQ(code_of(canary(1, 10)), "registry.already_live");
  must(store->retire("late", {3}, "a leak"));
  EXPECT_EQ(code_of(canary(3, 10)), "registry.retired");
  must(store->promote("late", 2, "champion", ""));
  must(store->rollback_alias("late", "champion", ""));
  EXPECT_EQ(code_of(canary(2, 10)), "registry.on_hold");
  must(store->release_hold("late"));
  EXPECT_EQ(code_of(canary(2, 10)), "registry.withdrawn");
  EXPECT_TRUE(must(store->rollouts()).empty());
}

TEST_F(Rollouts, take_shares_above_nothing_up_to_all_of_a_canary_alone) {
  for (const double percent : {0.0, -1.0, 100.1, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(code_of(canary(2, percent)), "registry.percent") << percent;
  EXPECT_EQ(code_of(store->set_rollout({"late", "late", "champion", 2, Rollout::Stage::Shadow, 5})),
            "registry.percent");
  EXPECT_EQ(code_of(canary(2, 100)), "no error");
}

TEST_F(Rollouts, need_something_to_challenge) {
  EXPECT_EQ(code_of(store->set_rollout({"late", "late", "7", 2})), "registry.pinned");
  EXPECT_EQ(code_of(store->set_rollout({"late", "late", "other", 2})), "registry.no_champion");
}

TEST_F(Rollouts, end_when_the_challenger_takes_the_place) {
  must(canary(2, 50));
  must(canary(3, 50, "second"));
  must(store->promote("late", 2, "other", ""));
  EXPECT_EQ(must(store->rollouts()).size(), 2U);
  must(store->promote("late", 2, "champion", ""));
  EXPECT_EQ(must(store->rollouts()).size(), 1U);
  EXPECT_EQ(must(store->rollouts()).at("second").version, 3);
  EXPECT_EQ(last().what, "end_rollout");
  TestHome::begin(*store, "run2");
  Registry::Publication publication{"run2", "done"};
  publication.aliases.push_back({"late", "champion", 3, "better"});
  must(store->end_run(publication));
  EXPECT_TRUE(must(store->rollouts()).empty());
}

TEST_F(Rollouts, end_with_a_rollback_and_with_retirement) {
  must(store->promote("late", 2, "champion", ""));
  must(canary(3, 50));
  must(store->rollback_alias("late", "champion", ""));
  EXPECT_TRUE(must(store->rollouts()).empty());
  must(store->release_hold("late"));
  must(canary(3, 50));
  must(store->rollback_release(2, ""));
  EXPECT_TRUE(must(store->rollouts()).empty());
  must(store->release_hold("late"));
  must(canary(3, 50));
  must(store->retire("late", {3}, "a leak"));
  EXPECT_TRUE(must(store->rollouts()).empty());
}

TEST_F(Rollouts, keep_their_version_from_gc) {
  must(canary(2, 50));
  must(store->gc(1, false));
  EXPECT_FALSE(must(store->version("late", "2")).dropped);
  must(store->end_rollout("late", ""));
  must(store->gc(1, false));
  EXPECT_TRUE(must(store->version("late", "2")).dropped);
  EXPECT_EQ(code_of(canary(2, 50)), "registry.dropped");
}

TEST_F(Rollouts, say_from_where_they_were_changed) {
  const auto remote =
      must(Registry::open({home.path(), home.clock, "token shop", Options::Mode::ReadWrite, "10.0.0.7"}));
  must(remote->set_rollout({"late", "late", "champion", 2}));
  EXPECT_EQ(last().who, "token shop");
  EXPECT_EQ(last().details["from"], "10.0.0.7");
  EXPECT_EQ(must(store->verify_audit()), 2);
}

TEST_F(Rollouts, are_none_in_a_home_of_format_5) {
  store.reset();
  must(must(Database::open(home.path() / "meta.db", Database::Access::ReadWrite))
           .script("DROP TABLE rollouts; DROP TABLE schedules; DROP TABLE ticks; DROP TABLE retrainings; "
                   "DROP TABLE retraining_steps; DROP TABLE retraining_runs; DROP TABLE retraining_requests; "
                   "PRAGMA user_version = 5"));
  EXPECT_EQ(code_of(home.try_open(Options::Mode::ReadOnly)), "registry.older_format");
  store = home.open();
  EXPECT_TRUE(must(store->rollouts()).empty());
  must(canary(2, 50));
  EXPECT_EQ(must(store->version("late", "champion")).number, 1);
}

}  // namespace
}  // namespace tidemill::registry
