// The lock of a home, and what its next owner does about an owner that died: ends its children, marks its
// runs, sweeps its staging.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "base/process.hpp"
#include "registry/impl.hpp"
#include "registry/objects.hpp"

namespace tidemill::registry {

namespace {

constexpr size_t kMaxHolderBytes = 4096;

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

class HeldLock final : public Registry::RunLock {
 public:
  HeldLock(FileLock lock, std::shared_ptr<WriterLock> writer)
      : lock_(std::move(lock)), writer_(std::move(writer)) {}
  ~HeldLock() override {
    {
      const std::lock_guard guard(writer_->mutex);
      if (--writer_->runs == 0) writer_->held.reset();
    }
    (void)::ftruncate(lock_.descriptor(), 0);  // only for readers: the lock itself ends with the descriptor
  }

 private:
  FileLock lock_;
  std::shared_ptr<WriterLock> writer_;
};

std::string text_of(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "?";
}

Result<void> write_holder(int descriptor, const Json& holder) {
  const std::string text = tidemill::to_text(holder) + "\n";
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return errno_error("write", "the home's lock", errno);
  return {};
}

// Within the lock: every other run that says it is running is dead.
Result<void> take_over(Registry::Impl& impl, const std::string& run) {
  Database& database = impl.database;
  struct Child {
    int pid = 0;
    int64_t start_ticks = 0;
  };
  std::vector<std::string> dead;
  std::vector<Child> children;
  TM_CHECK(database.each(
      "SELECT id FROM runs WHERE status = 'running' AND id <> ?1",
      [&](Row row) -> Result<void> {
        dead.push_back(row.text(0));
        return {};
      },
      run));
  if (dead.empty()) return {};
  TM_CHECK(database.each(
      "SELECT c.pid, c.start_ticks FROM children c JOIN runs r ON r.id = c.run WHERE r.status = 'running' "
      "AND c.run <> ?1 AND c.boot = ?2",
      [&](Row row) -> Result<void> {
        children.push_back({static_cast<int>(row.integer(0)), row.integer(1)});
        return {};
      },
      run, impl.boot));
  for (const Child& child : children) end_process_group(child.pid, child.start_ticks);
  TM_TRY(Transaction transaction, impl.begin_write("take the home over"));
  for (const std::string& id : dead) {
    TM_CHECK(database.run("UPDATE runs SET status = 'interrupted', ended_at = ?1 WHERE id = ?2",
                          impl.clock->now(), id));
    TM_CHECK(database.run("DELETE FROM children WHERE run = ?1", id));
  }
  TM_CHECK(impl.add_audit("takeover", {{"by", run}, {"interrupted", dead}}));
  return impl.commit(transaction);
}

/// The lock of an owner that died may outlive it for a moment: a child that it had forked holds the
/// descriptor until it calls exec. And who only looks has it for as long as that takes.
Result<FileLock> take_lock(const Path& path, const std::string& host) {
  constexpr auto kPoll = std::chrono::milliseconds(2);
  constexpr int kPolls = 500;
  auto lock = FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No);
  for (int poll = 0; poll < kPolls && !lock && lock.error().code == "lock.held"; ++poll) {
    const auto text = read_file(path, kMaxHolderBytes);
    // Nobody's name yet: an owner that has only just come, or who looks whether there is one.
    const bool unnamed = text && text->empty();
    const auto holder = text && !unnamed ? parse_json(*text) : Result<Json>(Json());
    if (unnamed) {
      std::this_thread::sleep_for(kPoll);
      lock = FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No);
      continue;
    }
    if (!holder || !holder->is_object() || text_of(*holder, "host") != host || !holder->contains("pid") ||
        !(*holder)["pid"].is_number_integer() || is_alive((*holder)["pid"].get<pid_t>()))
      break;
    std::this_thread::sleep_for(kPoll);
    lock = FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No);
  }
  return lock;
}

std::string host_name() {
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "?";
}

}  // namespace

std::string describe_lock_holder(const Path& lock_path) {
  const auto text = read_file(lock_path, kMaxHolderBytes);
  if (!text) return {};
  const auto json = parse_json(*text);
  if (!json || !json->is_object() || !json->contains("pid") || !(*json)["pid"].is_number_integer()) return {};
  return fmt::format("run {} of {} (pid {} on {}) since {}", text_of(*json, "run"), text_of(*json, "who"),
                     (*json)["pid"].get<int64_t>(), text_of(*json, "host"), text_of(*json, "since"));
}

std::string run_of_dead_holder(const Path& lock_path) {
  const auto text = read_file(lock_path, kMaxHolderBytes);
  const auto holder = text ? parse_json(*text) : Result<Json>(Json());
  if (!holder || !holder->is_object() || text_of(*holder, "host") != host_name() ||
      !holder->contains("pid") || !(*holder)["pid"].is_number_integer() ||
      is_alive((*holder)["pid"].get<pid_t>()))
    return {};
  return text_of(*holder, "run");
}

bool Registry::is_in_use() const {
  const auto lock = FileLock::take(impl_->lock_path(), FileLock::Mode::Shared, FileLock::Wait::No);
  return !lock && lock.error().code == "lock.held";
}

Result<std::unique_ptr<Registry::RunLock>> Registry::lock_for_run(const std::string& run,
                                                                  const std::atomic<bool>* stop) {
  TM_CHECK(impl_->demand_writable("run"));
  const std::string host = host_name();
  auto lock = take_lock(impl_->lock_path(), host);
  if (!lock && lock.error().code == "lock.held") {
    const std::string holder = describe_lock_holder(impl_->lock_path());
    return environment_error(
        "lock.held",
        fmt::format("the home {} is in use by {}", impl_->home.native(),
                    holder.empty() ? "another run" : holder),
        "wait for it to end, or end that process: what it finished is kept, and its lock ends with it");
  }
  if (!lock) return std::unexpected(lock.error());
  // The system's time, also under --as-of: this is about processes.
  TM_CHECK(write_holder(lock->descriptor(), {{"run", run},
                                             {"who", impl_->who},
                                             {"pid", ::getpid()},
                                             {"host", host},
                                             {"since", tidemill::to_text(system_clock()->now())}}));
  TM_CHECK(impl_->hold_writer_lock(1, stop));
  auto held = std::make_unique<HeldLock>(std::move(*lock), impl_->writer);
  const std::lock_guard guard(impl_->mutex);
  TM_CHECK(take_over(*impl_, run));
  std::map<std::string, Owner> owners{{run, Owner::Alive}};
  TM_CHECK(
      impl_->database.each("SELECT id FROM runs WHERE status <> 'running'", [&](Row row) -> Result<void> {
        owners.emplace(row.text(0), Owner::Dead);
        return {};
      }));
  TM_CHECK(sweep_staging(impl_->home / "staging", [&](const std::string& name) {
    const auto found = owners.find(name);
    return found == owners.end() ? Owner::Unknown : found->second;
  }));
  return std::unique_ptr<RunLock>(std::move(held));
}

}  // namespace tidemill::registry
