#include "base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace tidemill {

namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Result<void> sync_path(const Path& path, int flags) {
  Descriptor file{::open(path.c_str(), flags | O_CLOEXEC)};
  if (file.fd < 0) return errno_error("open", path.native(), errno);
  if (::fsync(file.fd) != 0) return errno_error("sync", path.native(), errno);
  return {};
}

Path folder_of(const Path& path) { return path.has_parent_path() ? path.parent_path() : Path("."); }

}  // namespace

Result<std::string> read_file(const Path& path, size_t max_bytes) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return errno_error("open", path.native(), errno);
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) return errno_error("read", path.native(), errno);
  if (S_ISDIR(info.st_mode)) return errno_error("read", path.native(), EISDIR);
  constexpr size_t kLeastRoom = 4096;  // of what has no size, a pipe say
  const size_t size = std::min(static_cast<size_t>(std::max<off_t>(info.st_size, 0)), max_bytes);
  std::string bytes;
  bytes.reserve(
      std::max(size + 1, kLeastRoom));  // with room for a byte more, its end is seen without another copy
  for (;;) {
    if (bytes.size() == bytes.capacity()) bytes.reserve(2 * bytes.size());
    ssize_t n = 0;
    int error_number = 0;
    bytes.resize_and_overwrite(bytes.capacity(), [&, before = bytes.size()](char* data, size_t room) {
      n = ::read(file.fd, data + before, room - before);
      error_number = errno;
      return before + static_cast<size_t>(std::max<ssize_t>(n, 0));
    });
    if (n < 0 && error_number == EINTR) continue;
    if (n < 0) return errno_error("read", path.native(), error_number);
    if (n == 0) return bytes;
    if (bytes.size() > max_bytes)
      return environment_error("io.too_large",
                               fmt::format("{} is larger than {} bytes", path.native(), max_bytes));
  }
}

Result<void> write_file(const Path& path, std::string_view bytes) {
  static std::atomic<unsigned> counter{0};
  Path staged = path;
  staged += fmt::format(".{}.{}.part", ::getpid(), counter.fetch_add(1));
  {
    Descriptor file{::open(staged.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)};
    if (file.fd < 0) return errno_error("create", staged.native(), errno);
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::write(file.fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error_number = errno;
        ::unlink(staged.c_str());
        return errno_error("write", path.native(), error_number);
      }
      done += static_cast<size_t>(n);
    }
  }
  if (auto published = publish_file(staged, path); !published) {
    ::unlink(staged.c_str());
    return published;
  }
  return {};
}

Result<void> sync_file(const Path& path) { return sync_path(path, O_RDONLY); }
Result<void> sync_folder(const Path& path) { return sync_path(path, O_RDONLY | O_DIRECTORY); }

Result<void> publish_file(const Path& staged, const Path& final_path) {
  TM_CHECK(sync_file(staged));
  if (::rename(staged.c_str(), final_path.c_str()) != 0)
    return errno_error("rename to", final_path.native(), errno);
  return sync_folder(folder_of(final_path));
}

Result<void> make_folder(const Path& path) {
  if (path.empty()) return {};
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return errno_error("make folder", path.native(), ENOTDIR);
  }
  const Path parent = folder_of(path);
  if (parent != path) TM_CHECK(make_folder(parent));
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error("make folder", path.native(), errno);
  return sync_folder(parent);
}

Result<void> remove_all(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return errno_error("remove", path.native(), error.value());
  return {};
}

Result<FileLock> FileLock::take(const Path& path, Mode mode, Wait wait) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return errno_error("open lock", path.native(), errno);
  const int operation = (mode == Mode::Shared ? LOCK_SH : LOCK_EX) | (wait == Wait::No ? LOCK_NB : 0);
  int status = 0;
  do status = ::flock(fd, operation);
  while (status != 0 && errno == EINTR);
  if (status != 0) {
    const int error_number = errno;
    ::close(fd);
    if (error_number == EWOULDBLOCK)
      return environment_error("lock.held", fmt::format("{} is locked by another process", path.native()));
    return errno_error("lock", path.native(), error_number);
  }
  return FileLock(fd);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace tidemill
