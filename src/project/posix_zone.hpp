// The rule that a time zone follows for ever, as POSIX writes it and TZif files end with it:
// "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0". With RFC 8536's wider hours.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill::project {

struct PosixZone {
  int64_t offset = 0;  // of standard time, seconds east
  struct Day {
    enum class Kind { MonthWeekDay, Julian, DayOfYear };
    Kind kind = Kind::MonthWeekDay;
    int month = 1, week = 1,
        day = 0;             // week 5 is the last; day is the weekday, 0 is Sunday, or the day of the year
    int64_t seconds = 7200;  // on the wall that was valid before
  };
  struct Summer {
    int64_t offset = 0;
    Day begins, ends;
  };
  std::optional<Summer> summer;

  /// Changes in the years from `first` to `last`, rising: seconds UTC and the offset since.
  std::vector<std::pair<int64_t, int64_t>> changes(int first, int last) const;
};

/// Nothing when the text is none.
std::optional<PosixZone> parse_posix_zone(std::string_view text);

}  // namespace tidemill::project
