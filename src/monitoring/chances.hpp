// What the drift of a version's columns from training is held against, kept: it takes long to work out.
// Whoever says whether a column drifted, a monitor or a report, has it from here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "monitoring/watch_reference.hpp"

namespace tidemill::monitoring {

/// Of one version and its columns. Not thread-safe.
class Chances {
 public:
  /// Of a window of so many days with these counts, held against training.
  struct Window {
    double days = 0;
    Numbers counts;  // empty: held against something else
  };
  Result<Chance> of(const WatchedColumn& column, Statistic statistic, double level, const Window& window);

 private:
  /// By column, statistic, level, and days or rows.
  std::map<std::tuple<std::string, int, double, int64_t>, Maybe> by_days_, of_rows_;
};

}  // namespace tidemill::monitoring
