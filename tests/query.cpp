// case_query: answers the SQL on its stdin with DuckDB, for cases and the demo; rows on stdout, ` | ` between
// the columns, or one JSON object a line with --json. Speaks to DuckDB itself and not through our engine, so
// that it can judge what we wrote.
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <duckdb.h>

namespace {

std::string text_of(duckdb_result& result, idx_t column, idx_t row) {
  if (duckdb_value_is_null(&result, column, row)) return "NULL";
  char* value = duckdb_value_varchar(&result, column, row);
  std::string text = value != nullptr ? value : "?";
  duckdb_free(value);
  return text;
}

// Nested types come as text, so that every row can be printed.
std::string rows_as(const std::string& sql, bool json) {
  std::string inner = sql;
  while (!inner.empty() && (inner.back() == ';' || inner.back() == '\n' || inner.back() == ' '))
    inner.pop_back();
  return json ? "SELECT to_json(q)::VARCHAR FROM (" + inner + "\n) AS q"
              : "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + inner + "\n)";
}

int fail(duckdb_result& result) {
  const char* error = duckdb_result_error(&result);
  std::fprintf(stderr, "%s\n", error != nullptr ? error : "no reason given");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc == 2 && std::string(argv[1]) == "--json";
  if (argc > 1 && !json) {
    std::fprintf(stderr, "case_query [--json] < query.sql\n");
    return 2;
  }
  const std::string sql{std::istreambuf_iterator<char>(std::cin), {}};
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  if (duckdb_open(nullptr, &database) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess)
    return 70;
  int code = 0;
  duckdb_result result;
  for (const char* setting : {"SET threads = 1", "SET TimeZone = 'UTC'"}) {
    if (duckdb_query(connection, setting, &result) != DuckDBSuccess) code = fail(result);
    duckdb_destroy_result(&result);
  }
  if (code == 0 && duckdb_query(connection, rows_as(sql, json).c_str(), &result) != DuckDBSuccess) {
    code = fail(result);
  } else if (code == 0) {
    const idx_t columns = duckdb_column_count(&result);
    for (idx_t row = 0; row < duckdb_row_count(&result); ++row) {
      std::string line;
      for (idx_t column = 0; column < columns; ++column)
        line += (column > 0 ? " | " : "") + text_of(result, column, row);
      std::puts(line.c_str());
    }
  }
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return code;
}
