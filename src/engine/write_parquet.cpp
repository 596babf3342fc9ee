// Tables out to Parquet, and the logical hash of what passes by. The hash costs no second pass: the first
// column is written as CASE WHEN tidemill_row(ticket, hash of the row) THEN column END, whose condition is
// always true and which DuckDB evaluates once a row.
#include <fmt/format.h>

#include "engine/connection_impl.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::engine {

namespace {

// zstd's first level: as fast as snappy here, a third smaller.
constexpr std::string_view kParquetOptions = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1";

/// SQL that gives the columns of `select` in their stored types.
struct StoredSelect {
  std::vector<Column> columns;
  std::string sql;
  size_t offset = 0;  // of the user's text in sql
};

Result<StoredSelect> stored(const Statement& statement, std::string_view select) {
  StoredSelect out;
  bool casts = false;
  std::string list;
  for (size_t i = 0; i < statement.columns.size(); ++i) {
    const Column& column = statement.columns[i];
    const std::string& type = statement.stored_types[i];
    if (type.empty())
      return user_error(
          "sql.unstorable_type",
          fmt::format("column {} has type {}, which a table cannot hold", quote_name(column.name),
                      column.type.empty() ? "unknown to Tidemill" : column.type),
          {}, "cast it, for example to VARCHAR");
    const std::string name = quote_name(column.name);
    const bool cast = type != column.type;
    casts |= cast;
    list +=
        fmt::format("{}{}", i ? ", " : "", cast ? fmt::format("CAST({0} AS {1}) AS {0}", name, type) : name);
    out.columns.push_back({column.name, type});
  }
  if (casts) out.sql = fmt::format("SELECT {} FROM ", list);
  out.sql += "(";
  out.offset = out.sql.size();
  out.sql += fmt::format("{}\n)", statement_body(select));
  if (casts) out.sql = "(" + out.sql + ")", ++out.offset;
  return out;
}

/// COPY (SELECT list FROM table) TO file; the rows written.
Result<int64_t> copy_to(Connection::Impl& connection, std::string_view select, std::string_view list,
                        const StoredSelect& table, const Path& file) {
  std::string sql = fmt::format("COPY (SELECT {} FROM ", list);
  const UserSql user{.text = select, .offset = sql.size() + table.offset};
  sql += fmt::format("{}) TO {} ({})", table.sql, quote_text(file.string()), kParquetOptions);
  TM_TRY(ResultSet result, connection.run_once(sql, user));
  int64_t written = 0;
  TM_CHECK(connection.fetch_all(result, user, [&](duckdb_data_chunk chunk) -> Result<void> {
    written = static_cast<int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)))[0];
    return {};
  }));
  return written;
}

}  // namespace

Result<std::vector<Column>> Connection::describe_stored(std::string_view select) {
  const Operation operation(*impl_);
  TM_TRY(const Statement statement, impl_->prepare_select(select));
  TM_TRY(StoredSelect table, stored(statement, select));
  return std::move(table.columns);
}

Result<WrittenTable> Connection::write_parquet(std::string_view select, const Path& file) {
  const Operation operation(*impl_);
  TM_TRY(const Statement statement, impl_->prepare_select(select));
  TM_TRY(const StoredSelect table, stored(statement, select));
  HashSums& sums = impl_->instance->hash_sums;
  const uint64_t ticket = sums.begin();
  std::string list;
  for (const Column& column : table.columns) {
    const std::string name = quote_name(column.name);
    list += list.empty() ? fmt::format("CASE WHEN tidemill_row({}::UBIGINT, {}) THEN {} END AS {}", ticket,
                                       row_hash_expression(table.columns), name, name)
                         : ", " + name;
  }
  const Result<int64_t> written = copy_to(*impl_, select, list, table, file);
  const RowSums seen = sums.end(ticket);
  if (!written) return std::unexpected(written.error());
  if (static_cast<uint64_t>(*written) != seen.rows)
    return internal_error("engine.row_count", fmt::format("DuckDB wrote {} rows to {}, but {} passed by",
                                                          *written, file.string(), seen.rows));
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(file, failed);
  if (failed) return errno_error("look at", file.string(), failed.value());
  return WrittenTable{table.columns, *written, static_cast<int64_t>(bytes),
                      logical_hash(table.columns, seen)};
}

Result<int64_t> Connection::write_parquet_unhashed(std::string_view select, const Path& file) {
  const Operation operation(*impl_);
  TM_TRY(const Statement statement, impl_->prepare_select(select));
  TM_TRY(const StoredSelect table, stored(statement, select));
  return copy_to(*impl_, select, "*", table, file);
}

Result<TableHash> Connection::hash(std::string_view select) {
  const Operation operation(*impl_);
  TM_TRY(const Statement statement, impl_->prepare_select(select));
  TM_TRY(const StoredSelect table, stored(statement, select));
  HashSums& sums = impl_->instance->hash_sums;
  const uint64_t ticket = sums.begin();
  std::string sql = fmt::format("SELECT count_if(tidemill_row({}::UBIGINT, {})) FROM ", ticket,
                                row_hash_expression(table.columns));
  const UserSql user{.text = select, .offset = sql.size() + table.offset};
  sql += table.sql;
  const auto pass = [&]() -> Result<void> {
    TM_TRY(ResultSet result, impl_->run(sql, user, Impl::Delivery::Whole));
    return impl_->fetch_all(result, user, [](duckdb_data_chunk) -> Result<void> { return {}; });
  };
  const Result<void> passed = pass();
  const RowSums seen = sums.end(ticket);
  if (!passed) return std::unexpected(passed.error());
  return TableHash{logical_hash(table.columns, seen), static_cast<int64_t>(seen.rows)};
}

}  // namespace tidemill::engine
