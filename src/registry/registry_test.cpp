#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

TEST(Registry, makes_a_home_and_finds_what_a_run_recorded) {
  TestHome home;
  auto registry = home.open();
  const Release release = home.publish(*registry, "run1", {{"flights", "k1", "rows of flights"}});
  EXPECT_EQ(release.id, 1);
  EXPECT_EQ(release.run, "run1");
  const auto live = must(registry->live_tables());
  ASSERT_TRUE(live.contains("flights"));
  EXPECT_EQ(must(registry->read_object(live.at("flights").object)), "rows of flights");
  EXPECT_EQ(live.at("flights").columns,
            (std::vector<ColumnInfo>{{"id", "BIGINT"}, {"note \"x\"", "VARCHAR"}}));

  registry = home.open();
  const auto found = must(registry->find_output("source:flights", "k1"));
  ASSERT_TRUE(found && found->table);
  EXPECT_FALSE(found->withdrawn);
  EXPECT_EQ(found->table->id, release.tables.at("flights"));
  EXPECT_FALSE(must(registry->find_output("source:flights", "k2")));
  EXPECT_EQ(must(registry->all_outputs()).size(), 1u);
}

}  // namespace
}  // namespace tidemill::registry
