// Deny by pattern before binding, allow by list after it.
#include "engine/transform_rules.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/reserved_names.hpp"
#include "engine/binder.hpp"
#include "engine/names.hpp"
#include "engine/sql_error.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::engine {

namespace {

constexpr std::array<std::string_view, 10> kTableFunctions{
    "unnest",    "generate_series", "range",     "repeat",           "repeat_row",
    "json_each", "json_tree",       "histogram", "histogram_values", "generate_subscripts"};
constexpr std::array<std::string_view, 21> kFileEndings{
    ".csv",  ".tsv", ".txt",    ".json",   ".jsonl", ".ndjson",  ".parquet", ".pq",  ".gz",  ".zst", ".bz2",
    ".xlsx", ".db",  ".duckdb", ".sqlite", ".arrow", ".feather", ".avro",    ".orc", ".log", ".dat"};
constexpr std::string_view kDeclare = "declare a source in tidemill.yaml and name it in FROM";

bool looks_like_a_file(std::string_view name) {
  const std::string folded = folded_name(name);
  return name.find_first_of("/*\\") != std::string_view::npos || name.find("://") != std::string_view::npos ||
         std::ranges::any_of(kFileEndings, [&](std::string_view ending) { return folded.ends_with(ending); });
}

Place first_word(const Place& place, std::string_view sql, std::string_view word = {}) {
  for (const SqlToken& token : sql_tokens(sql))
    if (token.kind == SqlToken::Kind::Word &&
        (word.empty() || folded_name(sql.substr(token.begin, token.end - token.begin)) == word))
      return place_at(place, sql, token.begin);
  return place_at(place, sql, 0);
}

bool has_word(std::string_view sql, std::string_view word) {
  return std::ranges::any_of(sql_tokens(sql), [&](const SqlToken& token) {
    return token.kind == SqlToken::Kind::Word &&
           folded_name(sql.substr(token.begin, token.end - token.begin)) == word;
  });
}

Result<void> refuse(const MentionedTable& table, const SqlShape& shape, const Place& spot) {
  const std::string schema = folded_name(table.schema);
  if (shape.ctes.contains(folded_name(table.name)) && (schema.empty() || schema == "recurring")) return {};
  if (looks_like_a_file(table.name))
    return user_error("sql.external",
                      fmt::format("a transform reads tables, not the file {}", quote_text(table.name)), spot,
                      std::string(kDeclare));
  if (table.catalog.empty() && is_log_table(schema + "." + table.name)) return {};
  if (schema == "information_schema" || schema == "pg_catalog")
    return user_error("sql.reserved_name",
                      fmt::format("{}.{} describes the engine, not your data", schema, table.name), spot);
  if (!table.catalog.empty() || (!schema.empty() && schema != "main"))
    return user_error(
        "sql.external",
        fmt::format("a transform reads the project's tables; {}{}.{} is in another database or schema",
                    table.catalog.empty() ? "" : table.catalog + ".", table.schema, table.name),
        spot, std::string(kDeclare));
  if (is_reserved_table_name(table.name))
    return user_error("sql.reserved_name",
                      fmt::format("{} is a name of the engine's own", quote_name(table.name)), spot,
                      "tables and sources of a project cannot be called so");
  return {};
}

Result<void> refuse(const MentionedFunction& function, const Place& spot) {
  if (std::ranges::find(kTableFunctions, function.name) != kTableFunctions.end()) return {};
  if (function.name == "query" || function.name == "query_table")
    return user_error("sql.external", fmt::format("{}() hides which tables are read", function.name), spot,
                      "write the table's name in FROM");
  for (const char* prefix :
       {"read_", "parquet_", "duckdb_", "pragma_", "sniff_", "json_execute", "iceberg_", "delta_", "st_read",
        "postgres_", "sqlite_", "mysql_", "arrow_", "seq_scan", "glob", "test_", "load_aws"})
    if (function.name.starts_with(prefix))
      return user_error("sql.external",
                        fmt::format("{}() reads from outside of the project's tables", function.name), spot,
                        std::string(kDeclare));
  return {};
}

}  // namespace

Place place_at(const Place& place, std::string_view sql, size_t offset) {
  Place spot = place_in(sql, offset);
  spot.file = place.file;
  spot.what = place.what;
  return spot;
}

Error not_select(std::string_view sql, const Place& place) {
  for (const char* pivot : {"pivot", "pivot_wider"})
    if (has_word(sql, pivot))
      return {.kind = ErrorKind::User,
              .code = "sql.dynamic_pivot",
              .message = "a PIVOT without listed values has columns that depend on the data",
              .where = first_word(place, sql, pivot),
              .hint = "list the values: PIVOT t ON month IN ('jan', 'feb') USING sum(amount)"};
  std::string word = "nothing";
  for (const SqlToken& token : sql_tokens(sql))
    if (token.kind == SqlToken::Kind::Word) {
      word = std::string(sql.substr(token.begin, token.end - token.begin));
      break;
    }
  return {
      .kind = ErrorKind::User,
      .code = "sql.not_select",
      .message = "a transform is one SELECT statement",
      .where = first_word(place, sql),
      .seen = word,
      .expected = "SELECT, FROM, WITH, VALUES or PIVOT",
      .hint = "Tidemill stores what the SELECT gives as the table; it needs no CREATE, INSERT, COPY or SET"};
}

Result<void> refuse_forbidden(const SqlShape& shape, std::string_view sql, const Place& place) {
  if (shape.statements != 1) {
    Error error = not_select(sql, place);
    if (shape.statements > 1)
      error.message = fmt::format("a transform is one SELECT statement, and these are {}", shape.statements),
      error.seen.clear();
    return std::unexpected(std::move(error));
  }
  if (shape.describes)
    return user_error("sql.not_select", "DESCRIBE, SHOW and SUMMARIZE tell about tables and make none",
                      first_word(place, sql), "tidemill profile TABLE describes a table");
  if (shape.travels)
    return user_error("sql.external", "AT (VERSION …) reads tables of other systems", place,
                      std::string(kDeclare));
  for (const MentionedTable& table : shape.tables)
    TM_CHECK(refuse(table, shape, place_at(place, sql, table.offset)));
  for (const MentionedFunction& function : shape.table_functions)
    TM_CHECK(refuse(function, place_at(place, sql, function.offset)));
  for (const MentionedFunction& function : shape.environment_functions)
    return user_error("sql.external", "getenv() reads the environment of the process",
                      place_at(place, sql, function.offset), "declare a parameter in tidemill.yaml");
  for (const MentionedFunction& function : shape.computed_models)
    return user_error("sql.predict", "predict() needs the model written out",
                      place_at(place, sql, function.offset),
                      "predict('late@champion', f) FROM features AS f");
  return {};
}

Result<void> refuse_other_functions(const SqlShape& shape, std::string_view sql, const Place& place) {
  for (const MentionedFunction& function : shape.table_functions)
    if (std::ranges::find(kTableFunctions, function.name) == kTableFunctions.end())
      return user_error(
          "sql.external",
          fmt::format("{}() is not among the table functions that a transform may use", function.name),
          place_at(place, sql, function.offset), std::string(kDeclare));
  return {};
}

bool is_reserved_table_name(std::string_view name) { return is_own_name(folded_name(name)); }

}  // namespace tidemill::engine
