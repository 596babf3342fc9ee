#include "monitoring/evaluate.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "statistics/attribution.hpp"

namespace tidemill::monitoring {

namespace {

constexpr double kNormal95 = 1.959963984540054;  // two-sided

/// A number and the ends of its interval. It is past a limit when the end that is nearer to the limit is.
struct Measure {
  double value = 0;
  double low = value, high = value;
};

Finding start(Cause cause, Topic topic) {
  Finding finding;
  finding.cause = std::move(cause);
  finding.topic = topic;
  return finding;
}
Finding without(Finding finding, Finding::State state, std::string text) {
  finding.state = state;
  finding.text = std::move(text);
  return finding;
}
Finding too_few(Finding finding, double rows, double needed) {
  return without(std::move(finding), Finding::State::NotEnoughData,
                 fmt::format("not enough data: {} rows, {} needed", rows, needed));
}

void judge_above(Finding& finding, std::string_view name, const Measure& measure, double limit,
                 double least = 0) {
  finding.value = measure.value;
  finding.limit = limit;
  finding.pressure = pressure_above(measure.value, limit, least);
  finding.sure_pressure = pressure_above(measure.low, limit, least);
  finding.text = fmt::format("{} {:.4g}, at most {:.4g}", name, measure.value, limit);
}
void judge_below(Finding& finding, std::string_view name, const Measure& measure, double limit,
                 std::optional<double> best) {
  finding.value = measure.value;
  finding.limit = limit;
  finding.pressure = pressure_below(measure.value, limit, best);
  finding.sure_pressure = pressure_below(measure.high, limit, best);
  finding.text = fmt::format("{} {:.4g}, at least {:.4g}", name, measure.value, limit);
}

/// Of min and max, the one that presses more.
void judge(Finding& finding, std::string_view name, const Limits& limits, const Measure& measure,
           std::optional<double> best) {
  const auto upper = limits.max ? limits.max : limits.fail;
  if (upper) judge_above(finding, name, measure, *upper);
  if (limits.min) {
    Finding other = finding;
    judge_below(other, name, measure, *limits.min, best);
    if (!upper || other.pressure > finding.pressure) finding = std::move(other);
  }
  finding.warned = limits.warn && measure.value > *limits.warn;
  if (!upper && !limits.min) {
    finding.value = measure.value;
    finding.text = fmt::format("{} {:.4g}", name, measure.value);
  }
}

/// No limit is below what chance gives.
Limits above_chance(Limits limits, double chance) {
  if (limits.warn) limits.warn = std::max(*limits.warn, chance);
  if (limits.fail) limits.fail = std::max(*limits.fail, chance);
  return limits;
}

void say_interval(Finding& finding, const std::optional<statistics::Interval>& interval) {
  if (interval) finding.text += fmt::format(" ({:.4g} to {:.4g})", interval->low, interval->high);
}

bool enough_of_each_class(const statistics::Evaluation& rows) {
  if (rows.task == statistics::Task::Regression)
    return static_cast<double>(rows.labels.size()) >= kMinRowsOfClass;
  const size_t classes = rows.task == statistics::Task::Binary ? 2 : rows.outputs;
  std::vector<double> counts(classes, 0.0);
  for (const double label : rows.labels)
    if (label >= 0 && label < static_cast<double>(classes)) counts[static_cast<size_t>(label)] += 1;
  return std::ranges::all_of(counts, [](double count) { return count >= kMinRowsOfClass; });
}

Finding judged_metric(Finding finding, const Limits& limits, std::string_view name, std::string_view shown,
                      const std::optional<statistics::Interval>& interval) {
  const statistics::Metric* metric = statistics::find_metric(name);
  const bool more_is_better = metric == nullptr || metric->more_is_better;
  if (!interval)
    return without(std::move(finding), Finding::State::NotEnoughData,
                   fmt::format("not enough data for an interval of {}", shown));
  judge(finding, shown, limits, {interval->estimate, interval->low, interval->high},
        more_is_better ? std::optional(1.0) : std::nullopt);
  say_interval(finding, interval);
  return finding;
}

/// Lower end of Wilson's score interval (Wilson 1927).
double wilson_low(double failing, double rows) {
  const double share = failing / rows, z2 = kNormal95 * kNormal95;
  const double middle = share + z2 / (2 * rows);
  const double half = kNormal95 * std::sqrt(share * (1 - share) / rows + z2 / (4 * rows * rows));
  return std::max(0.0, (middle - half) / (1 + z2 / rows));
}

}  // namespace

Finding evaluate_drift(Cause cause, const Limits& limits, const Drift& drift) {
  Finding finding = start(std::move(cause), Topic::Drift);
  if (drift.rows < limits.min_rows) return too_few(std::move(finding), drift.rows, limits.min_rows);
  if (!drift.value)
    return without(std::move(finding), Finding::State::Missing,
                   "the distance is not defined for this column");
  const double chance = drift.no_drift.value_or(0);
  judge(finding, "distance", above_chance(limits, chance), {*drift.value}, {});
  if (drift.no_drift) finding.text += fmt::format("; up to {:.4g} where nothing drifts", chance);
  return finding;
}

Finding evaluate_quality(Cause cause, const Limits& limits, const Share& share) {
  Finding finding = start(std::move(cause), Topic::Quality);
  if (share.rows < limits.min_rows) return too_few(std::move(finding), share.rows, limits.min_rows);
  const double above = std::max(0.0, share.failing / share.rows - share.usual);
  const double surely = std::max(0.0, wilson_low(share.failing, share.rows) - share.usual);
  // Past chance by what was seen, and past the limit that was declared by what is sure.
  const double declared = limits.fail.value_or(0);
  const double least = share.chance > declared && surely > declared ? above : surely;
  judge(finding, "share", above_chance(limits, share.chance), {above, least, above}, {});
  finding.text += fmt::format("; {} of {} rows", share.failing, share.rows);
  if (share.chance > 0) finding.text += fmt::format("; up to {:.4g} by chance", share.chance);
  return finding;
}

Result<Finding> evaluate_metric(Cause cause, const Limits& limits, std::string_view metric,
                                const statistics::Evaluation& rows, const statistics::Blocks& blocks,
                                const statistics::BootstrapOptions& options) {
  Finding finding = start(std::move(cause), Topic::Performance);
  TM_TRY(const Maybe value, statistics::compute(metric, rows));
  const auto count = static_cast<double>(rows.labels.size());
  if (count < limits.min_rows) return too_few(std::move(finding), count, limits.min_rows);
  if (!enough_of_each_class(rows))
    return without(std::move(finding), Finding::State::NotEnoughData,
                   fmt::format("not enough data: a class has fewer than {} rows", kMinRowsOfClass));
  if (!value)
    return without(std::move(finding), Finding::State::Missing,
                   fmt::format("{} is not defined for these rows", metric));
  TM_TRY(const auto interval, statistics::bootstrap(metric, rows, blocks, options));
  return judged_metric(std::move(finding), limits, metric, metric, interval);
}

Result<Finding> evaluate_estimate(Cause cause, const Limits& limits, std::string_view metric,
                                  const statistics::Unlabelled& rows, const statistics::Blocks& blocks,
                                  const statistics::BootstrapOptions& options) {
  Finding finding = start(std::move(cause), Topic::Performance);
  TM_TRY(const Maybe value, statistics::estimate(metric, rows));
  const size_t whole_rows = rows.scores.size() / std::max<size_t>(rows.outputs, 1);
  const auto count = static_cast<double>(whole_rows);
  if (count < limits.min_rows) return too_few(std::move(finding), count, limits.min_rows);
  if (!value)
    return without(std::move(finding), Finding::State::Missing,
                   fmt::format("{} cannot be estimated for these rows", metric));
  TM_TRY(const auto interval, statistics::estimate_interval(metric, rows, blocks, options));
  return judged_metric(std::move(finding), limits, metric, fmt::format("estimated {}", metric), interval);
}

Result<Finding> evaluate_fairness(Cause cause, const Limits& limits, std::string_view kind,
                                  const statistics::Fairness& fairness) {
  const statistics::Disparity* disparity = kind == "equal_opportunity" ? &fairness.equal_opportunity
                                           : kind == "equalised_odds"  ? &fairness.equalized_odds
                                           : kind == "demographic_parity" || kind == "four_fifths"
                                               ? &fairness.demographic_parity
                                               : nullptr;
  if (disparity == nullptr)
    return internal_error("monitoring.fairness", fmt::format("there is no fairness '{}'", kind));
  Finding finding = start(std::move(cause), Topic::Performance);
  Limits held = limits;
  if (kind == "four_fifths" && !held.min) held.min = statistics::kFourFifths;
  const statistics::Measured& ratio = disparity->ratio;
  const statistics::Measured& difference = disparity->difference;
  if ((held.min && !ratio.value) || (held.max && !difference.value)) {
    const auto judged = std::ranges::count_if(fairness.groups, &statistics::GroupRates::judged);
    return judged < 2 ? without(std::move(finding), Finding::State::NotEnoughData,
                                fmt::format("not enough data: {} groups have {} rows", judged,
                                            statistics::kMinGroupRows))
                      : without(std::move(finding), Finding::State::NotEnoughData, "no group has the rate");
  }
  const auto measure_of = [](const statistics::Measured& measured) {
    Measure measure{*measured.value};
    if (measured.interval) measure = {*measured.value, measured.interval->low, measured.interval->high};
    return measure;
  };
  if (held.max) {
    judge_above(finding, "difference", measure_of(difference), *held.max);
    say_interval(finding, difference.interval);
  }
  if (held.min) {
    Finding other = finding;
    judge_below(other, "ratio", measure_of(ratio), *held.min, 1);
    say_interval(other, ratio.interval);
    if (!held.max || other.pressure > finding.pressure) finding = std::move(other);
  }
  return finding;
}

Finding evaluate_attribution(Cause cause, const Limits& limits, Numbers training, Numbers now, double rows) {
  Finding finding = start(std::move(cause), Topic::Drift);
  if (rows < limits.min_rows) return too_few(std::move(finding), rows, limits.min_rows);
  const Maybe order = statistics::attribution_ndcg(training, now);
  if (!order)
    return without(std::move(finding), Finding::State::Missing, "the order of features cannot be compared");
  judge_below(finding, "nDCG", {*order}, limits.min.value_or(statistics::kAttributionLimit), 1);
  return finding;
}

Finding evaluate_traffic(Cause cause, const TrafficLimits& limits, const Traffic& traffic) {
  Finding finding = start(std::move(cause), Topic::Other);
  if (!traffic.predictions || traffic.window.micros <= 0)
    return without(std::move(finding), Finding::State::Missing, "the number of predictions is not known");
  const auto expected = [&](const Rate& rate) {
    return rate.count * static_cast<double>(traffic.window.micros) /
           static_cast<double>(std::max<int64_t>(rate.per.micros, 1));
  };
  Limits of_window;
  if (limits.min) of_window.min = expected(*limits.min);
  if (limits.max) of_window.max = expected(*limits.max);
  if (traffic.logged < traffic.window && *traffic.predictions < of_window.min.value_or(0))
    return without(std::move(finding), Finding::State::NotEnoughData,
                   traffic.logged.micros == 0
                       ? "not enough data: nothing was predicted yet"
                       : fmt::format("not enough data: {:.4g} predictions, {:.4g} needed in {}, and the "
                                     "first request was later than that ago",
                                     *traffic.predictions, *of_window.min, to_text(traffic.window)));
  judge(finding, "predictions", of_window, {*traffic.predictions}, {});
  return finding;
}

Finding evaluate_latency(Cause cause, const Limits& limits, std::optional<double> seconds, double rows) {
  Finding finding = start(std::move(cause), Topic::Other);
  if (rows < limits.min_rows) return too_few(std::move(finding), rows, limits.min_rows);
  if (!seconds) return without(std::move(finding), Finding::State::Missing, "no latency was measured");
  judge(finding, "seconds", limits, {*seconds}, {});
  return finding;
}

Finding evaluate_schedule(Cause cause, std::optional<Instant> last_tick, std::optional<Instant> last_success,
                          Duration grace, Instant now) {
  Finding finding = start(std::move(cause), Topic::Other);
  if (!last_tick || (last_success && *last_success >= *last_tick)) {
    finding.text = "succeeded";
    return finding;
  }
  const double waited = Duration{std::max<int64_t>(now.micros - last_tick->micros, 0)}.seconds();
  judge_above(finding, "seconds since its run was due", {waited}, std::max(grace.seconds(), 1.0));
  if (last_success) finding.text += fmt::format("; it last succeeded at {}", to_text(*last_success));
  return finding;
}

}  // namespace tidemill::monitoring
