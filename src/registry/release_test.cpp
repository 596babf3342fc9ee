#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

bool withdrawn(const Registry& registry, const std::string& step, const std::string& key) {
  const auto output = must(registry.find_output(step, key));
  return output && output->withdrawn;
}

TEST(Release, live_pointers_move_only_when_the_run_ends) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "old"}});
  TestHome::begin(*registry, "run2");
  const Table table = TestHome::add_table(*registry, "run2", {"flights", "k2", "new"});
  const Version version = TestHome::add_version(*registry, "run2", {"late", "m1"});
  EXPECT_EQ(must(registry->live_tables()).at("flights").step_key, "k1");
  EXPECT_TRUE(must(registry->aliases("late")).empty());
  const int64_t before = must(registry->generation());
  const Release release = must(registry->end_run({"run2",
                                                  "done",
                                                  Json::object(),
                                                  {{"flights", table.id}},
                                                  {{"late", "champion", version.number, "first"}}}))
                              .value();
  EXPECT_EQ(must(registry->live_tables()).at("flights").step_key, "k2");
  EXPECT_EQ(release.aliases.at("late").at("champion"), 1);
  EXPECT_NE(must(registry->generation()), before);
  EXPECT_EQ(must(registry->run("run2"))->status, "done");
}

TEST(Release, none_is_made_when_nothing_moved) {
  TestHome home;
  const auto registry = home.open();
  const Release first = home.publish(*registry, "run1", {{"flights", "k1", "rows"}}, {{"late", "m1"}});
  const int64_t before = must(registry->generation());
  TestHome::begin(*registry, "run2");
  EXPECT_FALSE(
      must(registry->end_run({"run2", "done", Json::object(), first.tables, {{"late", "champion", 1, ""}}})));
  TestHome::begin(*registry, "run3");  // made again from the same inputs, byte for byte
  const Table again = TestHome::add_table(*registry, "run3", {"flights", "k1", "rows"});
  EXPECT_FALSE(must(registry->end_run({"run3", "done", Json::object(), {{"flights", again.id}}})));
  EXPECT_EQ(must(registry->releases()).size(), 1u);
  EXPECT_EQ(must(registry->generation()), before);
}

TEST(Release, the_live_snapshot_took_the_place_of_another) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "first"}, {"airports", "k1", "a"}});
  EXPECT_FALSE(must(registry->live_before("flights")));
  home.publish(*registry, "run2", {{"flights", "k2", "second"}});
  home.publish(*registry, "run3", {{"flights", "k3", "third"}});
  EXPECT_EQ(must(registry->live_before("flights")).value().step_key, "k2");
  EXPECT_FALSE(must(registry->live_before("airports")));
  EXPECT_FALSE(must(registry->live_before("planes")));
  must(registry->rollback_release(1, "as before"));
  EXPECT_EQ(must(registry->live_before("flights")).value().step_key, "k3");
}

TEST(Release, a_run_that_names_nonsense_moves_nothing) {
  TestHome home;
  const auto registry = home.open();
  const Release first = home.publish(*registry, "run1", {{"flights", "k1", "rows"}}, {{"late", "m1"}});
  TestHome::begin(*registry, "run2");
  const Table good = TestHome::add_table(*registry, "run2", {"airports", "k1", "a"});
  EXPECT_EQ(
      code_of(registry->end_run({"run2", "done", Json::object(), {{"airports", good.id}, {"flights", 999}}})),
      "registry.unknown_table");
  EXPECT_EQ(code_of(registry->end_run(
                {"run2", "done", Json::object(), {{"airports", first.tables.at("flights")}}})),
            "registry.unknown_table");
  EXPECT_EQ(code_of(registry->end_run(
                {"run2", "done", Json::object(), {{"airports", good.id}}, {{"late", "champion", 7, ""}}})),
            "registry.unknown_version");
  EXPECT_EQ(must(registry->live_tables()).size(), 1u);
  EXPECT_EQ(must(registry->run("run2"))->status, "running");
}

TEST(Release, a_rejected_version_never_goes_live) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  TestHome::add_version(*registry, "run1", {"late", "m1", "rejected"});
  EXPECT_EQ(code_of(registry->end_run({"run1", "done", Json::object(), {}, {{"late", "champion", 1, ""}}})),
            "registry.rejected");
  EXPECT_EQ(code_of(registry->promote("late", 1, "champion", "")), "registry.rejected");
}

TEST(Release, an_alias_that_somebody_moved_meanwhile_is_not_overrun) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {}, {{"late", "m1"}});
  home.publish(*registry, "run2", {}, {{"late", "m2"}});
  TestHome::begin(*registry, "run3");
  const int third = TestHome::add_version(*registry, "run3", {"late", "m3"}).number;
  must(registry->promote("late", 1, "champion", "2 was a mistake"));
  const AliasMove judged{"late", "champion", third, "better than 2", 2};
  EXPECT_EQ(code_of(registry->end_run({"run3", "done", Json::object(), {}, {judged}})), "registry.moved");
  EXPECT_EQ(must(registry->aliases("late")).at("champion"), 1);
}

