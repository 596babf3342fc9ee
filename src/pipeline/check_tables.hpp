// Only the checks: of tables as they are live, or as the newest run rejected them, since that is what a
// person wants to look into. Changes nothing.
#pragma once

#include <string>
#include <vector>

#include "pipeline/budget.hpp"
#include "project/project.hpp"
#include "quality/quality.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

struct CheckTablesOptions {
  std::vector<std::string> tables;  // empty: all that have checks
  Instant now;
  std::string show_rows;  // a check's name, or a column that checks are on: rows that fail it are read
  size_t limit = 20;
};

struct CheckedTable {
  std::string table;
  std::string rejected_by;       // run whose rejected table this is; empty: the live snapshot
  int64_t set_aside = 0;         // rows that the live table's run quarantined
  std::string set_aside_by;      // that run, whose rows are kept; empty: none are
  bool shows_set_aside = false;  // `rows` are of those
  quality::CheckReport report;
  std::string shown_check;  // whose failing rows are in `rows`
  engine::Rows rows;
};

/// Errors: usage.unknown_table, usage.unknown_check (with the nearest), check.no_table when nothing was made
/// yet.
Result<std::vector<CheckedTable>> check_tables(const project::Project& project, registry::Registry& registry,
                                               const CheckTablesOptions& options);

/// What a live table, or a data file, looks like, and checks it would pass.
Result<quality::Profile> profile_table(const project::Project* project, registry::Registry* registry,
                                       const std::string& table_or_file, const Budget& budget);

}  // namespace tidemill::pipeline
