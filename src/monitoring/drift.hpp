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
enum class Statistic { Psi, JensenShannon, Ks, Wasserstein, ChiSquare, LInfinity };
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

/// What 99 % of windows of so many of the reference's days stay under (statistics::drift_null): a thousand
/// draws, so made once a version and kept. Nothing without days, or with too few of them. A window of less
/// than a day is taken for a day.
Result<Maybe> no_drift_by_days(Statistic statistic, const Reference& reference, double window_days);

/// What 99 % of windows of independent rows stay under, of these reference counts and so many current rows;
/// for small differences and large counts. Nothing where the statistic is not defined.
///   psi: χ² quantile × (1/n + 1/m) (Yurdakul & Naranjo 2020); js: its root over √(8 ln 2), chi2: over √(n +
///   m), both by the same expansion to second order; ks: Kolmogorov's 1.628 √(1/n + 1/m); linf: by the normal
///   approximation of each place, Bonferroni's correction over places; wasserstein: 2.576 ∫ √(F(1−F)(1/n +
///   1/m)) over σ, an upper bound.
Maybe no_drift_of_rows(Statistic statistic, const statistics::Baseline& baseline, Numbers reference,
                       double current_rows);

struct Drift {
  Maybe value;     // nothing: not defined for this column
  Maybe no_drift;  // what it is passed by where nothing drifted, in 1 % of windows
  Maybe p_value;   // of χ² on the counts: informs, never decides
  double rows = 0;
};
/// `against` has the counts to compare with, of another span: empty means the baseline's own. `by_days` is
/// what no_drift_by_days() said; where it said nothing, rows are taken for independent.
Drift measure_drift(Statistic statistic, const Reference& reference, Numbers window, Numbers against,
                    Maybe by_days);

}  // namespace tidemill::monitoring
