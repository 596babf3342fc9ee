// Looks at live traffic as a monitor says: reads the window's rows from the log, measures them against what
// the packages of the versions that are served have of training, and hands it to evaluate.hpp. Reads only;
// who looks when, and what becomes of findings, is elsewhere.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitoring/chances.hpp"
#include "monitoring/finding.hpp"
#include "monitoring/served.hpp"
#include "monitoring/watch_reference.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxJudgedRows = 100'000;   // of which a metric is computed: a sample of more
inline constexpr size_t kMaxExplainedRows = 1'000;  // of which contributions are
inline constexpr size_t kMaxWatchedFindings = 20'000;

struct WatchInput {
  Path home;
  const project::Deployment* deployment = nullptr;
  const project::Monitor* monitor = nullptr;
  const project::Labels* labels = nullptr;   // null: labels are only posted
  std::vector<std::string> fairness_groups;  // columns
  std::vector<ServedVersion> versions;       // the champion first; a challenger
  Instant window_end;
  int threads = 1;
  int64_t memory_bytes = 256'000'000;
};

/// Finds what it works out of packages again at the next look. Not thread-safe.
class Watch {
 public:
  struct Packages {
    std::function<Result<std::shared_ptr<const forest::Package>>(const ServedVersion&)> package;
    std::function<Result<std::shared_ptr<const forest::Predictor>>(const ServedVersion&)> predictor;
  };
  explicit Watch(Packages packages) : packages_(std::move(packages)) {}

  /// Findings of each version, column and slice. Without any version there is nothing to find. What the log,
  /// the labels or the package do not have is a finding that says so; errors: engine.*, sql.*, io.*, those of
  /// the packages.
  Result<Evaluation> look(const WatchInput& input);

 private:
  struct Kept {
    VersionReference reference;
    Chances chances;
  };
  friend class Look;
  Result<Kept*> keep(const WatchInput& input, const ServedVersion& version);

  Packages packages_;
  std::map<std::string, Kept> kept_;  // by deployment, rules of its log and package
};

}  // namespace tidemill::monitoring
