#include "serving/deployments.hpp"

#include "serving/deployment_status.hpp"
#include "serving/promotion.hpp"
#include "serving/serving_for_tests.hpp"

namespace tidemill::serving {
namespace {

using registry::must;

class Serving : public ::testing::Test, public TestServing {
 protected:
  Serving() : TestServing(3) {}
};

TEST_F(Serving, tries_again_after_a_pause_what_could_not_be_loaded) {
  must(store->promote("late", 1, "champion", ""));
  const auto deployments = Deployments::open(project, *store, home.clock);
  ASSERT_NE(deployments->find("late"), nullptr) << deployments->problem("late");
  must(store->promote("late", 2, "champion", ""));
  hide(2);
  EXPECT_EQ(deployments->refresh(*store), 0);
  EXPECT_EQ(deployments->find("late")->version, 1);
  EXPECT_NE(deployments->problem("late"), "");
  EXPECT_EQ(deployments->load_failures("late"), 1U);
  bring_back(2);
  EXPECT_EQ(deployments->refresh(*store), 0);  // too early
  home.clock->at.micros += 1'000'000;
  EXPECT_EQ(deployments->refresh(*store), 1);
  EXPECT_EQ(deployments->find("late")->version, 2);
  EXPECT_EQ(deployments->problem("late"), "");
}

TEST_F(Serving, pauses_twice_as_long_after_each_failure) {
  const auto deployments = Deployments::open(project, *store, home.clock);  // nothing is champion yet
  std::vector<int64_t> seconds;
  int64_t waited = 0;
  for (uint64_t failures = 1; seconds.size() < 8;) {
    home.clock->at.micros += 1'000'000;
    ++waited;
    deployments->refresh(*store);
    if (deployments->load_failures("late") == failures) continue;
    ++failures;
    seconds.push_back(waited);
    waited = 0;
  }
  EXPECT_EQ(seconds, (std::vector<int64_t>{1, 2, 4, 8, 16, 32, 60, 60}));
}

TEST_F(Serving, has_no_problem_once_the_alias_is_back_at_what_is_live) {
  must(store->promote("late", 1, "champion", ""));
  const auto deployments = Deployments::open(project, *store, home.clock);
  must(store->promote("late", 2, "champion", ""));
  hide(2);
  deployments->refresh(*store);
  ASSERT_NE(deployments->problem("late"), "");
  must(store->promote("late", 1, "champion", ""));
  EXPECT_EQ(deployments->refresh(*store), 0);
  EXPECT_EQ(deployments->problem("late"), "");
}

TEST_F(Serving, knows_the_alias_it_serves_under) {
  must(store->promote("late", 1, "challenger", ""));
  project.deployments["late"].version = "challenger";
  EXPECT_EQ(Deployments::open(project, *store)->find("late")->role, "challenger");
  project.deployments["late"].version = "2";
  EXPECT_EQ(Deployments::open(project, *store)->find("late")->role, "pinned");
}

TEST_F(Serving, holds_champion_and_challenger_and_follows_both) {
  promote(1);
  const auto deployments = open();
  EXPECT_EQ(deployments->live("late")->challenger, nullptr);
  EXPECT_EQ(deployments->live("other"), nullptr);
  shadow(2);
  EXPECT_EQ(deployments->refresh(*store), 1);
  const auto shadowed = deployments->live("late");
  EXPECT_EQ(shadowed->champion->version, 1);
  EXPECT_EQ(shadowed->challenger->version, 2);
  EXPECT_EQ(shadowed->challenger->role, "shadow");
  EXPECT_TRUE(shadowed->has_shadow());
  canary(2, 10);
  EXPECT_EQ(deployments->refresh(*store), 1);
  const auto canaried = deployments->live("late");
  EXPECT_EQ(canaried->challenger->role, "canary");
  EXPECT_EQ(canaried->challenger->predictor, shadowed->challenger->predictor);  // not loaded again
  EXPECT_EQ(canaried->champion, shadowed->champion);
  EXPECT_EQ(canaried->rollout.percent, 10);
  EXPECT_EQ(canaried->find("1")->version, 1);
  EXPECT_EQ(canaried->find("2")->version, 2);
  EXPECT_EQ(canaried->find("3"), nullptr);
  promote(2);
  EXPECT_EQ(deployments->refresh(*store), 1);
  const auto promoted = deployments->live("late");
  EXPECT_EQ(promoted->champion->version, 2);
  EXPECT_EQ(promoted->champion->role, "champion");
  EXPECT_EQ(promoted->champion->predictor, canaried->challenger->predictor);
  EXPECT_EQ(promoted->challenger, nullptr);
  EXPECT_EQ(deployments->refresh(*store), 0);
}

TEST_F(Serving, goes_back_to_the_version_before_without_loading_it) {
  promote(1);
  const auto deployments = open();
  const auto first = deployments->find("late")->predictor;
  promote(2);
  deployments->refresh(*store);
  hide(1);
  must(store->rollback_alias("late", "champion", ""));
  EXPECT_EQ(deployments->refresh(*store), 1);
  EXPECT_EQ(deployments->find("late")->version, 1);
  EXPECT_EQ(deployments->find("late")->predictor, first);
}

TEST_F(Serving, refuses_a_rollout_before_it_is_one_that_refresh_would_refuse) {
  const registry::Rollout wanted{"late", "late", "champion", 2};
  const auto without = open();
  EXPECT_EQ(without->check_rollout(wanted, *store).error().code, "serving.not_live");
  promote(1);
  const auto deployments = open();
  EXPECT_TRUE(deployments->check_rollout(wanted, *store));
  EXPECT_EQ(deployments->live("late")->challenger, nullptr);
  registry::Rollout of_another_alias = wanted;
  of_another_alias.alias = "stable";
  EXPECT_EQ(deployments->check_rollout(of_another_alias, *store).error().code, "serving.rollout");
  hide(2);
  EXPECT_FALSE(deployments->check_rollout(wanted, *store));
  bring_back(2);
  project.deployments["late"].rollout.emplace().sticky = "b";
  EXPECT_EQ(open()->check_rollout(wanted, *store).error().code, "serving.sticky");
}

TEST_F(Serving, a_promotion_that_would_break_callers_is_told_by_its_differences) {
  const auto told = [&](int version, const std::string& alias = "champion") {
    const auto kept = check_keeps_callers(*store, {"late", version, alias});
    return kept ? "" : kept.error().code + ": " + kept.error().message;
  };
  const int regression = add_version({"a"}, forest::Task::Regression);
  EXPECT_EQ(told(regression), "");  // nothing is champion yet
  promote(1);
  EXPECT_EQ(told(1), "");
  EXPECT_EQ(told(2), "");
  EXPECT_EQ(told(99), "");  // for the registry to refuse
  EXPECT_EQ(told(regression, "challenger"), "");
  EXPECT_EQ(told(regression),
            "serving.breaks_callers: version 4 of late would break the callers of version 1, which is "
            "late@champion: its task is regression and was binary");
  hide(1);
  EXPECT_EQ(told(regression), "");  // whoever asked it gets no answer any more
}

TEST_F(Serving, a_challenger_that_cannot_be_loaded_leaves_the_champion_alone) {
  promote(1);
  const auto deployments = open();
  const auto before = deployments->find("late");
  hide(2);
  canary(2, 50);
  deployments->refresh(*store);
  EXPECT_EQ(deployments->find("late"), before);
  EXPECT_EQ(deployments->problem("late"), "");
  EXPECT_NE(deployments->challenger_problem("late"), "");
  EXPECT_EQ(deployments->load_failures("late"), 1U);
  EXPECT_FALSE(deployments->live("late")->has_canary());
  EXPECT_TRUE(deployments->ready());
  const Json status = status_of(*deployments, "late");
  EXPECT_EQ(status["champion"]["version"], 1);
  EXPECT_EQ(status["challenger"]["version"], 2);
  EXPECT_EQ(status["challenger"]["live"], false);
  EXPECT_NE(status["challenger"]["problem"], Json());
  bring_back(2);
  home.clock->at.micros += 1'000'000;
  EXPECT_EQ(deployments->refresh(*store), 1);
  EXPECT_TRUE(deployments->live("late")->has_canary());
  EXPECT_EQ(deployments->challenger_problem("late"), "");
  hide(3);
  canary(3, 50);
  deployments->refresh(*store);
  EXPECT_EQ(deployments->live("late")->challenger, nullptr);  // never the one before
}

TEST_F(Serving, a_challenger_whose_callers_cannot_be_told_apart_as_declared_is_refused) {
  project.deployments["late"].rollout.emplace().sticky = "customer";
  promote(1);
  canary(2, 50);
  const auto deployments = open();
  EXPECT_EQ(deployments->find("late")->version, 1);
  EXPECT_EQ(deployments->challenger_problem("late"),
            "`sticky: customer` is neither a feature of version 1 nor a column of the requests' rows");
  project.deployments["late"].rollout->sticky = "a";
  EXPECT_EQ(open()->live("late")->sticky, "a");
}

TEST_F(Serving, a_rollout_of_what_the_project_no_longer_serves_is_a_problem) {
  promote(1);
  canary(2, 50);
  must(store->promote("late", 1, "other", ""));
  project.deployments["late"].version = "other";
  const auto deployments = open();
  EXPECT_EQ(deployments->find("late")->version, 1);
  EXPECT_EQ(deployments->challenger_problem("late"),
            "the rollout is of late@champion, and the deployment serves late@other");
}

}  // namespace
}  // namespace tidemill::serving
