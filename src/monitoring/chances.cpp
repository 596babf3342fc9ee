#include "monitoring/chances.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tidemill::monitoring {

namespace {

constexpr size_t kMaxNullsKept = 10'000;  // of a version

/// Training's days tell nothing of windows that are longer than half of them: these are held against what
/// the half may do, which is more.
double days_to_tell(const Reference& reference, double days) {
  if (reference.by_day.empty()) return days;
  const size_t all = reference.by_day.size() / reference.baseline.counts.size();
  return std::min(days, std::max(1.0, std::floor(static_cast<double>(all) / 2)));
}

}  // namespace

Result<Chance> Chances::of(const WatchedColumn& column, Statistic statistic, double level,
                           const Window& window) {
  const auto remembered = [](auto& kept, const auto& key, const auto& work_out) -> Result<Maybe> {
    if (const auto found = kept.find(key); found != kept.end()) return found->second;
    TM_TRY(const Maybe value, work_out());
    if (kept.size() >= kMaxNullsKept) kept.clear();
    kept.emplace(key, value);
    return value;
  };
  Chance chance{.level = level};
  const double days = days_to_tell(column.reference, window.days);
  TM_TRY(chance.by_days,
         remembered(by_days_,
                    std::tuple{column.name, static_cast<int>(statistic), level,
                               static_cast<int64_t>(std::ceil(days))},
                    [&]() { return no_drift_by_days(statistic, column.reference, days, level); }));
  if (window.counts.empty() || !is_drawn(statistic)) return chance;
  const double rows = std::accumulate(window.counts.begin(), window.counts.end(), 0.0);
  const statistics::Baseline& baseline = column.reference.baseline;
  TM_TRY(chance.of_rows, remembered(of_rows_,
                                    std::tuple{column.name, static_cast<int>(statistic), level,
                                               static_cast<int64_t>(rows_of_null(rows))},
                                    [&]() -> Result<Maybe> {
                                      return no_drift_of_rows(statistic, baseline, baseline.counts,
                                                              window.counts, level);
                                    }));
  return chance;
}

}  // namespace tidemill::monitoring
