// How sure a metric is: percentile intervals by the block bootstrap. Whole blocks (days, groups, or single
// rows) are drawn with replacement, since rows of a day or a customer are not independent. Draws come from a
// counter (seed, resample, draw), so results are the same in any order and on any number of threads. Efron &
// Tibshirani 1993, ch. 13; Künsch 1989 for blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// Which block each row belongs to, numbered 0 … count−1 in order of first appearance.
struct Blocks {
  std::vector<uint32_t> of_row;
  size_t count = 0;
};
Blocks make_blocks(std::span<const int64_t> ids);
/// Every row is a block: the ordinary bootstrap.
Blocks blocks_of_single_rows(size_t rows);

struct BootstrapOptions {
  uint64_t seed = 42;
  size_t resamples = 1000;
  double level = 0.95;
};
inline constexpr size_t kMaxResamples = 100'000;
/// Fewer blocks than this tell nothing: there are few different resamples of them, and an interval from so
/// few is far too narrow (of 5 days it misses the truth more than twice as often as it says).
inline constexpr size_t kMinBlocks = 10;

/// How often each block is drawn in resample r: sums to blocks.count. multiplicity has one place a block.
void draw_blocks(uint64_t seed, uint64_t resample, std::span<double> multiplicity);

struct Interval {
  double estimate = 0;  // on the rows themselves
  double low = 0, high = 0;
  double level = 0.95;
  size_t resamples = 0;  // in which the metric was defined
  size_t blocks = 0;
};
/// What every bootstrap asks first. Error bootstrap.bad_options.
Result<void> check_bootstrap(size_t rows, const Blocks& blocks, const BootstrapOptions& options);
/// Between the tails of the sorted values of the resamples, less `bias`. Nothing with values in fewer than
/// half of the resamples.
std::optional<Interval> percentile_interval(double estimate, Numbers sorted, double bias,
                                            const Blocks& blocks, const BootstrapOptions& options);

/// Of ece, which resampling makes worse, less the bootstrap's estimate of that bias.
/// Nothing where the metric is not defined on the rows, or in fewer than half of the resamples, or with fewer
/// than kMinBlocks blocks. Errors as compute(), and bootstrap.bad_options.
Result<std::optional<Interval>> bootstrap(std::string_view metric, const Evaluation& evaluation,
                                          const Blocks& blocks, const BootstrapOptions& options = {});

/// first − second, both judged on the same rows and in each resample on the same blocks.
struct Difference {
  Interval interval;
  double first = 0, second = 0;   // estimates
  std::vector<double> resampled;  // sorted differences
  /// One-sided bootstrap p-values (Davison & Hinkley 1997, 4.11): (1 + #{d* ≤ limit}) / (1 + resamples), and
  /// its mirror.
  double p_not_above(double limit) const;
  double p_not_below(double limit) const;
};
/// Nothing where bootstrap() has none.
Result<std::optional<Difference>> bootstrap_difference(std::string_view metric, const Evaluation& first,
                                                       const Evaluation& second, const Blocks& blocks,
                                                       const BootstrapOptions& options = {});

}  // namespace tidemill::statistics
