#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "base/process.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

TEST(RunLock, a_second_run_learns_who_and_since_when) {
  TestHome home;
  const auto first = home.open();
  const auto second = home.open();
  auto lock = must(first->lock_for_run("20131103-053000-1f9a2c"));
  for (Registry* registry : {first.get(), second.get()}) {
    const auto refused = registry->lock_for_run("other");
    ASSERT_EQ(code_of(refused), "lock.held");
    EXPECT_EQ(exit_code(refused.error()), 5);
    const std::string& message = refused.error().message;
    EXPECT_NE(message.find("run 20131103-053000-1f9a2c of ann@here (pid " + std::to_string(::getpid())),
              std::string::npos)
        << message;
    EXPECT_NE(message.find(" since 20"), std::string::npos) << message;
    EXPECT_FALSE(refused.error().hint.empty());
  }
  lock.reset();
  EXPECT_TRUE(second->lock_for_run("other"));
}

TEST(RunLock, waiting_for_a_gc_ends_when_asked_to) {
  TestHome home;
  const auto registry = home.open();
  const FileLock gc =
      must(FileLock::take(home.path() / "objects.lock", FileLock::Mode::Exclusive, FileLock::Wait::No));
  const std::atomic<bool> stop{true};
  const auto lock = registry->lock_for_run("run1", &stop);
  EXPECT_EQ(code_of(lock), "interrupted");
}

TEST(RunLock, a_lock_file_without_words_still_locks) {
  TestHome home;
  const auto registry = home.open();
  const auto lock = must(registry->lock_for_run("run1"));
  must(write_file(home.path() / "lock.text", ""));
  ASSERT_EQ(::truncate((home.path() / "lock").c_str(), 0), 0);
  const auto refused = registry->lock_for_run("run2");
  ASSERT_EQ(code_of(refused), "lock.held");
  EXPECT_NE(refused.error().message.find("another run"), std::string::npos);
}

TEST(RunLock, may_outlive_its_registry) {
  TestHome home;
  auto registry = home.open();
  auto lock = must(registry->lock_for_run("run1"));
  registry.reset();
  EXPECT_EQ(code_of(home.open()->lock_for_run("run2")), "lock.held");
  lock.reset();
  EXPECT_TRUE(home.open()->lock_for_run("run2"));
}

TEST(RunLock, of_many_threads_one_has_it) {
  TestHome home;
  const auto registry = home.open();
  std::atomic<int> holders = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto lock = registry->lock_for_run("run" + std::to_string(t));
        if (!lock) continue;
        EXPECT_EQ(++holders, 1);
        ++taken;
        --holders;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(taken, 0);
}

TEST(RunLock, does_not_touch_a_run_that_began_before_it_took_the_lock) {
  TestHome home;
  const auto registry = home.open();
  TestHome::begin(*registry, "run1");
  must(make_folder(registry->staging_folder("run1")));
  const auto lock = must(registry->lock_for_run("run1"));
  EXPECT_EQ(must(registry->run("run1"))->status, "running");
  EXPECT_TRUE(std::filesystem::exists(registry->staging_folder("run1")));
}

// The owner: takes the lock, records a step and a child process of its own, leaves a file in staging, says
// so, and waits to be killed.
[[noreturn]] void own_and_wait(const TestHome& home, int say) {
  try {
    auto registry = home.open();
    auto lock = must(registry->lock_for_run("dead"));
    TestHome::begin(*registry, "dead");
    TestHome::add_table(*registry, "dead", {"flights", "k1", "finished before the kill"});
    must(make_folder(registry->staging_folder("dead")));
    must(write_file(registry->staging_folder("dead") / "half.parquet", "PAR1"));
    const pid_t child = ::fork();
    if (child == 0) {
      ::setpgid(0, 0);
      ::execlp("sleep", "sleep", "1000", nullptr);
      ::_exit(127);
    }
    ::setpgid(child, child);
    must(registry->record_child("dead", child, process_start_ticks(child).value()));
    if (::write(say, &child, sizeof child) != sizeof child) ::_exit(1);
    for (;;) ::pause();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "owner: %s\n", e.what());
    ::_exit(1);
  }
}

TEST(RunLock, a_dead_owners_home_is_taken_over) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // so that the orphan is ours to wait for
  TestHome home;
  home.open();
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const pid_t owner = ::fork();
  if (owner == 0) own_and_wait(home, pipe[1]);
  ::close(pipe[1]);
  pid_t child = 0;
  ASSERT_EQ(::read(pipe[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  ::close(pipe[0]);

  const std::unique_ptr<const pid_t, void (*)(const pid_t*)> ended(
      &child, [](const pid_t* pid) { ::kill(*pid, SIGKILL); });

  const auto registry = home.open();
  EXPECT_EQ(code_of(registry->lock_for_run("next")), "lock.held");
  EXPECT_EQ(must(registry->run("dead"))->status, "running");
  ASSERT_EQ(::kill(owner, SIGKILL), 0);
  ASSERT_EQ(::waitpid(owner, nullptr, 0), owner);
  EXPECT_EQ(must(registry->run("dead"))->status, "interrupted")
      << "whoever looks need not wait for the next run";
  EXPECT_EQ(must(registry->runs()).at(0).status, "interrupted");

  const auto lock = must(registry->lock_for_run("next"));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const registry::Run dead = must(registry->run("dead")).value();
  EXPECT_EQ(dead.status, "interrupted");
  EXPECT_TRUE(dead.ended_at);
  EXPECT_FALSE(std::filesystem::exists(registry->staging_folder("dead")));
  EXPECT_TRUE(must(registry->find_output("source:flights", "k1")));  // recorded, so not made again
  EXPECT_TRUE(must(registry->live_tables()).empty());
  const AuditEntry entry = must(registry->audit(1)).at(0);
  EXPECT_EQ(entry.what, "takeover");
  EXPECT_EQ(entry.details["interrupted"], Json::array({"dead"}));
}

// A child between fork and exec still has its parent's descriptors, the lock's too.
TEST(RunLock, waits_for_a_dead_owners_child_that_has_not_called_exec_yet) {
  TestHome home;
  home.open();
  int told[2], go[2];
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    ::close(go[1]);
    const auto registry = home.open();
    const auto lock = registry->lock_for_run("dead");
    const pid_t child = lock ? ::fork() : -1;
    if (child == 0) {  // exec comes late
      char byte = 0;
      (void)!::read(go[0], &byte, 1);
      ::usleep(20'000);
      ::execlp("true", "true", nullptr);
      ::_exit(127);
    }
    (void)!::write(told[1], child > 0 ? "y" : "n", 1);
    for (;;) ::pause();
  }
  ::close(told[1]);
  ::close(go[0]);
  char locked = 0;
  ASSERT_EQ(::read(told[0], &locked, 1), 1);
  ASSERT_EQ(locked, 'y');
  const auto registry = home.open();
  ASSERT_EQ(::kill(owner, SIGKILL), 0);
  ASSERT_EQ(::waitpid(owner, nullptr, 0), owner);
  ::close(go[1]);
  ::close(told[0]);
  EXPECT_TRUE(registry->lock_for_run("next"));
}

}  // namespace
}  // namespace tidemill::registry
