// Counts of a column in bins that are fixed once, and the baseline that a model package carries. Numbers fall
// into at most 20 bins at the reference's quantiles plus under, over and missing; texts into the most
// frequent levels plus other and missing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::statistics {

inline constexpr size_t kMaxBins = 20;
inline constexpr size_t kMaxLevels = 50;

/// Quantile q of sorted numbers, linear between neighbours (Hyndman & Fan 1996, type 7: numpy's default).
/// Nothing for no numbers.
Maybe quantile(Numbers sorted, double q);

/// Bins [e0,e1) … [e(k−1),ek]; a constant column has the two edges v, v. Counts are laid out: missing, under,
/// bins…, over.
struct NumberBins {
  std::vector<double> edges;
  size_t bins() const { return edges.empty() ? 0 : edges.size() - 1; }
  size_t places() const { return bins() + 3; }
  /// NaN is missing; infinities are under and over.
  size_t place_of(double value) const;
  std::string label(size_t place) const;  // "missing", "< 3", "[3, 5)", "> 80"
};
/// Edges at the quantiles of the values that are finite, equal ones once. No finite value: no edges.
NumberBins quantile_bins(Numbers values, size_t max_bins = kMaxBins);
std::vector<double> count(const NumberBins& bins, Numbers values);

/// Levels by falling count, ties by bytes. Counts are laid out: missing, levels…, other.
struct LevelBins {
  std::vector<std::string> levels;
  size_t places() const { return levels.size() + 2; }
  size_t place_of(
      const std::optional<std::string_view>& value) const;  // linear; for hot paths build an index
  std::string label(size_t place) const;
};
struct LevelCount {
  std::string level;
  double count = 0;
};
LevelBins frequent_levels(std::vector<LevelCount> counts, size_t max_levels = kMaxLevels);

/// What a package keeps of a column: {kind: number, edges, counts, rows, missing, mean, std, min, max,
/// quantiles: {"0.01": …}}. std has n−1 below. A column without finite values has edges [] and no mean.
Json number_baseline(Numbers values, size_t max_bins = kMaxBins);
/// {kind: level, levels, counts, rows, missing, distinct}. `missing`: rows without a value.
Json level_baseline(std::vector<LevelCount> counts, double missing, size_t max_levels = kMaxLevels);

/// A baseline read back. Error baseline.malformed.
struct Baseline {
  enum class Kind { Number, Level };
  Kind kind = Kind::Number;
  NumberBins numbers;
  LevelBins levels;
  std::vector<double> counts;
  double rows = 0;
  Maybe mean, standard_deviation;
};
Result<Baseline> read_baseline(const Json& json);

}  // namespace tidemill::statistics
