#include "registry/registry_test_support.hpp"
#include "registry/sqlite.hpp"

namespace tidemill::registry {
namespace {

class Audit : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto registry = home.open();
    TestHome::begin(*registry, "run1");
    for (int i = 1; i <= 4; ++i) {
      TestHome::add_version(*registry, "run1", {"late", "m" + std::to_string(i)});
      must(registry->promote("late", i, "champion", "größer \"is\" better\xff"));
    }
    ASSERT_EQ(must(registry->verify_audit()), 4);
  }
  std::string verdict() { return code_of(home.open()->verify_audit()); }
  void tamper(const std::string& sql) {
    must(must(Database::open(home.path() / "meta.db", Database::Access::ReadWrite)).script(sql));
  }
  TestHome home;
};

TEST_F(Audit, holds_when_nobody_touched_it) {
  EXPECT_EQ(must(home.open()->verify_audit()), 4);
  EXPECT_EQ(must(home.open(Options::Mode::ReadOnly)->verify_audit()), 4);
  EXPECT_EQ(must(home.open()->audit(2)).at(0).id, 4);
}
TEST_F(Audit, an_edited_entry_shows) {
  for (const std::string column : {"at = 1", "who = 'bob'", "what = 'x'", "details = '{}'", "hash = 'x'"}) {
    tamper("CREATE TABLE IF NOT EXISTS keep AS SELECT * FROM audit; UPDATE audit SET " + column +
           " WHERE id = 2");
    const auto result = home.open()->verify_audit();
    EXPECT_EQ(code_of(result), "registry.audit_broken") << column;
    tamper("DELETE FROM audit; INSERT INTO audit SELECT * FROM keep");
    EXPECT_EQ(must(home.open()->verify_audit()), 4);
  }
}
TEST_F(Audit, a_deleted_entry_shows) {
  tamper("DELETE FROM audit WHERE id = 2");
  EXPECT_EQ(verdict(), "registry.audit_broken");
}
TEST_F(Audit, entries_that_moved_up_after_a_deletion_show) {
  tamper(
      "DELETE FROM audit WHERE id = 2; UPDATE audit SET id = id - 1 WHERE id > 2; UPDATE audit_head SET "
      "entries = 3");
  EXPECT_EQ(verdict(), "registry.audit_broken");
}
TEST_F(Audit, reordered_entries_show) {
  tamper(
      "UPDATE audit SET id = 99 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3; UPDATE audit SET id = 3 "
      "WHERE id = 99");
  EXPECT_EQ(verdict(), "registry.audit_broken");
}
TEST_F(Audit, an_end_cut_off_shows) {
  tamper("DELETE FROM audit WHERE id = 4");
  EXPECT_EQ(verdict(), "registry.audit_broken");
}
TEST_F(Audit, an_end_cut_off_with_the_head_row_mended_shows_by_the_file) {
  tamper(
      "DELETE FROM audit WHERE id = 4; UPDATE audit_head SET entries = 3, hash = (SELECT hash FROM audit "
      "WHERE id = 3)");
  EXPECT_EQ(verdict(), "registry.audit_broken");
}
TEST_F(Audit, a_missing_or_damaged_head_file_shows) {
  std::filesystem::remove(home.path() / "audit.head");
  EXPECT_EQ(verdict(), "registry.audit_broken");
  must(write_file(home.path() / "audit.head", "?"));
  EXPECT_EQ(verdict(), "registry.audit_broken");
}
TEST_F(Audit, a_head_file_that_lags_after_a_kill_is_no_break) {
  const std::string old = must(read_file(home.path() / "audit.head"));
  must(home.open()->promote("late", 1, "champion", ""));
  must(write_file(home.path() / "audit.head", old));
  EXPECT_EQ(must(home.open()->verify_audit()), 5);
}
TEST(NewHome, has_a_note_of_its_trail_before_the_first_entry) {
  TestHome home;
  home.open();
  const Path note = home.path() / "audit.head";
  const std::string first = must(read_file(note));
  EXPECT_EQ(must(home.open()->verify_audit()), 0);
  TestHome::begin(*home.open(), "run1");
  must(home.open()->lock_for_run("run2"));  // takes over from run1, which is an entry
  must(write_file(note, first));            // a power cut before the second note
  EXPECT_EQ(must(home.open()->verify_audit()), 1);
}
TEST_F(Audit, a_failed_act_leaves_no_entry) {
  EXPECT_FALSE(home.open()->promote("late", 99, "champion", ""));
  EXPECT_FALSE(home.open()->rollback_release(99, ""));
  EXPECT_EQ(must(home.open()->verify_audit()), 4);
}

}  // namespace
}  // namespace tidemill::registry
