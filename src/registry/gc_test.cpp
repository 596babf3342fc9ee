#include <sys/stat.h>

#include <fstream>

#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

bool has(const Registry& registry, const ObjectId& id) {
  return std::filesystem::exists(registry.object_path(id));
}

TEST(Gc, drops_what_no_kept_release_needs) {
  TestHome home;
  const auto registry = home.open();
  for (int i = 1; i <= 4; ++i)
    home.publish(*registry, "run" + std::to_string(i),
                 {{"flights", "k" + std::to_string(i), "bytes " + std::to_string(i)}});
  const auto history = must(registry->table_history("flights"));
  const auto planned = must(registry->gc(2, true));
  EXPECT_EQ(planned.objects_removed, 2u);
  for (const Table& table : history) EXPECT_TRUE(has(*registry, table.object));
  EXPECT_TRUE(must(registry->find_output("source:flights", "k1")));

  const auto done = must(registry->gc(2, false));
  EXPECT_EQ(done.objects_removed, 2u);
  EXPECT_EQ(done.objects_kept, 2u);
  EXPECT_EQ(done.bytes_removed, 14);
  EXPECT_TRUE(has(*registry, history[0].object));
  EXPECT_TRUE(has(*registry, history[1].object));
  EXPECT_FALSE(has(*registry, history[2].object));
  EXPECT_FALSE(
      must(registry->find_output("source:flights", "k1")));  // no longer up to date: its bytes are gone
  EXPECT_TRUE(must(registry->find_output("source:flights", "k3")));
  EXPECT_TRUE(must(registry->table(history[3].id))->dropped);
  EXPECT_EQ(code_of(registry->rollback_release(1, "")), "registry.dropped");
  EXPECT_EQ(must(registry->rollback_release(3, "")).tables.at("flights"), history[1].id);
  EXPECT_EQ(must(registry->verify_objects()), std::vector<std::string>{});
}

TEST(Gc, drops_the_packages_of_versions_that_nothing_names) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  for (int i = 1; i <= 7; ++i) TestHome::add_version(*registry, "run1", {"late", "m" + std::to_string(i)});
  must(registry->end_run({"run1", "done"}));
  must(registry->promote("late", 1, "champion", ""));
  must(registry->promote("late", 2, "champion", ""));
  must(registry->promote("late", 3, "champion", ""));
  must(registry->promote("late", 4, "challenger", ""));
  EXPECT_EQ(must(registry->gc(1, true, {{"late", {5}}})).versions_dropped, 2u);
  EXPECT_FALSE(must(registry->version("late", "1")).dropped);
  const auto done = must(registry->gc(1, false, {{"late", {5}}}));
  EXPECT_EQ(done.versions_dropped, 2u);
  EXPECT_EQ(done.objects_removed, 4u);
  for (const Version& version : must(registry->versions("late"))) {
    // 2 is what a rollback goes back to, 5 is pinned, 7 the newest output.
    const bool gone = version.number == 1 || version.number == 6;
    EXPECT_EQ(version.dropped, gone) << version.number;
    EXPECT_EQ(has(*registry, version.package), !gone) << version.number;
    EXPECT_EQ(must(registry->find_output("model:late", "m" + std::to_string(version.number))).has_value(),
              !gone);
  }
  EXPECT_EQ(must(registry->verify_objects()), std::vector<std::string>{});
  EXPECT_EQ(code_of(registry->promote("late", 6, "champion", "")), "registry.dropped");
  EXPECT_EQ(must(registry->rollback_alias("late", "champion", "")), 2);
  EXPECT_EQ(code_of(registry->rollback_alias("late", "champion", "")), "registry.dropped");
  EXPECT_EQ(code_of(registry->rollback_release(1, "")), "registry.dropped");
}

TEST(Gc, keeps_the_folders_of_the_newest_thousand_runs) {
  TestHome home;
  const auto registry = home.open();
  for (int i = 0; i < 1003; ++i)
    std::filesystem::create_directories(registry->run_folder("r" + std::to_string(10'000 + i)) / "steps");
  EXPECT_EQ(must(registry->gc(1, true)).run_folders_removed, 3u);
  EXPECT_EQ(must(registry->gc(1, false)).run_folders_removed, 3u);
  EXPECT_FALSE(std::filesystem::exists(registry->run_folder("r10002")));
  EXPECT_TRUE(std::filesystem::exists(registry->run_folder("r10003") / "steps"));
}

TEST(Gc, keeps_the_newest_output_of_a_step_that_never_went_live) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "live"}});
  TestHome::begin(*registry, "run2");
  TestHome::add_table(*registry, "run2", {"flights", "k2", "made, and the run failed"});
  TestHome::add_table(*registry, "run2", {"flights", "k3", "made, and the run failed again"});
  must(registry->end_run({"run2", "failed"}));
  EXPECT_EQ(must(registry->gc(1, false)).objects_removed, 1u);
  EXPECT_TRUE(must(registry->find_output("source:flights", "k1")));
  EXPECT_FALSE(must(registry->find_output("source:flights", "k2")));
  EXPECT_TRUE(must(registry->find_output("source:flights", "k3")));
}

