// Objects: files named by the SHA-256 of their bytes. Durable before put returns, read-only afterwards,
// checked when read whole.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/id.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/sha256.hpp"
#include "registry/impl.hpp"
#include "registry/objects.hpp"

namespace tidemill::registry {

namespace {
constexpr size_t kMaxObjectInMemory = size_t{4} << 30;
constexpr int64_t kStrayAgeSeconds = 24 * 3600;
constexpr std::chrono::seconds kLongestGcWait{300};
constexpr std::chrono::milliseconds kPollGc{20};

Result<void> write_unsynced(const Path& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return errno_error("create", path.native(), errno);
  int error_number = 0;
  while (!bytes.empty() && error_number == 0) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0)
      bytes.remove_prefix(static_cast<size_t>(n));
    else if (errno != EINTR)
      error_number = errno;
  }
  if (::close(fd) != 0 && error_number == 0) error_number = errno;
  if (error_number != 0) return errno_error("write", path.native(), error_number);
  return {};
}
Result<FileLock> wait_for_gc(const Path& path, const std::atomic<bool>* stop) {
  auto lock = FileLock::take(path, FileLock::Mode::Shared, FileLock::Wait::No);
  if (lock || lock.error().code != "lock.held") return lock;
  log::warning("waits for a gc of this home to end");
  for (std::chrono::milliseconds waited{0}; waited < kLongestGcWait; waited += kPollGc) {
    if (stop != nullptr && stop->load()) return environment_error("interrupted", "interrupted");
    std::this_thread::sleep_for(kPollGc);
    lock = FileLock::take(path, FileLock::Mode::Shared, FileLock::Wait::No);
    if (lock || lock.error().code != "lock.held") return lock;
  }
  return environment_error("lock.held",
                           fmt::format("a gc of this home has not ended within {} s",
                                       std::chrono::seconds(kLongestGcWait).count()),
                           "run again when it has ended");
}
}  // namespace

bool is_object_id(std::string_view id) {
  return id.size() == 64 &&
         std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string staged_name(std::string_view random) {
  return fmt::format("{}{}.{}.{}", kLooseBytes, ::getpid(), process_start_ticks(::getpid()).value_or(0),
                     random);
}

Result<ObjectId> Registry::put_object(const Path& staged) {
  TM_CHECK(impl_->demand_writable("store an object"));
  TM_CHECK(impl_->hold_writer_lock(0));
  TM_TRY(std::string id, sha256_file(staged));
  const Path target = object_path(id);
  TM_CHECK(make_folder(target.parent_path()));
  if (::chmod(staged.c_str(), 0444) != 0) return errno_error("make read-only", staged.native(), errno);
  // Also over an object that is there: the bytes are the same, and a copy that the disk has damaged is
  // healed.
  TM_CHECK(publish_file(staged, target));
  return id;
}

Result<ObjectId> Registry::put_bytes(std::string_view bytes) {
  TM_CHECK(impl_->demand_writable("store an object"));
  const Path staged = impl_->home / "staging" / staged_name(random_id());
  auto id = [&]() -> Result<ObjectId> {
    TM_CHECK(write_unsynced(staged, bytes));  // put_object syncs it
    return put_object(staged);
  }();
  if (!id) ::unlink(staged.c_str());
  return id;
}

Path Registry::object_path(const ObjectId& id) const {
  // What is no id must not lead out of the folder.
  if (!is_object_id(id)) return impl_->home / "objects" / "none";
  return impl_->home / "objects" / id.substr(0, 2) / id.substr(2);
}

Result<std::string> Registry::read_object(const ObjectId& id) const {
  auto bytes = read_file(object_path(id), kMaxObjectInMemory);
  if (!bytes && bytes.error().code == "io.missing")
    return data_error(
        "registry.object_missing", fmt::format("the home has no object {}", id), {},
        "was it removed by hand? restore objects/ from a backup, or run with --force to make it again");
  if (!bytes) return bytes;
  if (sha256(*bytes) != id)
    return data_error("registry.object_damaged",
                      fmt::format("object {} does not have the bytes it is named after", id), {},
                      "check the disk; restore the file from a backup, or run with --force to make it again");
  return bytes;
}

Path Registry::staging_folder(const std::string& run) const { return impl_->home / "staging" / run; }
Path Registry::run_folder(const std::string& run) const { return impl_->home / "runs" / run; }

Result<void> sweep_staging(const Path& staging, const std::function<Owner(const std::string&)>& owner_of) {
  std::error_code error;
  std::filesystem::directory_iterator at(staging, error);
  if (error)
    return error == std::errc::no_such_file_or_directory
               ? Result<void>()
               : errno_error("list", staging.native(), error.value());
  for (; at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (error) return errno_error("list", staging.native(), error.value());
    const std::string name = at->path().filename().native();
    Owner owner = Owner::Unknown;
    if (name.starts_with(kLooseBytes)) {
      const size_t dot = name.find('.', kLooseBytes.size());
      const int pid = std::atoi(name.c_str() + kLooseBytes.size());
      const int64_t ticks = dot == std::string::npos ? 0 : std::atoll(name.c_str() + dot + 1);
      owner = process_start_ticks(pid) == ticks ? Owner::Alive : Owner::Dead;
    } else {
      owner = owner_of(name);
    }
    if (owner == Owner::Unknown) {
      struct stat info{};
      if (::lstat(at->path().c_str(), &info) != 0) continue;
      // Real time, not the registry's clock: file times are the kernel's.
      owner = ::time(nullptr) - info.st_mtime > kStrayAgeSeconds ? Owner::Dead : Owner::Alive;
    }
    if (owner == Owner::Dead) TM_CHECK(tidemill::remove_all(at->path()));
  }
  return {};
}

Result<void> Registry::Impl::hold_writer_lock(int more_runs, const std::atomic<bool>* stop) {
  const std::lock_guard guard(writer->mutex);
  if (!writer->held) {
    TM_TRY(FileLock lock, wait_for_gc(objects_lock_path(), stop));
    writer->held.emplace(std::move(lock));
  }
  writer->runs += more_runs;
  return {};
}

void Registry::Impl::release_writer_lock() {
  const std::lock_guard guard(writer->mutex);
  if (writer->runs == 0) writer->held.reset();
}

}  // namespace tidemill::registry
