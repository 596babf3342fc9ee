// Today's number against a table's own past: a robust z-score, with a season where the check names one. Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quality/quality.hpp"

namespace tidemill::quality {

/// Fewer points than this tell nothing: the check says so instead of passing or failing.
inline constexpr size_t kMinHistory = 8;
/// … of the same phase of the season (the same weekday).
inline constexpr size_t kMinSeasonHistory = 5;
inline constexpr size_t kMaxHistory = 1000;
/// A history that hardly varied would make any change infinitely many deviations: the scale is at least this
/// share of the median,
inline constexpr double kLeastRelativeScale = 0.01;
/// and for shares (null_share) at least this.
inline constexpr double kLeastShareScale = 0.001;

struct AnomalyQuestion {
  std::vector<SeriesPoint> history;  // oldest first
  double today = 0;
  Instant now;
  std::string season = "none";  // none | day | week | month
  double least_scale = 0;
};
struct AnomalyAnswer {
  bool enough = false;
  size_t points = 0;  // that were compared with
  size_t needed = 0;
  double expected = 0;  // their median
  double scale = 0;     // 1.4826 × their median absolute deviation (Rousseeuw & Croux 1993), floored as above
  double z = 0;
};
AnomalyAnswer judge_history(const AnomalyQuestion& question);

}  // namespace tidemill::quality
