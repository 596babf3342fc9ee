// Curves that people look at: ROC, and what was predicted against what came. Few points, for drawing; the
// numbers themselves are those of metrics.hpp.
#pragma once

#include <vector>

#include "statistics/metrics.hpp"

namespace tidemill::statistics {

inline constexpr size_t kMaxRocPoints = 201;
inline constexpr int kCalibrationBins = 10;

struct RocPoint {
  double false_positive_rate = 0, true_positive_rate = 0;
  bool operator==(const RocPoint&) const = default;
};
/// From (0, 0) to (1, 1) by falling score, equal scores one step; neighbours nearer than a hundredth in both
/// rates together are left out. Empty where roc_auc is not defined. Fawcett 2006.
std::vector<RocPoint> roc_curve(Numbers labels, Numbers scores, Numbers weights = {});

struct CalibrationBin {
  double score = 0, label = 0;  // weighted means
  double rows = 0;
  bool operator==(const CalibrationBin&) const = default;
};
/// The bins of ece() by rising score, those without rows left out; labels may be any numbers. Empty for no
/// rows or a number that is not finite. Reliability diagram: Murphy & Winkler 1977.
std::vector<CalibrationBin> calibration_curve(Numbers labels, Numbers scores, Numbers weights = {},
                                              int bins = kCalibrationBins);

}  // namespace tidemill::statistics
