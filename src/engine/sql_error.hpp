// DuckDB's errors as ours: the class of its exception becomes a stable code, its position a line and column
// of the SQL the user wrote.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill::engine {

/// Which part of a statement the user wrote: DuckDB counts positions in the whole, people in their own text.
struct UserSql {
  std::string_view text;
  size_t offset = 0;  // bytes of the statement before `text`
};

/// What error_from_duckdb gives back as it was: an error of ours on its way through DuckDB, which carries
/// texts only.
std::string text_for_duckdb(const Error& error);

/// `raw` is DuckDB's message with errors_as_json=true, with or without a prefix; any other text becomes
/// sql.failed. Codes: sql.syntax, sql.unknown_column, sql.unknown_table, sql.unknown_function,
/// sql.no_matching_function, sql.bind, sql.conversion, sql.out_of_range, sql.invalid_input, sql.permission,
/// sql.unsupported, sql.failed, io.disk_full, io.failed, engine.memory, engine.fatal, connection.failed,
/// interrupted; and what text_for_duckdb was given.
Error error_from_duckdb(std::string_view raw, const UserSql& sql);

/// Makes an environment error say that the disk is full.
void call_disk_full(Error& error);

/// Line and column, from 1, of a byte offset; columns count characters, not bytes.
Place place_in(std::string_view text, size_t offset);

}  // namespace tidemill::engine
