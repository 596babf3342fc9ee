// One look of a monitor: from what was measured in a window, and the limits that the project sets, to
// findings. Pure functions of values; who counts, joins labels or explains rows is elsewhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitoring/drift.hpp"
#include "monitoring/finding.hpp"
#include "statistics/estimated_performance.hpp"
#include "statistics/fairness.hpp"
#include "statistics/intervals.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::monitoring {

inline constexpr double kMinRows = 200;        // with fewer, nothing is said
inline constexpr double kMinRowsOfClass = 50;  // of each class, before a realised metric is judged

/// What a finding is held against: values above `fail` or `max`, or below `min`, are past it.
struct Limits {
  std::optional<double> warn, fail, min, max;
  double min_rows = kMinRows;
};

/// Past its limit only where that is more than what no drift gives (Drift::no_drift). A statistic that is not
/// defined for the column is Missing.
Finding evaluate_drift(Cause cause, const Limits& limits, const Drift& drift);

/// The share of live values that are not as in training. `usual` is that share in training (missing values
/// may be usual); only what is above it counts. The better end is Wilson's at 95 %, less `usual`. `chance` is
/// how much is above it where nothing changed: only more than that is past a limit.
struct Share {
  double failing = 0, rows = 0, usual = 0, chance = 0;
};
Finding evaluate_quality(Cause cause, const Limits& limits, const Share& share);

/// A metric where labels are known. The better end of its interval decides; where rows or blocks are too few
/// for an interval, or a class has fewer than kMinRowsOfClass rows, there is not enough data. A metric that
/// is not defined is Missing. Errors as statistics::bootstrap.
Result<Finding> evaluate_metric(Cause cause, const Limits& limits, std::string_view metric,
                                const statistics::Evaluation& rows, const statistics::Blocks& blocks,
                                const statistics::BootstrapOptions& options = {});
/// … estimated from calibrated probabilities. "estimated" stands in its text. Errors as
/// statistics::estimate_interval.
Result<Finding> evaluate_estimate(Cause cause, const Limits& limits, std::string_view metric,
                                  const statistics::Unlabelled& rows, const statistics::Blocks& blocks,
                                  const statistics::BootstrapOptions& options = {});

/// kind: demographic_parity, equal_opportunity, equalised_odds, four_fifths (demographic parity's ratio with
/// `min` 0.8 where none is said). `min` judges the ratio, `max` the difference. Fewer than two groups to
/// judge: not enough data. Error monitoring.fairness for another kind.
Result<Finding> evaluate_fairness(Cause cause, const Limits& limits, std::string_view kind,
                                  const statistics::Fairness& fairness);

/// Mean |SHAP| of each feature in training and now: nDCG of their order, `min` 0.9 where none is said.
Finding evaluate_attribution(Cause cause, const Limits& limits, Numbers training, Numbers now, double rows);

/// Predictions in the window against a rate. None at all is too little traffic, not missing data, but there
/// is not enough data to say so while the log is younger than the window.
struct Rate {
  double count = 0;
  Duration per{int64_t{86'400} * 1'000'000};
};
struct TrafficLimits {
  std::optional<Rate> min, max;
};
struct Traffic {
  std::optional<double> predictions;
  Duration window;
  Duration logged;  // since the first request, failed ones too; 0: there was none
};
Finding evaluate_traffic(Cause cause, const TrafficLimits& limits, const Traffic& traffic);

/// A percentile of the latency in seconds; nothing: no prediction was timed.
Finding evaluate_latency(Cause cause, const Limits& limits, std::optional<double> seconds, double rows);

/// A schedule whose last tick is more than `grace` ago and that has not succeeded since.
Finding evaluate_schedule(Cause cause, std::optional<Instant> last_tick, std::optional<Instant> last_success,
                          Duration grace, Instant now);

}  // namespace tidemill::monitoring
