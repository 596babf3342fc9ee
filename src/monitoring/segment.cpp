#include "monitoring/segment.hpp"

#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "monitoring/record.hpp"

namespace tidemill::monitoring {

namespace {

constexpr std::string_view kMagic = "TMPREDLG";
constexpr uint32_t kFormat = 1;
constexpr size_t kHeaderBytes = 16, kFrameBytes = 8;
constexpr size_t kMostRead = kMaxSegmentBytes + (size_t{16} << 20);  // a batch beyond the limit

uint32_t number_at(std::string_view bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
void append(std::string& out, uint32_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// All of it, however often it takes.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

void append_frame(std::string_view record, std::string& out) {
  const size_t begin = begin_frame(out);
  out += record;
  end_frame(begin, out);
}

size_t begin_frame(std::string& out) {
  out.append(kFrameBytes, '\0');
  return out.size() - kFrameBytes;
}

void end_frame(size_t begin, std::string& out) {
  const std::string_view record = std::string_view(out).substr(begin + kFrameBytes);
  const auto length = static_cast<uint32_t>(record.size());
  std::memcpy(out.data() + begin, &length, sizeof length);
  const uint32_t checksum = crc32c(record, crc32c(std::string_view(out).substr(begin, sizeof length)));
  std::memcpy(out.data() + begin + sizeof length, &checksum, sizeof checksum);
}

std::string segment_header() {
  std::string header(kMagic);
  append(header, kFormat);
  append(header, crc32c(header));
  return header;
}

Result<size_t> each_record(std::string_view segment,
                           const std::function<Result<void>(std::string_view)>& visit) {
  const bool is_one = segment.size() >= kHeaderBytes && segment.starts_with(kMagic) &&
                      number_at(segment, kHeaderBytes - 4) == crc32c(segment.substr(0, kHeaderBytes - 4));
  if (!is_one) return data_error("log.bad_segment", "this is no segment of the prediction log");
  if (const uint32_t format = number_at(segment, kMagic.size()); format != kFormat)
    return data_error("log.bad_segment",
                      fmt::format("the segment has format {}, this version reads {}", format, kFormat), {},
                      "a newer tidemill wrote it: let that one read it");
  size_t at = kHeaderBytes;
  while (segment.size() - at >= kFrameBytes) {
    const size_t length = number_at(segment, at);
    if (length > kMaxRecordBytes || length > segment.size() - at - kFrameBytes) break;
    const std::string_view record = segment.substr(at + kFrameBytes, length);
    if (number_at(segment, at + 4) != crc32c(record, crc32c(segment.substr(at, 4)))) break;
    TM_CHECK(visit(record));
    at += kFrameBytes + length;
  }
  return at;
}

Result<SegmentWriter> SegmentWriter::create(const Path& folder, const std::string& stem) {
  const Path path = folder / (stem + std::string(kSegmentEnding));
  const Path fresh = folder / fmt::format(".{}.new", stem);
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error("make", fresh.native(), errno);
  // Locked before it has the name of a segment: nobody shall take it for one whose writer is dead.
  const std::string header = segment_header();
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || !write_all(fd, header) ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    ::close(fd);
    return errno_error("write", path.native(), error);
  }
  return SegmentWriter(path, fd, header.size());
}

SegmentWriter::SegmentWriter(SegmentWriter&& other) noexcept { *this = std::move(other); }
SegmentWriter& SegmentWriter::operator=(SegmentWriter&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  std::swap(named_, other.named_);
  std::swap(broken_, other.broken_);
  return *this;
}
SegmentWriter::~SegmentWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> SegmentWriter::append(std::string_view frames) {
  if (write_all(fd_, frames)) {
    bytes_ += frames.size();
    return {};
  }
  const int error = errno;
  // Half of a record would end the segment for every reader, whatever came behind it.
  if (::ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) broken_ = true;
  return errno_error("write", path_.native(), error);
}

Result<void> SegmentWriter::sync() {
  if (::fdatasync(fd_) != 0) {
    broken_ = true;  // the pages that failed count as clean from now on
    return errno_error("sync", path_.native(), errno);
  }
  if (named_) return {};
  TM_CHECK(sync_folder(path_.parent_path()));
  named_ = true;
  return {};
}

Result<std::string> read_segment(const Path& segment) { return read_file(segment, kMostRead); }

}  // namespace tidemill::monitoring
