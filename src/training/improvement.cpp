#include "training/improvement.hpp"

#include "statistics/metrics.hpp"

namespace tidemill::training {

int direction(const std::string& metric) {
  const statistics::Metric* known = statistics::find_metric(metric);
  return known && !known->more_is_better ? -1 : 1;
}

Improvement improvement_of(const project::GateRule& rule, const statistics::Difference& difference) {
  const int sign = direction(rule.metric);
  const statistics::Interval& interval = difference.interval;
  const double bound = rule.better_by ? *rule.better_by : -rule.no_worse_by.value_or(0);
  const double p_above = sign > 0 ? difference.p_not_above(bound) : difference.p_not_below(-bound);
  const double p_below = sign > 0 ? difference.p_not_below(bound) : difference.p_not_above(-bound);
  return {.first = difference.first,
          .second = difference.second,
          .estimate = sign * interval.estimate,
          .low = sign > 0 ? interval.low : -interval.high,
          .high = sign > 0 ? interval.high : -interval.low,
          .bound = bound,
          .p_above = p_above,
          .p_of_claim = rule.better_by ? p_above : p_below,
          .resamples = interval.resamples};
}

}  // namespace tidemill::training
