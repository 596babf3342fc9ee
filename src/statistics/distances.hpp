// How far a current distribution lies from a reference. Those over counts take two spans of one length, place
// by place; nothing comes back where lengths differ or one side is empty. p-values inform, they never decide:
// at a million rows everything is significant.
#pragma once

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// Population stability index Σ(q−p)ln(q/p), shares smoothed as (c+0.5)/(n+0.5B).
Maybe psi(Numbers reference, Numbers current);
/// Square root of the Jensen–Shannon divergence in base 2: 0 to 1. Lin 1991.
Maybe jensen_shannon(Numbers reference, Numbers current);
/// Largest gap between the two cumulative shares; the places must be ordered (leave missing out).
Maybe ks_of_bins(Numbers reference, Numbers current);
/// Largest difference of a share.
Maybe l_infinity(Numbers reference, Numbers current);

struct ChiSquare {
  double statistic = 0;
  double degrees = 0;
  double p_value = 1;
};
/// Pearson's test of homogeneity on the 2 × B table; places empty on both sides are left out. Nothing with
/// fewer than two places.
std::optional<ChiSquare> chi_square(Numbers reference, Numbers current);

/// Two-sample Kolmogorov–Smirnov D of values (NaN left out).
Maybe ks(Numbers reference, Numbers current);
/// Earth mover's distance in the values' unit (NaN left out).
Maybe wasserstein(Numbers reference, Numbers current);
/// … over the reference's population standard deviation; nothing when that is 0.
Maybe wasserstein_over_sigma(Numbers reference, Numbers current);
/// … of counts in bins with these edges (edges.size()−1 counts), each bin's weight at its middle.
Maybe wasserstein_of_bins(Numbers edges, Numbers reference, Numbers current);

/// Upper tail of χ² with `degrees` degrees of freedom: Q(degrees/2, x/2), DLMF 8.11.4 and 8.9.2.
double chi_square_tail(double x, double degrees);

}  // namespace tidemill::statistics
