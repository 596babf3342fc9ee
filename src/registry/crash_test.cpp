// Kills a process at random instants while it records steps, ends runs, promotes and collects, and holds what
// is left to account.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

constexpr int kKills = 120;

// Every step that is durable is said into the pipe: "step key\n".
[[noreturn]] void work(const TestHome& home, int round, int say) {
  try {
    auto registry = home.open();
    for (int r = 0;; ++r) {
      const std::string run = "run" + std::to_string(round) + "_" + std::to_string(r);
      auto lock = must(registry->lock_for_run(run));
      TestHome::begin(*registry, run);
      must(make_folder(registry->staging_folder(run)));
      Registry::Publication publication{run, "done"};
      for (const std::string name : {"a", "b", "c"}) {
        const std::string key = run + name;
        must(write_file(registry->staging_folder(run) / name, "half of " + key));
        publication.tables[name] = TestHome::add_table(*registry, run, {name, key, "bytes of " + key}).id;
        const std::string line = "source:" + name + " " + key + "\n";
        if (::write(say, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(1);
      }
      publication.aliases.push_back(
          {"late", "champion", TestHome::add_version(*registry, run, {"late", run}).number, ""});
      must(registry->end_run(publication));
      must(tidemill::remove_all(registry->staging_folder(run)));
      lock.reset();
      if (r % 3 == 2) must(registry->gc(2, false));
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "worker: %s\n", e.what());
    ::_exit(1);
  }
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  return text;
}

void hold_to_account(const TestHome& home, int round, const std::string& said) {
  const auto registry = home.open();
  const auto lock = must(registry->lock_for_run("after" + std::to_string(round)));
  EXPECT_EQ(must(registry->verify_objects()), std::vector<std::string>{});
  must(registry->verify_audit());
  for (const Run& run : must(registry->runs(1000))) EXPECT_NE(run.status, "running") << run.id;
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "staging"));

  // The live state is one release's, whole: three tables of one run and its version, or nothing yet.
  const auto live = must(registry->live_tables());
  std::set<std::string> runs;
  for (const auto& [name, table] : live) runs.insert(table.run);
  EXPECT_LE(runs.size(), 1u);
  EXPECT_TRUE(live.empty() || live.size() == 3);
  if (!live.empty()) {
    EXPECT_EQ(must(registry->version("late", "champion")).run, *runs.begin());
  }
  const auto releases = must(registry->releases(1));
  EXPECT_EQ(releases.empty(), live.empty());
  for (const auto& [name, table] : live) EXPECT_EQ(releases.at(0).tables.at(name), table.id);

  // What was said to be recorded in the last run is found, whether or not that run came to its end.
  std::map<std::string, std::string> last;  // step → key
  for (size_t at = 0, end = 0; (end = said.find('\n', at)) != std::string::npos; at = end + 1) {
    const size_t space = said.find(' ', at);
    last[said.substr(at, space - at)] = said.substr(space + 1, end - space - 1);
  }
  for (const auto& [step, key] : last) {
    const auto output = must(registry->find_output(step, key));
    ASSERT_TRUE(output && output->table) << step << " " << key;
    EXPECT_EQ(must(registry->read_object(output->table->object)), "bytes of " + key);
  }
}

TEST(Crash, at_any_instant_leaves_the_old_state_or_the_new_and_every_recorded_step) {
  TestHome home;
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < kKills && !HasFailure(); ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const pid_t worker = ::fork();
    if (worker == 0) work(home, round, pipe[1]);
    ::close(pipe[1]);
    // The instant is random on purpose: from before the home is open to several runs later.
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution<int>(0, 30'000)(random)));
    ::kill(worker, SIGKILL);
    const std::string said = read_all(pipe[0]);
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(worker, &status, 0), worker);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the worker ended by itself";
    hold_to_account(home, round, said);
  }
}

}  // namespace
}  // namespace tidemill::registry
