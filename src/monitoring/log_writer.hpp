// From captured records to segments on the disk: rules, frames, one file after the other. A disk that is full
// or broken is reported once; the batch that it refused is kept and tried again until it takes it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "monitoring/column_rules.hpp"
#include "monitoring/segment.hpp"

namespace tidemill::monitoring {

/// A version as the log knows it. Immutable once made, and lives as long as the log.
struct LoggedVersion {
  LogSchema stored;
  ColumnRules rules;
  std::string record;                      // `stored`, encoded
  std::vector<std::string> features = {};  // as they are captured: their places are a view's columns
  std::map<std::string, uint32_t, std::less<>> places = {};  // of the features
  std::vector<std::string> answers = {};                     // behind the features; the rows' key last
  /// guess: its place if the features come in the version's order.
  std::optional<uint32_t> place_of(std::string_view feature, size_t guess) const {
    if (guess < features.size() && features[guess] == feature) return static_cast<uint32_t>(guess);
    const auto found = places.find(feature);
    return found == places.end() ? std::nullopt : std::optional(found->second);
  }
};

struct LogWriterOptions {
  Path folder;
  std::string deployment;
  project::PredictionLog::Durability durability = project::PredictionLog::Durability::Interval;
  size_t segment_bytes = kMaxSegmentBytes;
  std::shared_ptr<const Clock> clock = system_clock();  // whose hour it is; retries and syncs go by another
};

/// Not thread-safe.
class LogWriter {
 public:
  explicit LogWriter(LogWriterOptions options);
  ~LogWriter();
  bool has_room() const { return batch_.size() < kBatchBytes && batch_values_ < kBatchValues; }
  /// Puts a record that was captured for the version into the batch.
  void add(std::string_view captured, const LoggedVersion& version);
  /// Appends the batch to the segment of this hour. False: the disk did not take it, and it is still here.
  bool flush(Instant now);
  /// What was flushed is on the disk, or false.
  bool sync(Instant now);
  bool has_unsynced() const { return unsynced_; }
  bool is_failing() const { return failing_; }
  /// A disk that failed a moment ago is tried all the same by the next flush().
  void try_at_once() { retry_at_ = {}; }
  /// Ends the segment, so that it can be rolled as a whole.
  void end_segment(Instant now);
  void end_segment_of_another_hour();
  /// When the first prediction of the batch was made; nothing: it is empty.
  std::optional<Instant> oldest() const { return oldest_; }
  /// Rows in the batch, which nobody will write any more.
  size_t give_up();

  struct Counts {
    uint64_t rows = 0, bytes = 0, errors = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  static constexpr size_t kBatchBytes = size_t{1} << 20, kBatchValues = 2'000'000;
  bool ensure_segment(Instant now);
  bool append_batch();
  bool failed(const Error& error, Instant now);
  void healed();

  const LogWriterOptions options_;
  std::optional<SegmentWriter> segment_;
  int64_t hour_ = 0;                         // of the segment, counted from 1970
  std::set<const LoggedVersion*> declared_;  // in the segment
  std::string batch_;
  StoredPrediction captured_;            // the record that is added
  std::set<const LoggedVersion*> used_;  // in the batch
  size_t batch_rows_ = 0, batch_values_ = 0, segment_values_ = 0;
  std::optional<Instant> oldest_;
  bool unsynced_ = false, failing_ = false;
  Instant retry_at_;
  Counts counts_;
};

inline constexpr Duration kHour{3'600'000'000};
/// Of the hour that the name of every segment begins with: "2026-11-29T10".
inline constexpr size_t kHourDigits = 13;
/// In UTC.
std::string hour_of(Instant instant);

}  // namespace tidemill::monitoring
