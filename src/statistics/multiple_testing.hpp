// p-values of several tests made at once, adjusted so that they can be held against one level.
#pragma once

#include <vector>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// Step-down, controls the chance of any false finding. Holm 1979. In the order given, at most 1.
std::vector<double> holm(Numbers p_values);
/// Step-up, controls the share of false findings. Benjamini & Hochberg 1995.
std::vector<double> benjamini_hochberg(Numbers p_values);

}  // namespace tidemill::statistics
