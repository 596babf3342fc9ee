// What a SQL text needs and makes, found by DuckDB's own binder without running it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/database.hpp"

namespace tidemill::engine {

struct BoundQuery {
  std::vector<std::string> tables;  // names the SQL itself does not define, as written, sorted, once each
  std::vector<Column> columns;      // what the SELECT makes, in the types tables are stored with
  std::vector<std::string> volatile_reasons;  // "now()", "random()", "LIMIT without ORDER BY": never cached
  std::vector<std::string> models;            // 'late@champion' of predict('late@champion', …)
};

/// Columns of a table by the name the SQL wrote. SQL's names don't tell case: whoever looks up should not
/// either. An error (unknown name with the nearest one, a cycle) becomes bind's error, at the place of the
/// name in the SQL unless it has a line of its own.
using TableLookup = std::function<Result<std::vector<Column>>(const std::string& table)>;

class Binder {
 public:
  static Result<std::unique_ptr<Binder>> open(const std::string& timezone);
  ~Binder();
  /// `sql` is one SELECT; `place.file` names it in errors. lookup may call bind again for another SQL
  /// (recursion: transforms that read transforms), kMaxDepth deep. Not thread-safe. Errors: sql.* with
  /// file:line:column; sql.not_select; sql.dynamic_pivot; sql.external (read_csv(), file names and their kin:
  /// "declare a source"); sql.reserved_name; sql.unstorable_type; sql.too_deep; what lookup returned.
  Result<BoundQuery> bind(std::string_view sql, const Place& place, const TableLookup& lookup);

  static constexpr size_t kMaxDepth = 100;

  struct Impl;

 private:
  explicit Binder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The SQL with comments dropped and white space folded outside of strings and quoted names: equal meaning
/// for the key of a step.
std::string normalize_sql(std::string_view sql);
/// DuckDB's built-in names (pg_type, sqlite_master, duckdb_tables …), "predictions" and the like: no table
/// may be called so.
bool is_reserved_table_name(std::string_view name);

}  // namespace tidemill::engine
