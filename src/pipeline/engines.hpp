// The SQL engines of one run, opened when first needed. Two walls: one instance reads sources and writes
// exports, so it sees files and networks; the other runs the user's SQL and sees nothing but the home. Both
// take their memory from the run's budget.
#pragma once

#include <memory>
#include <mutex>

#include "engine/database.hpp"
#include "pipeline/cancellation.hpp"
#include "pipeline/predictors.hpp"
#include "project/project.hpp"

namespace tidemill::pipeline {

/// What a run may use. A step takes one slot, training all of them: sorts and joins side by side ran out of
/// memory where one after the other did not, so the number of slots follows from memory too.
struct Budget {
  int threads = 1;
  int64_t memory_bytes = 0;
  int slots() const;
};
Budget budget_of(const project::Project& project);

class Engines {
 public:
  Engines(const project::Project& project, Path staging, const Budget& budget, Predictors& predictors);

  enum class Kind { Reading, Transforming, OneThread };
  /// Sessions see dates and times in the project's time zone, parameters as variables.
  Result<std::unique_ptr<Watched>> connect(Kind kind, Cancellation& cancellation);
  /// A fatal error of the engine makes an instance unusable: the next connect opens another.
  void drop_broken();

 private:
  Result<std::shared_ptr<engine::Database>> open(Kind kind);

  const project::Project& project_;
  Path staging_;
  Budget budget_;
  Predictors& predictors_;
  std::mutex mutex_;
  std::shared_ptr<engine::Database> databases_[3];
};

}  // namespace tidemill::pipeline
