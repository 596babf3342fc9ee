// What no transform may do, told before DuckDB is asked: other statements than one SELECT, reading around the
// declared sources, names of the engine's own.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "engine/sql_shape.hpp"

namespace tidemill::engine {

/// The place, in the file of `place`, of an offset in a SQL.
Place place_at(const Place& place, std::string_view sql, size_t offset);

/// Why a text that is not one SELECT is none: sql.not_select or sql.dynamic_pivot.
Error not_select(std::string_view sql, const Place& place);

/// Errors: sql.not_select, sql.external, sql.reserved_name, sql.predict.
Result<void> refuse_forbidden(const SqlShape& shape, std::string_view sql, const Place& place);

/// After DuckDB accepted the SQL, so that a mistyped function was reported as such: a table function that
/// exists, and is none of those that only compute. Error: sql.external.
Result<void> refuse_other_functions(const SqlShape& shape, std::string_view sql, const Place& place);

}  // namespace tidemill::engine
