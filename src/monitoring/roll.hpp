// Segments become Parquet files, so that the log is a table like any other. A segment and its Parquet file
// have the same stem: while the segment is written, the file is made anew from it now and then; once its
// writer is gone, a last time, and then the segment is removed. Readers look at Parquet files alone: whatever
// a crash leaves, no row is there twice.
#pragma once

#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace tidemill::monitoring {

inline constexpr std::string_view kParquetEnding = ".parquet";

struct RollOptions {
  Path folder;      // of one deployment's log
  Duration retain;  // files of hours that ended longer ago are removed
};

struct Rolled {
  size_t files = 0;       // made or made anew
  size_t finished = 0;    // segments that are gone now
  size_t torn_bytes = 0;  // behind the last whole record of segments whose writer died
  size_t removed = 0;     // files past their time, also those that were set aside
  size_t set_aside = 0;   // what could not be read, called *.bad from now on
};

/// Of one deployment. Not thread-safe; several processes may have one each.
class Roller {
 public:
  explicit Roller(RollOptions options) : options_(std::move(options)) {}
  /// All segments that grew since; nothing if another process is at it. The first error stops it, and what
  /// was done stays: io.*, engine.*.
  Result<Rolled> roll(Instant now);

 private:
  Result<void> roll_segment(const Path& segment, Rolled& rolled);
  Result<void> remove_old(Instant now, Rolled& rolled) const;
  const RollOptions options_;
  std::map<std::string, uintmax_t> rolled_bytes_;  // of segments that are still written, by stem
};

}  // namespace tidemill::monitoring
