#include "project/cron_ticks.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace tidemill::project {

namespace {

constexpr int64_t kMicros = 1'000'000;
constexpr int64_t kDay = 86'400;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

bool has_day(const Cron& cron, int64_t days) {
  using namespace std::chrono;
  const sys_days day{std::chrono::days{days}};
  const year_month_day date{day};
  if (!cron.months[static_cast<unsigned>(date.month())]) return false;
  const bool of_month = cron.days[static_cast<unsigned>(date.day())];
  const bool of_week = cron.weekdays[weekday{day}.c_encoding()];
  return cron.any_day || cron.any_weekday ? of_month && of_week : of_month || of_week;
}

/// All ticks of a day on the wall, rising.
std::vector<Instant> ticks_of(const Cron& cron, int64_t days, const ZoneRules& zone) {
  std::vector<Instant> ticks;
  if (!has_day(cron, days)) return ticks;
  for (size_t hour = 0; hour < 24; ++hour)
    for (size_t minute = 0; cron.hours[hour] && minute < 60; ++minute) {
      if (!cron.minutes[minute]) continue;
      const auto wall = zone.instants_of(days * kDay + static_cast<int64_t>(hour * 3600 + minute * 60));
      if (cron.every_hour)
        ticks.insert(ticks.end(), wall.instants.begin(), wall.instants.end());
      else if (!wall.instants.empty())
        ticks.push_back(wall.instants.front());
      else if (wall.gap_end)
        ticks.push_back(*wall.gap_end);
    }
  std::sort(ticks.begin(), ticks.end());
  return ticks;
}

int64_t day_on_the_wall(Instant instant, const ZoneRules& zone) {
  return floor_div(floor_div(instant.micros, kMicros) + zone.offset_at(instant), kDay);
}

}  // namespace

// Clocks that are put back over midnight show a day again: ticks of neighbouring days may interleave, so that
// the day after the one that was found is looked at, too.
std::optional<Instant> next_after(const Cron& cron, Instant instant, const ZoneRules& zone) {
  std::optional<Instant> best;
  const int64_t first = day_on_the_wall(instant, zone) - 1;
  for (int64_t day = first; day <= first + kMaxTickDays; ++day) {
    const bool found_before = best.has_value();
    const auto ticks = ticks_of(cron, day, zone);
    const auto tick = std::upper_bound(ticks.begin(), ticks.end(), instant);
    if (tick != ticks.end() && (!best || *tick < *best)) best = *tick;
    if (found_before) break;
  }
  return best;
}

std::optional<Instant> last_until(const Cron& cron, Instant instant, const ZoneRules& zone) {
  std::optional<Instant> best;
  const int64_t first = day_on_the_wall(instant, zone) + 1;
  for (int64_t day = first; day >= first - kMaxTickDays; --day) {
    const bool found_before = best.has_value();
    const auto ticks = ticks_of(cron, day, zone);
    const auto after = std::upper_bound(ticks.begin(), ticks.end(), instant);
    if (after != ticks.begin() && (!best || *std::prev(after) > *best)) best = *std::prev(after);
    if (found_before) break;
  }
  return best;
}

}  // namespace tidemill::project
