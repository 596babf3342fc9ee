// Opening a home, good and bad; reading while another process writes; a disk that is full or read-only.
#include "registry/registry.hpp"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "registry/registry_test_support.hpp"
#include "registry/sqlite.hpp"

namespace tidemill::registry {
namespace {

/// A small file system in memory at a folder, as long as the test may mount one.
class SmallDisk {
 public:
  SmallDisk(Path folder, const std::string& size) : folder_(std::move(folder)) {
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    error_ = mounted_ ? 0 : errno;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  std::string why_not() const { return std::string("cannot mount a tmpfs here: ") + std::strerror(error_); }
  bool make_read_only() const {
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0;
  }

 private:
  Path folder_;
  bool mounted_ = false;
  int error_ = 0;
};

// Runs `act` in a child that ends without closing anything, as after kill -9.
template <class Act>
int in_child(Act act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    try {
      act();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "child: %s\n", e.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

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
  const auto all = must(registry->all_outputs());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.begin()->first, std::string("source:flights\0k1", 17));
}

TEST(Registry, reading_without_a_home_says_that_nothing_was_run) {
  TestHome home;
  const auto opened = home.try_open(Options::Mode::ReadOnly);
  EXPECT_EQ(code_of(opened), "registry.no_home");
  EXPECT_FALSE(std::filesystem::exists(home.path()));
}

TEST(Registry, a_reader_cannot_write) {
  TestHome home;
  home.publish(*home.open(), "run1", {{"flights", "k1", "rows"}}, {{"late", "m1"}});
  const auto reader = home.open(Options::Mode::ReadOnly);
  EXPECT_EQ(must(reader->live_tables()).size(), 1u);
  EXPECT_EQ(code_of(reader->put_bytes("x")), "io.denied");
  EXPECT_EQ(code_of(reader->promote("late", 1, "champion", "")), "io.denied");
  EXPECT_EQ(code_of(reader->lock_for_run("run2")), "io.denied");
  EXPECT_EQ(code_of(reader->gc(1, false)), "io.denied");
}

TEST(Registry, refuses_a_file_that_is_no_database_and_tells_the_remedy) {
  TestHome home;
  home.publish(*home.open(), "run1", {{"flights", "k1", "rows"}});
  std::ofstream(home.path() / "meta.db", std::ios::trunc) << std::string(8192, 'x');
  for (const auto mode : {Options::Mode::ReadWrite, Options::Mode::ReadOnly}) {
    const auto opened = home.try_open(mode);
    ASSERT_EQ(code_of(opened), "registry.corrupt");
    EXPECT_NE(opened.error().hint.find("backup"), std::string::npos);
  }
}

TEST(Registry, a_new_home_appears_whole_and_leaves_nothing_beside_it) {
  TestHome home;
  home.open();
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "staging"));
  std::error_code none;
  EXPECT_EQ(std::filesystem::hard_link_count(home.path() / "meta.db", none), 1u);
}

TEST(Registry, refuses_a_newer_format_and_another_programs_file) {
  TestHome home;
  home.open();
  {
    auto database = must(Database::open(home.path() / "meta.db", Database::Access::ReadWrite));
    must(database.script("PRAGMA user_version = 99"));
  }
  EXPECT_EQ(code_of(home.try_open()), "registry.newer_format");
  EXPECT_EQ(code_of(home.try_open(Options::Mode::ReadOnly)), "registry.newer_format");
  {
    auto database = must(Database::open(home.path() / "meta.db", Database::Access::ReadWrite));
    must(database.script("PRAGMA application_id = 7"));
  }
  EXPECT_EQ(code_of(home.try_open()), "registry.corrupt");
}

TEST(Registry, opens_a_home_whose_making_was_cut_short) {
  TestHome home;
  std::filesystem::create_directories(home.path() / "objects" / "00");
  {
    must(Database::open(home.path() / "meta.db", Database::Access::ReadWrite));
  }
  EXPECT_EQ(code_of(home.try_open(Options::Mode::ReadOnly)), "registry.no_home");
  {
    auto database = must(Database::open(home.path() / "meta.db", Database::Access::ReadWrite));
    must(database.script("PRAGMA journal_mode = WAL"));
  }
  EXPECT_EQ(code_of(home.try_open(Options::Mode::ReadOnly)), "registry.no_home");
  home.publish(*home.open(), "run1", {{"flights", "k1", "rows"}});
  EXPECT_EQ(must(home.open()->verify_objects()), std::vector<std::string>{});
}

TEST(Registry, two_processes_may_make_the_same_home_at_once) {
  TestHome home;
  std::vector<std::thread> threads;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      if (home.try_open()) ++opened;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 8);
}

