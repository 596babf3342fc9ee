// Cron expressions: five fields (minute hour day-of-month month day-of-week), or @hourly, @daily, @weekly,
// @monthly, @yearly. Owns their syntax only: when the next tick is, and what a time zone does to it, belongs
// to who schedules.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill::project {

struct Cron {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;     // 1 to 31
  std::bitset<13> months;   // 1 to 12
  std::bitset<7> weekdays;  // 0 is Sunday
  bool every_hour = false;  // the field began with *: follows elapsed time when clocks change
  bool any_day = false;     // day of month and of week: if neither is *, one of them is enough (POSIX)
  bool any_weekday = false;
};

/// Errors have code project.bad_value and name the field.
Result<Cron> parse_cron(std::string_view text);

}  // namespace tidemill::project