TEST(Gc, a_withdrawal_outlives_the_bytes) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "good"}});
  home.publish(*registry, "run2", {{"flights", "k2", "bad"}});
  must(registry->rollback_release(1, ""));
  EXPECT_EQ(must(registry->gc(1, false)).objects_removed, 1u);
  const auto output = must(registry->find_output("source:flights", "k2"));
  ASSERT_TRUE(output);
  EXPECT_TRUE(output->withdrawn);
  EXPECT_FALSE(output->table);
  must(registry->reinstate("source:flights", "k2"));
  EXPECT_FALSE(must(registry->find_output("source:flights", "k2")));  // to be made again
}

TEST(Gc, a_key_withdrawn_after_its_bytes_went_has_no_output_to_reinstate) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"a", "k", "stays"}});
  home.publish(*registry, "run2", {{"b", "k1", "bad"}});
  home.publish(*registry, "run3", {{"b", "k2", "worse"}});
  must(registry->gc(1, false));
  ASSERT_FALSE(must(registry->find_output("source:b", "k1")));
  must(registry->rollback_release(1, ""));
  const auto output = must(registry->find_output("source:b", "k1"));
  ASSERT_TRUE(output && output->withdrawn);
  EXPECT_FALSE(output->table);
  must(registry->reinstate("source:b", "k1"));
  EXPECT_FALSE(must(registry->find_output("source:b", "k1")));
}

TEST(Gc, removes_what_a_kill_left_and_nothing_that_is_not_ours) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "live"}});
  const ObjectId orphan = must(registry->put_bytes("no row names this"));
  must(write_file(home.path() / "objects" / "README", "by hand"));
  must(write_file(home.path() / "objects" / "ab" / "note", "by hand"));
  EXPECT_EQ(must(registry->gc(1, false)).objects_removed, 1u);
  EXPECT_FALSE(has(*registry, orphan));
  EXPECT_TRUE(std::filesystem::exists(home.path() / "objects" / "README"));
  EXPECT_TRUE(std::filesystem::exists(home.path() / "objects" / "ab" / "note"));
}

TEST(Gc, waits_for_nobody_who_writes_objects) {
  TestHome home;
  const auto writer = home.open();
  const auto other = home.open();
  auto lock = must(writer->lock_for_run("run1"));
  const auto refused = other->gc(1, false);
  ASSERT_EQ(code_of(refused), "lock.held");
  EXPECT_NE(refused.error().message.find("run1"), std::string::npos);
  EXPECT_EQ(code_of(writer->gc(1, false)), "lock.held");
  EXPECT_TRUE(other->gc(1, true));
  lock.reset();
  EXPECT_TRUE(other->gc(1, false));
  must(writer->put_bytes("on its way to a row"));  // without a run's lock
  EXPECT_EQ(code_of(other->gc(1, false)), "lock.held");
}

TEST(Gc, refuses_while_a_package_cannot_be_read_since_its_files_are_unknown) {
  TestHome home;
  auto registry = home.open();
  TestHome::begin(*registry, "run1");
  const Version unnamed = TestHome::add_version(*registry, "run1", {"late", "m1"});
  const Version version = TestHome::add_version(*registry, "run1", {"late", "m2"});
  must(registry->end_run({"run1", "done"}));
  const ObjectId orphan = must(registry->put_bytes("orphan"));
  registry.reset();
  registry = home.open();
  const std::string package = must(registry->read_object(version.package));
  std::filesystem::remove(registry->object_path(version.package));
  EXPECT_EQ(code_of(registry->gc(1, false)), "registry.object_missing");
  EXPECT_TRUE(has(*registry, orphan));
  must(registry->put_bytes(package));
  std::filesystem::remove(registry->object_path(unnamed.package));
  EXPECT_TRUE(registry->gc(1, false)) << "a version that nothing names does not stand in the way";
  EXPECT_FALSE(has(*registry, orphan));
}

TEST(VerifyObjects, finds_every_missing_and_damaged_object) {
  TestHome home;
  const auto registry = home.open();
  home.publish(*registry, "run1", {{"a", "k", "1"}, {"b", "k", "2"}, {"c", "k", "3"}}, {{"late", "m1"}});
  const auto live = must(registry->live_tables());
  std::filesystem::remove(registry->object_path(live.at("a").object));
  const Path damaged = registry->object_path(live.at("b").object);
  std::filesystem::permissions(damaged, std::filesystem::perms::owner_all);
  std::ofstream(damaged, std::ios::trunc) << "9";
  const Json manifest =
      must(parse_json(must(registry->read_object(must(registry->version("late", "1")).package))));
  std::filesystem::remove(registry->object_path(manifest["files"]["model.ubj"].get<std::string>()));
  const auto problems = must(registry->verify_objects());
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_NE(problems[0].find("table a snapshot 1"), std::string::npos) << problems[0];
  EXPECT_NE(problems[0].find("is missing"), std::string::npos);
  EXPECT_NE(problems[1].find("does not have the bytes"), std::string::npos) << problems[1];
  EXPECT_NE(problems[2].find("late version 1"), std::string::npos) << problems[2];
}

}  // namespace
}  // namespace tidemill::registry
