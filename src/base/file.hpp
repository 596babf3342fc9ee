// Files that appear whole or not at all, locks that die with their owner, and folders made durable.
// Order of publication: write to staging, fsync the file, rename, fsync the folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill {

using Path = std::filesystem::path;

inline constexpr size_t kMaxTextFile = size_t{64} << 20;

Result<std::string> read_file(const Path& path, size_t max_bytes = kMaxTextFile);
/// Writes beside `path`, syncs, renames over it, syncs the folder.
Result<void> write_file(const Path& path, std::string_view bytes);
Result<void> sync_file(const Path& path);
Result<void> sync_folder(const Path& path);
/// Moves a finished file to its final name on the same file system, durably. An existing target is replaced.
Result<void> publish_file(const Path& staged, const Path& final_path);
Result<void> make_folder(const Path& path);
Result<void> remove_all(const Path& path);

/// A kernel flock on a file that is made if missing; released on destruction or death, closed on exec.
class FileLock {
 public:
  enum class Mode { Shared, Exclusive };
  /// Error code lock.held if somebody has it and wait is No.
  enum class Wait { No, Yes };
  static Result<FileLock> take(const Path& path, Mode mode, Wait wait);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();
  /// The locked file's descriptor, for writing who holds it.
  int descriptor() const { return fd_; }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace tidemill
