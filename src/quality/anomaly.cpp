#include "quality/anomaly.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "statistics/bins.hpp"

namespace tidemill::quality {
namespace {

constexpr int64_t kHour = 3'600'000'000;
constexpr int64_t kDay = 24 * kHour;

/// Whether `past` lies a whole number of periods before `now`, give or take: clock changes and late runs must
/// not break a week.
bool whole_periods_apart(Instant past, Instant now, int64_t period, int64_t slack) {
  const int64_t rest = (now.micros - past.micros) % period;
  return rest <= slack || rest >= period - slack;
}

unsigned day_of_month(Instant instant) {
  const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds(instant.micros)};
  return static_cast<unsigned>(
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).day());
}

bool same_phase(Instant past, Instant now, const std::string& season) {
  if (season == "day") return whole_periods_apart(past, now, kDay, 2 * kHour);
  if (season == "week") return whole_periods_apart(past, now, 7 * kDay, 11 * kHour);
  if (season == "month") return day_of_month(past) == day_of_month(now);
  return true;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return statistics::quantile(values, 0.5).value_or(0);
}

}  // namespace

AnomalyAnswer judge_history(const AnomalyQuestion& question) {
  constexpr double kNormal = 1.4826;  // makes the median absolute deviation of a normal distribution its σ
  AnomalyAnswer answer{.needed = question.season == "none" ? kMinHistory : kMinSeasonHistory};
  std::vector<double> values;
  for (const SeriesPoint& point : question.history)
    if (point.at < question.now && std::isfinite(point.value) &&
        same_phase(point.at, question.now, question.season))
      values.push_back(point.value);
  answer.points = values.size();
  answer.enough = values.size() >= answer.needed;
  if (!answer.enough) return answer;

  answer.expected = median(values);
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - answer.expected));
  answer.scale = std::max(
      {kNormal * median(deviations), kLeastRelativeScale * std::abs(answer.expected), question.least_scale});
  const double gap = question.today - answer.expected;
  answer.z = gap == 0 ? 0 : gap / answer.scale;  // without any scale: infinite, which is an anomaly
  return answer;
}

}  // namespace tidemill::quality
