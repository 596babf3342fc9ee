// The hash of lists, structs and maps for the logical hash of a table. DuckDB's own hash() does not tell []
// from [NULL] from NULL, nor [0] from [0, 0].
#pragma once

#include "base/error.hpp"
#include "engine/handles.hpp"

namespace tidemill::engine {

/// Registers tidemill_nested(any) → UBIGINT, never NULL. Equal values have equal hashes, whatever the
/// session: -0.0 hashes as 0.0, all NaN alike, instants as instants. Values differ where NULL, length, order
/// or nesting differ. Types are those that tables are stored with.
Result<void> register_nested_function(duckdb_connection connection);

}  // namespace tidemill::engine
