// Write, audit, publish: a table lies in staging until its checks have passed; only then does it become an
// object that a row names. What fails is kept, bounded, in the run's failed/ for a look; what is quarantined
// in its quarantine/.
#pragma once

#include "pipeline/step.hpp"
#include "quality/quality.hpp"

namespace tidemill::pipeline {

struct StagedTable {
  Path file;
  engine::WrittenTable written;
};

struct Audited {
  StagedTable table;  // to be published: the staged one, or what quarantine left of it
  Json checks = Json::array();
  std::optional<int64_t> quarantined;      // rows set aside
  std::map<std::string, double> observed;  // metrics for the table's history
  double check_seconds = 0;
  std::optional<Error> failure;  // the first check that stops: the table has moved to failed/
};

/// Holds the checks against the staged table; those on the whole table against what quarantine leaves of it.
Result<Audited> audit(const StepContext& step, StagedTable staged, const std::vector<project::Check>& checks);

/// Moves the table into objects/ (the object of the live snapshot is used again if it has the same content)
/// and describes it in a StepWork; after a failure only the report of all checks.
Result<StepWork> publish(const StepContext& step, Audited audited);

}  // namespace tidemill::pipeline
