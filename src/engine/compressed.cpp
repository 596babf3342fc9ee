// Whether a compressed file is whole. DuckDB 1.5 reads a gzip or zstd stream that was cut short as if it
// ended there, so that half a table would pass for all of it. zstd's frames are walked here by their headers
// (RFC 8878, section 3.1); for gzip, whose length only shows when it is inflated, gzip itself is asked.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/process.hpp"
#include "engine/file_layout.hpp"

namespace tidemill::engine {

namespace {

std::unexpected<Error> truncated(const Path& file) {
  return data_error("source.truncated", "the compressed file ends early", {.file = file.string()},
                    "it was cut while it was written or copied: fetch it again");
}

std::unexpected<Error> broken(const Path& file, std::string_view format) {
  return data_error("source.broken", fmt::format("the file is not a valid {} file", format),
                    {.file = file.string()}, "its name says it is compressed: rename it, or compress it");
}

class Descriptor {
 public:
  explicit Descriptor(const Path& file) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  bool is_open() const { return fd_ >= 0; }
  /// Little-endian bytes at an offset; nothing at the end of the file.
  std::optional<uint64_t> number(uint64_t offset, size_t bytes) const {
    std::array<unsigned char, 8> buffer{};
    if (::pread(fd_, buffer.data(), bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes))
      return std::nullopt;
    uint64_t value = 0;
    for (size_t i = bytes; i > 0; --i) value = value << 8 | buffer[i - 1];
    return value;
  }

 private:
  int fd_;
};

constexpr uint64_t kZstdMagic = 0xFD2FB528;
constexpr uint64_t kSkippableMagic = 0x184D2A50;  // to …5F

/// Bytes of a frame header after its descriptor byte.
uint64_t frame_header_bytes(uint64_t descriptor) {
  constexpr std::array<uint64_t, 4> kDictionaryBytes{0, 1, 2, 4};
  constexpr std::array<uint64_t, 4> kContentSizeBytes{0, 2, 4, 8};
  const bool single_segment = (descriptor >> 5 & 1) != 0;
  uint64_t content = kContentSizeBytes[descriptor >> 6];
  if (single_segment && content == 0) content = 1;
  return (single_segment ? 0 : 1) + kDictionaryBytes[descriptor & 3] + content;
}

Result<void> check_zstd(const Path& file, uint64_t size) {
  const Descriptor bytes(file);
  if (!bytes.is_open()) return errno_error("open", file.string(), errno);
  uint64_t at = 0;
  while (at < size) {
    const auto magic = bytes.number(at, 4);
    if (!magic) return truncated(file);
    if ((*magic & ~uint64_t{0xF}) == kSkippableMagic) {
      const auto length = bytes.number(at + 4, 4);
      if (!length) return truncated(file);
      at += 8 + *length;
      continue;
    }
    if (*magic != kZstdMagic) return broken(file, "zstd");
    const auto descriptor = bytes.number(at + 4, 1);
    if (!descriptor) return truncated(file);
    at += 5 + frame_header_bytes(*descriptor);
    for (bool last = false; !last;) {
      const auto header = bytes.number(at, 3);
      if (!header) return truncated(file);
      last = (*header & 1) != 0;
      const bool run_length = (*header >> 1 & 3) == 1;
      at += 3 + (run_length ? 1 : *header >> 3);
    }
    if ((*descriptor >> 2 & 1) != 0) at += 4;  // checksum
  }
  if (at != size) return truncated(file);
  return {};
}

Result<void> check_gzip(const Path& file) {
  const Descriptor bytes(file);
  if (!bytes.is_open()) return errno_error("open", file.string(), errno);
  const auto magic = bytes.number(0, 2);
  if (!magic || *magic != 0x8B1F) return broken(file, "gzip");
  ChildOptions options;
  options.command = {"gzip", "-t", file.string()};
  options.output_path = "/dev/null";
  TM_TRY(const ChildExit tested, run_child(options));
  constexpr int kWarning = 2;  // such as zeros after the end, which tar likes to leave
  if (tested.code != 0 && tested.code != kWarning) return truncated(file);
  return {};
}

}  // namespace

bool is_compressed(const Path& file) { return file.extension() == ".gz" || file.extension() == ".zst"; }

Result<void> check_compressed(const Path& file) {
  if (!is_compressed(file)) return {};
  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(file, failed);
  if (failed) return errno_error("look at", file.string(), failed.value());
  if (size == 0) return data_error("source.empty", "the file is empty", {.file = file.string()});
  return file.extension() == ".gz" ? check_gzip(file) : check_zstd(file, size);
}

}  // namespace tidemill::engine
