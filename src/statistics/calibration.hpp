// Scores → probabilities, learned on validation rows: isotonic regression and Platt's logistic. Pure
// functions of numbers.
#pragma once

#include <vector>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

/// A rising function: straight between its points, flat outside. x ascends strictly, y does not fall.
struct Isotonic {
  std::vector<double> x, y;
  double operator()(double score) const;
};
/// Weighted least squares under the constraint that it rises, by pooling adjacent violators; points inside a
/// flat stretch are left out and equal scores are one point. The values of scikit-learn's
/// IsotonicRegression(out_of_bounds="clip"). Barlow et al. 1972; Zadrozny & Elkan 2002. Nothing for no rows,
/// a NaN, or no weight.
std::optional<Isotonic> fit_isotonic(Numbers labels, Numbers scores, Numbers weights = {});

/// P(1 | s) = 1 / (1 + exp(a·s + b)): a is negative when larger scores mean more likely.
struct Platt {
  double a = 0, b = 0;
  double operator()(double score) const;
};
/// Platt 1999 with his smoothed targets, by the Newton method of Lin, Lin & Weng 2007. Nothing with one class
/// only.
std::optional<Platt> fit_platt(Numbers labels, Numbers scores, Numbers weights = {});

}  // namespace tidemill::statistics
