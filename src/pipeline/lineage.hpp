// Where a model comes from, as its package carries it: hashes and versions of everything that went in
// (provenance), and the SQL that made its features (pipeline), with which serving and later gates make them
// again.
//
// pipeline: {"from", "key", "as_of", "where", "timezone",
//            "transforms": [{"name", "sql", "tables"}],   in an order in which each finds what it reads
//            "sources": {name: {"columns": [{"name", "type"}], "key", "time_column", "known_at"}}}
#pragma once

#include <optional>
#include <string>

#include "pipeline/step.hpp"

namespace tidemill::pipeline {

Json provenance_of(const StepContext& step, const project::Model& model);
Json pipeline_of(const StepContext& step, const project::Model& model);

/// The table a packaged version was made from, made again over this run's snapshots: the current one where
/// its SQL is the same, else the packaged SQL's. Error gate.cannot_rebuild when a table it reads is gone.
struct Rebuilt {
  bool same_sql = false;
  Path file;  // Parquet
};
Result<Rebuilt> rebuild(const StepContext& step, const Json& pipeline, const std::string& label);

}  // namespace tidemill::pipeline
