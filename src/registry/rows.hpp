// Rows of meta.db as the values of registry.hpp, and back. Private to the room.
#pragma once

#include "registry/registry.hpp"
#include "registry/sqlite.hpp"

namespace tidemill::registry {

// Column lists for SELECT; the readers below count from the first of them. Macros, since SQL texts are
// constants put together by the compiler.
#define TM_TABLE_COLUMNS \
  "t.id, t.name, t.object, t.logical, t.rows, t.bytes, t.columns, t.step_key, t.run, t.made_at, t.dropped"
#define TM_VERSION_COLUMNS                                                                        \
  "v.model, v.number, v.package, v.state, v.metrics, v.gate, v.data_logical, v.step_key, v.run, " \
  "v.git_commit, "                                                                                \
  "v.git_dirty, v.made_at, v.dropped, v.retired"
#define TM_STEP_COLUMNS \
  "s.run, s.step, s.key, s.status, s.key_parts, s.report, s.error, s.started_at, s.ended_at"
inline constexpr int kTableColumns = 11;
inline constexpr int kVersionColumns = 14;

Result<Table> table_at(Row row, int first);
Result<Version> version_at(Row row, int first);
/// Into place: reading ten thousand for a plan, each copy counts.
Result<void> read_table(Row row, int first, Table& table);
Result<void> read_version(Row row, int first, Version& version);
/// TM_STEP_COLUMNS, TM_TABLE_COLUMNS, TM_VERSION_COLUMNS, the latter two from outer joins.
Result<StepRecord> step_at(Row row);

/// ["dep_delay","DOUBLE","dest","VARCHAR"]: names and types in turn.
std::string columns_text(const std::vector<ColumnInfo>& columns);
Result<void> read_columns(std::string_view text, std::vector<ColumnInfo>& columns);

/// JSON as it is stored: one line, secrets redacted.
std::string stored(const Json& json);

Result<StepStatus> status_of(std::string_view text);

}  // namespace tidemill::registry
