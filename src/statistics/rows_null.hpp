// How large a distance between counts is when nothing drifted and rows are independent: samples drawn from
// the reference's own shares. The χ² formulas do not say, where places are rare: one row in a place that
// expects a hundredth of one adds as much to χ² as twenty common places, and such places there always are,
// beyond the ends of what the reference has seen.
#pragma once

#include <cstdint>

#include "statistics/drift_null.hpp"

namespace tidemill::statistics {

struct RowsNullOptions {
  double level = kDriftNullLevel;
  size_t draws = 1000;
  uint64_t seed = 42;
};

/// The distance that `level` of pairs of samples stay under, of as many rows as the reference has and of
/// `current_rows`, both with the reference's shares, (c + 0.5)/(n + 0.5B). What is between and beyond the
/// draws comes from Pearson's type III with their mean, deviation and skewness, which a sum over places is
/// near to: so `distance` should be one (the square of Jensen–Shannon's, χ² itself). Draws come from a
/// counter (seed, draw): the same anywhere. Nothing without rows, with fewer than two places, or where the
/// distance is not defined.
Maybe rows_null_quantile(Numbers reference, double current_rows, const Distance& distance,
                         const RowsNullOptions& options = {});

/// Quantile of Pearson's type III distribution; skewness is taken as at least 0.05.
double pearson3_quantile(double mean, double deviation, double skewness, double level);

}  // namespace tidemill::statistics
