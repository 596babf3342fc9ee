#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

class Promotion : public ::testing::Test {
 protected:
  void SetUp() override {
    registry = home.open();
    TestHome::begin(*registry, "run1");
    for (int i = 1; i <= 3; ++i) TestHome::add_version(*registry, "run1", {"late", "m" + std::to_string(i)});
    TestHome::add_version(*registry, "run1", {"late", "m4", "rejected"});
  }
  int champion() { return must(registry->aliases("late")).at("champion"); }
  TestHome home;
  std::unique_ptr<Registry> registry;
};

TEST_F(Promotion, numbers_versions_from_one_for_each_model) {
  EXPECT_EQ(TestHome::add_version(*registry, "run1", {"price", "p"}).number, 1);
  EXPECT_EQ(must(registry->models()), (std::vector<std::string>{"late", "price"}));
  const auto versions = must(registry->versions("late"));
  ASSERT_EQ(versions.size(), 4u);
  EXPECT_EQ(versions[0].number, 4);
  EXPECT_EQ(versions[0].state, "rejected");
}

TEST_F(Promotion, a_person_sets_alias_and_anchor_and_makes_a_release) {
  must(registry->promote("late", 2, "champion", "looks good"));
  EXPECT_EQ(champion(), 2);
  EXPECT_EQ(must(registry->anchor("late")), 2);
  EXPECT_EQ(must(registry->releases()).at(0).note, "promote late 2 to champion: looks good");
  must(registry->promote("late", 3, "challenger", ""));
  EXPECT_EQ(must(registry->anchor("late")), 2);
  const AuditEntry entry = must(registry->audit(1)).at(0);
  EXPECT_EQ(entry.what, "promote");
  EXPECT_EQ(entry.who, "ann@here");
  EXPECT_EQ(entry.details["alias"], "challenger");
}

TEST_F(Promotion, references_are_numbers_or_aliases) {
  must(registry->promote("late", 2, "champion", ""));
  EXPECT_EQ(must(registry->version("late", "champion")).number, 2);
  EXPECT_EQ(must(registry->version("late", "3")).number, 3);
  const auto typo = registry->version("late", "chapmion");
  ASSERT_EQ(code_of(typo), "registry.unknown_version");
  EXPECT_EQ(typo.error().hint, "did you mean 'champion'?");
  EXPECT_EQ(code_of(registry->version("late", "9")), "registry.unknown_version");
  const auto model = registry->version("lat", "1");
  ASSERT_EQ(code_of(model), "registry.unknown_model");
  EXPECT_EQ(model.error().hint, "did you mean 'late'?");
  for (const std::string reference : {"", "-1", "0", "2x", "99999999999999999999"})
    EXPECT_FALSE(registry->version("late", reference)) << reference;
}

TEST_F(Promotion, an_alias_is_a_word_and_no_number) {
  for (const std::string alias : {"", "2", "a b", "a@b", "../x"})
    EXPECT_EQ(code_of(registry->promote("late", 1, alias, "")), "registry.bad_alias") << alias;
  must(registry->promote("late", 1, "canary-2", ""));
}

TEST_F(Promotion, each_rollback_goes_one_version_further_back) {
  for (const int version : {1, 2, 3}) must(registry->promote("late", version, "champion", ""));
  EXPECT_EQ(must(registry->rollback_alias("late", "champion", "")), 2);
  EXPECT_EQ(must(registry->rollback_alias("late", "champion", "")), 1);
  const auto first = registry->rollback_alias("late", "champion", "");
  ASSERT_EQ(code_of(first), "registry.no_previous");
  EXPECT_EQ(first.error().message,
            "late@champion has no version before 1 to go back to; version 2 was itself taken back");
  EXPECT_EQ(first.error().hint,
            "`tidemill promote late 2` brings it live again, after `tidemill promote late --release-hold`");
  EXPECT_EQ(champion(), 1);
  must(registry->release_hold("late"));
  must(registry->promote("late", 1, "canary", ""));
  EXPECT_EQ(registry->rollback_alias("late", "canary", "").error().message,
            "late@canary was never another version than 1");
  EXPECT_EQ(code_of(registry->rollback_alias("late", "challenger", "")), "registry.unknown_version");
}

TEST_F(Promotion, a_rollback_holds_promotion_until_released) {
  must(registry->promote("late", 1, "champion", ""));
  must(registry->promote("late", 2, "champion", ""));
  must(registry->rollback_alias("late", "champion", "too many false alarms"));
  EXPECT_NE(must(registry->hold("late"))->find("too many false alarms"), std::string::npos);
  const auto held = registry->promote("late", 3, "champion", "");
  ASSERT_EQ(code_of(held), "registry.on_hold");
  EXPECT_NE(held.error().message.find("too many false alarms"), std::string::npos);
  EXPECT_FALSE(held.error().hint.empty());
  EXPECT_EQ(code_of(registry->end_run({"run1", "done", Json::object(), {}, {{"late", "champion", 3, ""}}})),
            "registry.on_hold");
  must(registry->release_hold("late"));
  EXPECT_FALSE(must(registry->hold("late")));
  must(registry->promote("late", 3, "champion", ""));
  EXPECT_EQ(code_of(registry->release_hold("late")), "registry.no_hold");
}

