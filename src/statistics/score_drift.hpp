// How far the scores of one model lie from another's of the same time, whether or not they come in steps.
#pragma once

#include "statistics/bins.hpp"

namespace tidemill::statistics {

/// The newest scores of one version, at most 10 000, in no order.
class NewestScores {
 public:
  void add(double value);
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
  size_t oldest_ = 0;  // once they are as many as are kept
};

/// The PSI of both in these bins, but no more than what a shift as far as the scores' ranks moved has: d²,
/// where d is Wasserstein's distance of the ranks among all scores of both, ties sharing one, in standard
/// deviations of the reference's. Normal distributions d standard deviations apart have that PSI. Bins alone
/// take a step of an isotonic calibration that lies on the other side of an edge for all its rows moved: two
/// good versions read 1 and more. NaN has no rank. Nothing where a side is empty.
Maybe score_drift(const NumberBins& bins, Numbers reference, Numbers current);

}  // namespace tidemill::statistics
