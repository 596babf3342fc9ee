// Opening a home: its folders, its database in WAL mode, and what to do when it can only be read.
#include "registry/registry.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>

#include <fmt/format.h>

#include "base/id.hpp"
#include "registry/impl.hpp"
#include "registry/objects.hpp"
#include "registry/schema.hpp"

namespace tidemill::registry {

namespace {

constexpr std::array kFolders{"objects", "staging", "runs", "predictions"};

std::string user_at_host() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host = {'?'};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return fmt::format("{}@{}", found != nullptr ? std::string(found->pw_name) : std::to_string(::geteuid()),
                     host.data());
}

std::string boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 1024);
  if (!text) return "unknown";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

// The folders of objects are all made at once: a put then never has to make one durable while another put
// already uses it.
Result<void> make_object_folders(const Path& objects) {
  if (::access((objects / "ff").c_str(), F_OK) == 0) return {};
  for (int prefix = 0; prefix < 256; ++prefix) {
    const Path folder = objects / fmt::format("{:02x}", prefix);
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
      return errno_error("make folder", folder.native(), errno);
  }
  return sync_folder(objects);
}

Result<void> make_home(const Path& home) {
  const bool fresh = ::access(home.c_str(), F_OK) != 0;
  for (const char* folder : kFolders) TM_CHECK(make_folder(home / folder));
  TM_CHECK(make_object_folders(home / "objects"));
  // A home lies beside the project file: what is in it is made, not written, and does not belong into version
  // control.
  if (fresh) TM_CHECK(write_file(home / ".gitignore", "*\n"));
  return {};
}

Result<Database> prepare(const Path& path, Instant now) {
  TM_TRY(Database database, Database::open(path, Database::Access::ReadWrite));
  // Before the first page is written: these settings belong to the file.
  TM_CHECK(database.script("PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL;"));
  TM_CHECK(
      database.script("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000; "
                      "PRAGMA journal_size_limit = 67108864;"));
  TM_CHECK(prepare_schema(database, path, now));
  return database;
}

/// Gives a finished file its name, unless there is one of that name: two first runs of a home may race.
Result<void> name_once(const Path& made, const Path& name) {
  if (::link(made.c_str(), name.c_str()) != 0 && errno != EEXIST)
    return errno_error("link to", name.native(), errno);
  return sync_folder(name.parent_path());
}

/// A power cut while SQLite makes a database leaves a file that is none. So a new one is made aside, closed
/// and synced, and then appears whole.
Result<void> make_database(const Path& path, Instant now) {
  const Path aside = path.parent_path() / "staging" / staged_name(random_id());
  const auto made = [&]() -> Result<void> {
    {
      // Closing it moves its log into it.
      TM_TRY(const Database database, prepare(aside, now));
    }
    TM_CHECK(sync_file(aside));
    // Before there can be an entry: its first note may be cut off, but must not seem to have been taken away.
    TM_CHECK(write_file(audit_head_path(path.parent_path()), audit_note(0, kNoHash)));
    return name_once(aside, path);
  }();
  for (const char* ending : {"", "-wal", "-shm"}) ::unlink((aside.native() + ending).c_str());
  return made;
}

Result<Database> open_to_write(const Path& path, Instant now) {
  // SQLite makes a file that cannot be written read-only without a word, and root is not bound by modes: ask
  // first.
  if (::access(path.c_str(), F_OK) == 0 && ::access(path.c_str(), W_OK) != 0)
    return errno_error("write", path.native(), errno);
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) TM_CHECK(make_database(path, now));
  return prepare(path, now);
}

bool has_bytes(const Path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

Result<Database> open_to_read(const Path& path) {
  const auto attempt = [&](Database::Access access) -> Result<Database> {
    TM_TRY(Database database, Database::open(path, access));
    TM_CHECK(check_schema(database, path));
    TM_CHECK(database.script("PRAGMA cache_size = -16000;"));
    return database;
  };
  auto opened = attempt(Database::Access::ReadOnly);
  if (opened || opened.error().code.starts_with("registry.")) return opened;
  // On a file system that is read-only SQLite cannot make the shared index of the log. Without a log nobody
  // writes, and the file is whole.
  Path wal = path;
  wal += "-wal";
  if (!has_bytes(wal)) return attempt(Database::Access::Immutable);
  Error error = opened.error();
  error.hint =
      "the home was not closed and has a log (meta.db-wal) that can only be read where it can be written: "
      "open it once "
      "writable, for example with `tidemill gc --dry-run`";
  return std::unexpected(std::move(error));
}

Result<Database> open_database(const Options& options) {
  const Path path = options.home / "meta.db";
  if (options.mode == Options::Mode::ReadWrite) {
    TM_CHECK(make_home(options.home));
    return open_to_write(path, options.clock->now());
  }
  if (::access(path.c_str(), F_OK) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return errno_error("open", path.native(), errno);
    return no_home(options.home);
  }
  return open_to_read(path);
}

}  // namespace

Registry::Registry(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registry::~Registry() {
  if (impl_) impl_->release_writer_lock();
}

Result<std::unique_ptr<Registry>> Registry::open(const Options& given) {
  Options options = given;
  if (!options.clock) options.clock = system_clock();
  if (options.home.empty()) return internal_error("internal.home", "a registry was opened without a home");
  TM_TRY(Database database, open_database(options));
  auto impl = std::make_unique<Impl>(std::move(database));
  impl->home = options.home;
  impl->clock = options.clock;
  impl->who = options.who.empty() ? user_at_host() : options.who;
  impl->from = options.from;
  impl->mode = options.mode;
  impl->boot = boot_id();
  return std::unique_ptr<Registry>(new Registry(std::move(impl)));
}

Result<void> Registry::Impl::demand_writable(std::string_view doing) const {
  if (mode == Options::Mode::ReadWrite) return {};
  return environment_error(
      "io.denied", fmt::format("cannot {}: the home {} was opened only to be read", doing, home.native()));
}

Result<Transaction> Registry::Impl::begin_write(std::string_view doing) {
  TM_CHECK(demand_writable(doing));
  audited = false;
  return Transaction::begin(database, Transaction::Kind::Write);
}

Result<void> Registry::Impl::commit(Transaction& transaction) {
  TM_CHECK(transaction.commit());
  if (std::exchange(audited, false)) write_audit_head();
  return {};
}

}  // namespace tidemill::registry
