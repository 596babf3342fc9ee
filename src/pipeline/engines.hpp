// The SQL engines of one run, opened when first needed. Two walls: one instance reads sources and writes
// exports, so it sees files and networks; the other runs the user's SQL and sees nothing but the home. Both
// take their memory from the run's budget.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/database.hpp"
#include "pipeline/budget.hpp"
#include "pipeline/cancellation.hpp"
#include "pipeline/predictors.hpp"
#include "project/project.hpp"

namespace tidemill::pipeline {

class Engines {
 public:
  Engines(const project::Project& project, Path staging, const Budget& budget, Predictors& predictors);

  enum class Kind { Reading, Transforming, OneThread };
  /// Sessions see dates and times in the project's time zone, parameters as variables.
  Result<std::unique_ptr<Watched>> connect(Kind kind, Cancellation& cancellation);
  /// As connect, for a step that makes nothing in its session but views of Parquet files: they are dropped,
  /// and the session is lent again.
  Result<std::unique_ptr<Watched>> borrow(Kind kind, Cancellation& cancellation);
  /// A fatal error of the engine makes an instance unusable: the next connect opens another.
  void drop_broken();

 private:
  struct Session {
    std::shared_ptr<engine::Database> database;
    engine::Connection connection;
  };
  Result<std::shared_ptr<engine::Database>> open(Kind kind);
  Result<Session> new_session(Kind kind);
  void take_back(Kind kind, Session session);

  const project::Project& project_;
  Path staging_;
  Budget budget_;
  Predictors& predictors_;
  std::mutex mutex_;
  std::shared_ptr<engine::Database> databases_[3];
  std::vector<Session> idle_[3];  // of databases_
};

}  // namespace tidemill::pipeline
