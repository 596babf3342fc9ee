// Logs and labels of deployments that keep none any more, or are gone from the project file: their rows still
// end when they would have. How long that is stands beside them.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace tidemill::monitoring {

/// Notes it in the log's folder. Errors: io.*.
Result<void> note_retention(const Path& log_folder, Duration retain);

class LeftLogs {
 public:
  LeftLogs() = default;  // nothing
  /// What lies in the home beside the logs of these deployments.
  LeftLogs(const Path& home, const std::set<std::string>& kept);
  bool empty() const { return left_.empty(); }
  /// Rolls what their processes left and removes what is past its time. The first error stops it: io.*,
  /// engine.*.
  Result<void> roll(Instant now) const;

 private:
  Path home_;
  std::map<std::string, Duration> left_;  // by deployment
};

}  // namespace tidemill::monitoring
