// Types by name: DuckDB's canonical text of a type, and the type a column has once it lies in a Parquet file.
#pragma once

#include <string>

#include "engine/handles.hpp"

namespace tidemill::engine {

/// "BIGINT", "DECIMAL(18,3)", "STRUCT(a INTEGER, b VARCHAR[])": as typeof() prints it.
std::string type_text(duckdb_logical_type type);

/// The type that tables are stored with. Parquet has no place for some of DuckDB's types; where its writer
/// would change values silently (HUGEINT becomes DOUBLE) the change is made explicit and exact: HUGEINT →
/// BIGINT (an error beyond its range), ENUM, UHUGEINT, BIGNUM, BIT, TIME_NS, TIME WITH TIME ZONE → VARCHAR,
/// TIMESTAMP_S and _MS → TIMESTAMP, fixed arrays → lists. Nested types likewise. INTERVAL stays, in
/// milliseconds. Empty text: a table cannot hold it (UNION, GEOMETRY, VARIANT).
std::string stored_type(duckdb_logical_type type);

}  // namespace tidemill::engine
