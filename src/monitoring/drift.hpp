// How far a column's window lies from its reference, in the bins that the model package fixed, and how far it
// would lie if nothing had drifted. Pure functions of counts.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "statistics/bins.hpp"
#include "statistics/drift_null.hpp"

namespace tidemill::monitoring {

using statistics::Maybe;
using statistics::Numbers;

/// As the project file names them: psi, js, ks, wasserstein, chi2, linf.
///   - psi: population stability index
///   - js: Jensen–Shannon distance, base 2
///   - ks: largest gap of the cumulative shares of numbers, missing ones left out
///   - wasserstein: earth mover's distance of numbers from their bins, over the reference's standard
///     deviation; what lies outside the reference's range counts as at its edge
///   - chi2: Cramér's V of χ² of reference against window, 0 to 1 (Cramér 1946); χ² itself grows with rows
///   - linf: largest difference of a share
/// And one that quality: missing is held against, which is no word for drift:
///   - the share of missing values above the reference's
enum class Statistic { Psi, JensenShannon, Ks, Wasserstein, ChiSquare, LInfinity, MissingShare };
std::optional<Statistic> statistic_of(std::string_view word);

/// A column of the package's baseline. Counts have the places of statistics::bins.
struct Reference {
  statistics::Baseline baseline;
  std::vector<double> by_day;  // days × places, row-major, oldest first; empty without a time split
};
/// From one member of Package::baseline's "inputs", or "score", "decision", "target". Error
/// baseline.malformed.
Result<Reference> read_reference(const Json& json);

/// The statistic between two spans of counts in the reference's places. Always nothing for ks and wasserstein
/// of a text, and for wasserstein of numbers that do not vary.
statistics::Distance distance_of(Statistic statistic, const statistics::Baseline& baseline);

/// The level for each of so many distances that are judged in one look (Bonferroni), so that in one look of
/// two hundred any of them passes where nothing drifted: of 20 columns that each pass in one window of a
/// hundred, one does in every fifth. Half of the hundredth that is promised, since the limits are estimates
/// as well.
double no_drift_level(size_t judged);

/// What this share of windows of so many of the reference's days stays under (statistics::drift_null):
/// thousands of draws, so made once a version and kept. Nothing without days, or with too few of them. A
/// window of less than a day is taken for a day.
Result<Maybe> no_drift_by_days(Statistic statistic, const Reference& reference, double window_days,
                               double level = statistics::kDriftNullLevel);

/// What this share of windows of independent rows stays under, of these reference counts and as many current
/// rows as the window has. Nothing where the statistic is not defined.
///   psi, js, chi2, linf: drawn (statistics::rows_null_quantile), for rows_of_null() of the window's, which
///   is not more; ks: Kolmogorov's √(−ln(α/2)/2) √(1/n + 1/m), α = 1 − level; wasserstein: z ∫ √(F(1−F)(1/n +
///   1/m)) over σ, z of the normal distribution on both sides: an upper bound. ks and wasserstein count rows
///   that are not missing. The missing share: Pearson's type III with the moments of the difference of two
///   binomial shares.
Maybe no_drift_of_rows(Statistic statistic, const statistics::Baseline& baseline, Numbers reference,
                       Numbers window, double level = statistics::kDriftNullLevel);
/// Whether that is the same for all windows of as many rows_of_null(): it takes milliseconds, and may be
/// kept.
bool is_drawn(Statistic statistic);
/// Rounded down, by less than 9 %.
double rows_of_null(double rows);

/// What a distance is held against, at one level.
struct Chance {
  Maybe by_days = {};  // no_drift_by_days(); nothing: rows are taken for independent
  Maybe of_rows = {};  // no_drift_of_rows(); nothing: it is worked out
  double level = statistics::kDriftNullLevel;
};

struct Drift {
  Maybe value;     // nothing: not defined for this column
  Maybe no_drift;  // what it is passed by where nothing drifted, in 1 − level of windows
  Maybe p_value;   // of χ² on the counts: informs, never decides
  double rows = 0;
};
/// `against` has the counts to compare with, of another span: empty means the baseline's own.
Drift measure_drift(Statistic statistic, const Reference& reference, Numbers window, Numbers against,
                    const Chance& chance);

}  // namespace tidemill::monitoring