TEST(Registry, a_server_sees_what_another_process_publishes) {
  TestHome home;
  home.publish(*home.open(), "run1", {{"flights", "k1", "old"}}, {{"late", "m1"}});
  const auto server = home.open(Options::Mode::ReadOnly);
  const int64_t before = must(server->generation());
  ASSERT_EQ(
      in_child([&] { home.publish(*home.open(), "run2", {{"flights", "k2", "new"}}, {{"late", "m2"}}); }), 0);
  EXPECT_NE(must(server->generation()), before);
  EXPECT_EQ(must(server->read_object(must(server->live_tables()).at("flights").object)), "new");
  EXPECT_EQ(must(server->version("late", "champion")).number, 2);
}

TEST(Registry, many_threads_record_steps_at_once) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) try {
          const std::string name = "t" + std::to_string(t) + "_" + std::to_string(i);
          TestHome::add_table(*registry, "run1", {name, "key", "bytes of " + name});
          if (!must(registry->find_output("source:" + name, "key"))) ++failures;
          if (must(registry->generation()) != 0) ++failures;
        } catch (const std::exception& e) {
          ADD_FAILURE() << e.what();
        }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(must(registry->steps("run1")).size(), 100u);
  EXPECT_EQ(must(registry->all_outputs()).size(), 100u);
}

TEST(Registry, a_read_only_file_system_can_be_read) {
  TestHome home;
  const SmallDisk disk(home.folder(), "8m");
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  home.publish(*home.open(), "run1", {{"flights", "k1", "rows"}});
  ASSERT_TRUE(disk.make_read_only());
  const auto reader = home.open(Options::Mode::ReadOnly);
  EXPECT_EQ(must(reader->read_object(must(reader->live_tables()).at("flights").object)), "rows");
  EXPECT_EQ(code_of(home.try_open()), "io.denied");
}

TEST(Registry, a_read_only_file_system_with_an_unfinished_log_never_shows_old_rows) {
  TestHome home;
  const SmallDisk disk(home.folder(), "8m");
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  ASSERT_EQ(in_child([&] { home.publish(*home.open().release(), "run1", {{"flights", "k1", "rows"}}); }), 0);
  ASSERT_GT(std::filesystem::file_size(home.path() / "meta.db-wal"), 0u);
  ASSERT_TRUE(disk.make_read_only());
  const auto reader = home.try_open(Options::Mode::ReadOnly);
  if (reader)
    EXPECT_EQ(must((*reader)->live_tables()).size(), 1u);
  else
    EXPECT_NE(reader.error().hint.find("meta.db-wal"), std::string::npos) << to_text(reader.error());
}

TEST(Registry, a_full_disk_loses_nothing) {
  TestHome home;
  const SmallDisk disk(home.folder(), "2m");
  if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
  auto registry = home.open();
  home.publish(*registry, "run1", {{"flights", "k1", "rows"}});
  TestHome::begin(*registry, "run2");
  EXPECT_EQ(code_of(registry->put_bytes(std::string(4 << 20, 'x'))), "io.disk_full");
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "staging"));

  const ObjectId object = must(registry->put_bytes("small"));
  const Path filler = home.folder() / "filler";
  {
    std::ofstream file(filler);
    while (file << std::string(4096, 'x') << std::flush) {
    }
  }
  std::vector<std::string> recorded;
  std::string code;
  for (int i = 0; i < 100'000 && code.empty(); ++i) {
    StepRecord step;
    step.run = "run2";
    step.step = "source:t" + std::to_string(i);
    step.key = "k";
    step.table = Table{0, "t" + std::to_string(i), object};
    step.report = {{"padding", std::string(2000, 'p')}};
    if (const auto done = registry->record_step(step))
      recorded.push_back(step.step);
    else
      code = code_of(done);
  }
  EXPECT_EQ(code, "io.disk_full");
  for (const std::string& step : recorded) EXPECT_TRUE(must(registry->find_output(step, "k"))) << step;
  EXPECT_EQ(must(registry->all_outputs()).size(), recorded.size() + 1);

  std::filesystem::remove(filler);
  registry.reset();
  registry = home.open();
  EXPECT_EQ(must(registry->all_outputs()).size(), recorded.size() + 1);
  TestHome::add_table(*registry, "run2", {"later", "k", "later"});
  EXPECT_EQ(must(registry->verify_objects()), std::vector<std::string>{});
  EXPECT_EQ(must(registry->verify_audit()), 1);
}

}  // namespace
}  // namespace tidemill::registry
