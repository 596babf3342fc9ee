// The files that records are appended to: a header, then records framed by length and CRC-32C
// (docs/formats/prediction-log.md). Whatever ends a process or a machine, what was written before is read
// back up to the last whole record. A segment is locked as long as its writer lives.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxSegmentBytes = size_t{32} << 20;  // then the writer begins another one
inline constexpr size_t kMaxSegmentValues = 10'000'000;  // rows × columns of its table: it is made in memory
inline constexpr std::string_view kSegmentEnding = ".segment";

/// Appends the record in its frame.
void append_frame(std::string_view record, std::string& out);
/// The same of a record that is appended to out between the two; the first says where its frame begins.
size_t begin_frame(std::string& out);
void end_frame(size_t begin, std::string& out);

/// What a segment begins with.
std::string segment_header();

/// Visits the whole records of a segment's bytes in order. Returns how many bytes they and the header take:
/// behind them lies nothing, or what a crash or a bad disk left. Errors: log.bad_segment (no segment, or one
/// of a newer format); what visit returned.
Result<size_t> each_record(std::string_view segment,
                           const std::function<Result<void>(std::string_view record)>& visit);

/// A segment that is being written. Not thread-safe.
class SegmentWriter {
 public:
  /// folder/stem.segment, which appears with its header and locked. Errors: io.*.
  static Result<SegmentWriter> create(const Path& folder, const std::string& stem);
  SegmentWriter(SegmentWriter&& other) noexcept;
  SegmentWriter& operator=(SegmentWriter&& other) noexcept;
  ~SegmentWriter();
  /// Whole frames. On an error none of them is there, and it may be tried again; unless is_broken().
  Result<void> append(std::string_view frames);
  /// What was appended is on the disk, and so is the file's name. After an error nobody knows what is.
  Result<void> sync();
  size_t bytes() const { return bytes_; }
  /// Its end cannot be told any more: begin another one.
  bool is_broken() const { return broken_; }
  const Path& path() const { return path_; }

 private:
  SegmentWriter(Path path, int fd, size_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}
  Path path_;
  int fd_ = -1;
  size_t bytes_ = 0;
  bool named_ = false;  // the folder was synced
  bool broken_ = false;
};

/// All of a segment's bytes.
Result<std::string> read_segment(const Path& segment);

}  // namespace tidemill::monitoring