TEST_F(Promotion, the_culprit_of_a_rollback_is_withdrawn_until_a_person_wants_it) {
  must(registry->promote("late", 1, "champion", ""));
  must(registry->promote("late", 2, "champion", ""));
  must(registry->rollback_alias("late", "champion", ""));
  EXPECT_TRUE(must(registry->find_output("model:late", "m2"))->withdrawn);
  EXPECT_FALSE(must(registry->find_output("model:late", "m1"))->withdrawn);
  EXPECT_EQ(must(registry->anchor("late")), 1);
  must(registry->release_hold("late"));
  must(registry->promote("late", 2, "champion", "it was the sensor"));
  EXPECT_FALSE(must(registry->find_output("model:late", "m2"))->withdrawn);
}

TEST_F(Promotion, after_a_release_rollback_an_alias_rolls_back_from_there) {
  must(registry->promote("late", 1, "champion", ""));
  must(registry->promote("late", 2, "champion", ""));  // release 2
  must(registry->promote("late", 3, "champion", ""));
  must(registry->rollback_release(2, ""));
  EXPECT_EQ(champion(), 2);
  EXPECT_EQ(must(registry->rollback_alias("late", "champion", "")), 1);  // not to 3, which was taken back
}

TEST_F(Promotion, the_anchor_is_a_version_that_may_be_live) {
  EXPECT_EQ(must(registry->anchor("late")), std::nullopt);
  TestHome::begin(*registry, "next");
  const auto ends_with_anchor = [&](int version) {
    return registry->end_run(
        {"next", "done", Json::object(), {}, {{"late", "champion", 3, ""}}, {{"late", version}}});
  };
  EXPECT_EQ(code_of(ends_with_anchor(4)), "registry.rejected");
  EXPECT_EQ(code_of(ends_with_anchor(5)), "registry.unknown_version");
  EXPECT_EQ(must(registry->anchor("late")), std::nullopt);
  EXPECT_TRUE(must(registry->aliases("late")).empty()) << "neither of the two moves alone";
  must(ends_with_anchor(3));
  EXPECT_EQ(must(registry->anchor("late")), 3);
  EXPECT_EQ(champion(), 3);
}

TEST_F(Promotion, a_retired_version_is_out_of_everything_for_good) {
  must(registry->promote("late", 1, "champion", ""));  // release 1
  must(registry->promote("late", 2, "champion", ""));
  must(registry->promote("late", 2, "canary", ""));
  must(registry->promote("late", 3, "champion", ""));
  must(registry->retire("late", {2}, "it knows the answer"));
  EXPECT_EQ(must(registry->aliases("late")), (std::map<std::string, int>{{"champion", 3}}));
  EXPECT_EQ(must(registry->version("late", "2")).retired, "it knows the answer");
  EXPECT_EQ(must(registry->anchor("late")), 3);
  EXPECT_EQ(code_of(registry->promote("late", 2, "champion", "")), "registry.retired");
  EXPECT_EQ(code_of(registry->retire("late", {2}, "again")), "registry.retired");
  EXPECT_EQ(code_of(registry->retire("late", {9}, "")), "registry.unknown_version");
  EXPECT_EQ(code_of(registry->rollback_release(2, "")), "registry.retired");
  EXPECT_EQ(must(registry->rollback_alias("late", "champion", "")), 1) << "it goes past the retired one";
  const AuditEntry entry = must(registry->audit(2)).at(1);
  EXPECT_EQ(entry.what, "retire");
  EXPECT_EQ(entry.details["versions"], Json::array({2}));
}

TEST_F(Promotion, a_retired_anchor_gives_way_to_the_champion_if_there_is_one) {
  must(registry->promote("late", 1, "champion", ""));
  must(registry->end_run({"run1", "done", Json::object(), {}, {{"late", "champion", 2, ""}}}));
  EXPECT_EQ(must(registry->anchor("late")), 1);
  EXPECT_TRUE(must(registry->moved_by_run("late", "champion")));
  must(registry->retire("late", {1}, "leak"));
  EXPECT_EQ(must(registry->anchor("late")), 2);
  must(registry->retire("late", {2}, "leak"));
  EXPECT_EQ(must(registry->anchor("late")), std::nullopt);
  EXPECT_FALSE(must(registry->moved_by_run("late", "champion")));
  must(registry->promote("late", 3, "champion", ""));
  EXPECT_FALSE(must(registry->moved_by_run("late", "champion")));
}

}  // namespace
}  // namespace tidemill::registry