TEST(Rollback, puts_everything_back_as_a_new_release) {
  TestHome home;
  const auto registry = home.open();
  const Release first = home.publish(*registry, "run1", {{"flights", "k1", "old"}}, {{"late", "m1"}});
  home.publish(*registry, "run2", {{"flights", "k2", "new"}, {"airports", "a1", "a"}},
               {{"late", "m2"}, {"price", "p1"}});
  const Release back = must(registry->rollback_release(first.id, "wrong numbers"));
  EXPECT_EQ(back.id, 3);
  EXPECT_EQ(back.note, "rollback to 1: wrong numbers");
  EXPECT_EQ(back.tables, first.tables);
  EXPECT_EQ(back.aliases, first.aliases);
  EXPECT_EQ(must(registry->live_tables()).size(), 1u);
  EXPECT_EQ(must(registry->live_tables()).at("flights").step_key, "k1");
  EXPECT_TRUE(must(registry->aliases("price")).empty());
  EXPECT_TRUE(must(registry->hold("late")));
  EXPECT_TRUE(must(registry->hold("price")));
  EXPECT_EQ(must(registry->releases()).size(), 3u);
  EXPECT_EQ(must(registry->releases()).at(1).tables.size(), 2u);  // history is as it was
}

TEST(Rollback, what_was_taken_back_does_not_come_back_until_inputs_change) {
  TestHome home;
  const auto registry = home.open();
  const Release first = home.publish(*registry, "run1", {{"flights", "k1", "old"}}, {{"late", "m1"}});
  home.publish(*registry, "run2", {{"flights", "k2", "worse"}}, {{"late", "m2"}});
  home.publish(*registry, "run3", {{"flights", "k3", "worst"}});
  must(registry->rollback_release(first.id, ""));
  EXPECT_TRUE(withdrawn(*registry, "source:flights", "k2"));
  EXPECT_TRUE(withdrawn(*registry, "source:flights", "k3"));
  EXPECT_TRUE(withdrawn(*registry, "model:late", "m2"));
  EXPECT_FALSE(withdrawn(*registry, "source:flights", "k1"));
  EXPECT_FALSE(withdrawn(*registry, "model:late", "m1"));
  EXPECT_TRUE(must(registry->all_outputs()).at(std::string("source:flights\0k3", 17)).withdrawn);
  EXPECT_FALSE(
      must(registry->find_output("source:flights", "k4")));  // new inputs: nothing stands in their way
  home.publish(*registry, "run4", {{"flights", "k4", "mended"}});
  EXPECT_EQ(must(registry->live_tables()).at("flights").step_key, "k4");

  must(registry->reinstate("source:flights", "k3"));
  EXPECT_FALSE(withdrawn(*registry, "source:flights", "k3"));
  EXPECT_TRUE(withdrawn(*registry, "source:flights", "k2"));
}

TEST(Rollback, a_key_that_was_made_again_names_the_restored_snapshot) {
  TestHome home;
  const auto registry = home.open();
  const Release first = home.publish(*registry, "run1", {{"flights", "k1", "first"}});
  home.publish(*registry, "run2", {{"flights", "k1", "forced again, and wrong"}});
  must(registry->rollback_release(first.id, ""));
  const auto output = must(registry->find_output("source:flights", "k1"));
  ASSERT_TRUE(output && output->table);
  EXPECT_FALSE(output->withdrawn);
  EXPECT_EQ(output->table->id, first.tables.at("flights"));
}

TEST(Rollback, can_itself_be_rolled_back) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "old"}}, {{"late", "m1"}});
  const Release second = home.publish(*registry, "run2", {{"flights", "k2", "new"}}, {{"late", "m2"}});
  must(registry->rollback_release(1, ""));
  const Release forth = must(registry->rollback_release(second.id, "it was right after all"));
  EXPECT_EQ(forth.tables, second.tables);
  EXPECT_EQ(forth.aliases, second.aliases);
  EXPECT_FALSE(withdrawn(*registry, "source:flights", "k2"));
  EXPECT_TRUE(withdrawn(*registry, "source:flights", "k1"));
}

TEST(Rollback, survives_a_run_that_was_planned_before_it) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "old"}});
  home.publish(*registry, "run2", {{"flights", "k2", "bad"}});
  TestHome::begin(*registry, "run3");
  const Table made = TestHome::add_table(*registry, "run3", {"features", "f2", "made of bad"});
  must(registry->rollback_release(1, ""));
  EXPECT_EQ(code_of(registry->end_run({"run3", "done", Json::object(), {{"features", made.id}}})),
            "registry.rolled_back");
  EXPECT_EQ(must(registry->live_tables()).size(), 1u);
  must(registry->end_run({"run3", "failed"}));
}

TEST(Rollback, to_what_is_live_or_was_never_there_is_an_error) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "old"}});
  EXPECT_EQ(code_of(registry->rollback_release(1, "")), "registry.already_live");
  EXPECT_EQ(code_of(registry->rollback_release(2, "")), "registry.unknown_release");
  EXPECT_EQ(must(registry->releases()).size(), 1u);
}

}  // namespace
}  // namespace tidemill::registry
