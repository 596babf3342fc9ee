// What Registry's source files share: the connection and its mutex, folders, the audit trail, the locks this
// process holds. Private.
#pragma once

#include <mutex>

#include "registry/registry.hpp"
#include "registry/sqlite.hpp"

namespace tidemill::registry {

inline constexpr std::string_view kChampion = "champion";
inline constexpr std::string_view kNoHash =
    "0000000000000000000000000000000000000000000000000000000000000000";

// What keeps gc away while objects are written that no row names yet. Shared with RunLock, which may outlive
// the Registry.
struct WriterLock {
  std::mutex mutex;
  std::optional<FileLock> held;  // objects.lock, shared
  int runs = 0;                  // RunLocks alive: the lock stays while there is one
};

/// audit.head beside the database: what it says of a trail of so many entries, the newest with this hash.
inline Path audit_head_path(const Path& home) { return home / "audit.head"; }
std::string audit_note(int64_t entries, std::string_view hash);

struct Registry::Impl {
  explicit Impl(Database opened) : database(std::move(opened)) {}

  Database database;
  mutable std::mutex mutex;  // guards database
  Path home;
  std::shared_ptr<const Clock> clock;
  std::string who, from;
  Options::Mode mode = Options::Mode::ReadWrite;
  std::string boot;  // the kernel's boot id: a pid of another boot is nobody's
  std::shared_ptr<WriterLock> writer = std::make_shared<WriterLock>();
  bool audited = false;  // the open transaction has added an audit entry

  Path database_path() const { return home / "meta.db"; }
  Path lock_path() const { return home / "lock"; }
  Path objects_lock_path() const { return home / "objects.lock"; }

  Result<void> demand_writable(std::string_view doing) const;
  Result<Transaction> begin_write(std::string_view doing);
  Result<Transaction> begin_read() { return Transaction::begin(database, Transaction::Kind::Read); }
  /// Commits, then brings audit.head up to the chain.
  Result<void> commit(Transaction& transaction);
  /// Within a write transaction.
  Result<void> add_audit(std::string_view what, const Json& details);
  void write_audit_head();

  /// Takes objects.lock (shared) unless this registry has it, waiting while gc works, until stop is set or
  /// kLongestGcWait is over. more_runs: RunLocks that need it from now on.
  Result<void> hold_writer_lock(int more_runs, const std::atomic<bool>* stop = nullptr);
  /// Lets go unless a RunLock needs it.
  void release_writer_lock();
};

/// "run 20131103-… of root@host (pid 12) since 2013-11-03T05:30:00Z", or empty when the lock file does not
/// say.
std::string describe_lock_holder(const Path& lock_path);
/// The run that the lock file still names although its process on this machine is gone: killed, and not yet
/// marked as interrupted by the next run. Else empty. Looks only, and takes no lock.
std::string run_of_dead_holder(const Path& lock_path);

}  // namespace tidemill::registry
