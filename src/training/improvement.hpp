// A difference between two versions as a rule of the gate sees it: positive where the challenger is better,
// whatever the metric's direction.
#pragma once

#include "project/project.hpp"
#include "statistics/intervals.hpp"

namespace tidemill::training {

/// 1 where more of the metric is better, else −1.
int direction(const std::string& metric);

struct Improvement {
  double first = 0, second = 0;  // the metric of the challenger and of the other
  double estimate = 0, low = 0, high = 0;
  double bound = 0;  // the rule's: −no_worse_by, or better_by
  // One-sided: how likely such an improvement is when the truth is at the bound.
  double p_above = 1;     // of an improvement above it
  double p_of_claim = 1;  // of what a slice proves: worse under no_worse_by, better under better_by
  size_t resamples = 0;
};
Improvement improvement_of(const project::GateRule& rule, const statistics::Difference& difference);

}  // namespace tidemill::training
