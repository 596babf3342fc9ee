// Segments become Parquet files, so that the log is a table like any other. A segment and its Parquet file
// have the same stem: while the segment is written, the file is made anew from it now and then; once its
// writer is gone, a last time, and then the segment is removed. Readers look at Parquet files alone: whatever
// a crash leaves, no row is there twice.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "monitoring/forgotten_keys.hpp"

namespace tidemill::monitoring {

inline constexpr std::string_view kParquetEnding = ".parquet";
inline constexpr std::string_view kBadEnding = ".bad";  // of what cannot be read

/// A folder's files with that ending, those that are on their way left out, sorted; none where there is no
/// folder.
std::vector<Path> files_ending(const Path& folder, std::string_view ending);

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
  size_t left = 0;        // segments that were not looked at, since it was to end
};

/// Of one deployment. Not thread-safe; several processes may have one each.
class Roller {
 public:
  explicit Roller(RollOptions options) : options_(std::move(options)) {}
  /// All segments that grew since; nothing if another process is at it, unless that is waited for. goes_on is
  /// asked before each segment: each takes a fraction of a second. The first error stops it, and what was
  /// done stays: io.*, engine.*, log.bad_forgotten.
  Result<Rolled> roll(Instant now, FileLock::Wait wait = FileLock::Wait::No,
                      const std::function<bool()>& goes_on = {});

 private:
  class ParquetFiles;
  Result<void> roll_segment(const Path& segment, ParquetFiles& files, Rolled& rolled);
  Result<void> remove_old(Instant now, Rolled& rolled) const;
  const RollOptions options_;
  struct Seen {
    size_t bytes = 0, torn_bytes = 0;
  };
  std::map<std::string, Seen> seen_;  // of segments that were rolled and are still there, by stem
};

}  // namespace tidemill::monitoring
