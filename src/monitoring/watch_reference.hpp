// What of a version is watched: its columns, where the log has them, and what they are compared with. Made
// once a version and rules of its log; immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "forest/package.hpp"
#include "monitoring/drift.hpp"
#include "monitoring/watch_counts.hpp"
#include "project/project.hpp"

namespace tidemill::monitoring {

struct WatchedColumn {
  std::string name;    // as the project file says it: a feature's; "score", or "score_CLASS" of several
  std::string stored;  // in the log's table
  bool is_score = false;
  bool has_reference = false;  // the package has a baseline of it; else only its bins, if any
  Reference reference;
  std::optional<NumberPlaces> numbers;  // or texts
  std::optional<TextPlaces> texts;
  std::string hidden;          // not empty: the log does not keep its values, and why
  bool tells_missing = false;  // though hidden: a bucket of nothing is nothing
  CountedColumn counted() const;
};

struct VersionReference {
  int number = 0;
  std::shared_ptr<const forest::Package> package;
  std::vector<WatchedColumn> columns;  // the features in their order, then the scores
  /// By its name, whatever its case; null: there is none.
  const WatchedColumn* find(const std::string& name) const;
};

/// How the log calls a feature: a name that a column before it has gets `input_` before it.
std::vector<std::string> stored_names(const forest::Package& package);
/// How the log calls what the model says, in the log's order.
std::vector<std::string> answer_names(const forest::Package& package);

/// Errors: baseline.malformed; log.bad_key where hashes are compared.
Result<VersionReference> reference_of(int number, std::shared_ptr<const forest::Package> package,
                                      const project::PredictionLog& log, const Path& home);

}  // namespace tidemill::monitoring
