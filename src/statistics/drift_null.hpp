// How large a distance is when nothing drifted. The formula for independent rows does not say: rows of one
// day resemble each other (weather, campaigns), so that a week differs from the year it lies in by much more.
// Here the reference answers itself: spans of its own days against its other days.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/error.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// Of counts in the same places: distances.hpp's psi, jensen_shannon, ks_of_bins, l_infinity, or another.
using Distance = std::function<Maybe(Numbers reference, Numbers current)>;

/// The quantile that an alert takes.
inline constexpr double kDriftNullLevel = 0.99;
/// Fewer blocks than this, or fewer than two windows of them, tell nothing of how windows differ.
inline constexpr size_t kMinNullBlocks = 10;
inline constexpr size_t kMaxNullDraws = 100'000;

struct DriftNullOptions {
  size_t window_blocks = 7;  // of the window that will be judged, in blocks of the reference (days)
  size_t draws = 1000;
  uint64_t seed = 42;
};

/// What the distance was where nothing had drifted, sorted.
struct DriftNull {
  std::vector<double> spans;  // every run of window_blocks consecutive blocks against the rest
  std::vector<double> draws;  // window_blocks blocks drawn without replacement against the rest
  /// The larger of the two samples' quantiles (type 7), q in [0, 1]. Spans keep what days in a row have in
  /// common, but there are few that don't overlap, so their tail is short: of 90 independent days 3 % of
  /// weeks pass the spans' 99th percentile. Draws have a long tail and forget the order: of days that
  /// resemble the day before, 20 % of weeks pass theirs. The larger one is passed by about 1 % in the first
  /// case. Where days hang together for weeks, a reference of a few windows has not seen what windows can be,
  /// and still up to one in ten passes; of a year of days with correlation 0.7 it is 2 %.
  double quantile(double q = kDriftNullLevel) const;
};

/// counts: blocks × places, row-major, blocks in the order of time; a block without rows counts as a block.
/// The draws come from a counter (seed, draw), so results are the same anywhere. Where a window's place in
/// `spans` or `draws` has no distance (a window without rows), it is left out.
/// Nothing with fewer than kMinNullBlocks blocks, fewer than two windows of them, or no window with a
/// distance. Errors: drift.bad_null (a shape or an option that makes no sense, a count that is none).
Result<std::optional<DriftNull>> drift_null(Numbers counts, size_t places, const Distance& distance,
                                            const DriftNullOptions& options = {});

/// PSI of n and m independent rows of one distribution, unsmoothed, over `places` that have some share: about
/// (1/n + 1/m)·χ² with places − 1 degrees of freedom (Yurdakul & Naranjo 2020). For a reference without days
/// only: it is far too small where days differ. Nothing with fewer than two places or no rows.
struct IndependentPsi {
  double mean = 0;      // (places − 1)(1/n + 1/m)
  double quantile = 0;  // at `level`
};
std::optional<IndependentPsi> psi_of_independent_rows(size_t places, double reference_rows,
                                                      double current_rows, double level = kDriftNullLevel);

}  // namespace tidemill::statistics
