// Runs statements. Interrupts: a flag that outlives the instant between two statements, and DuckDB's own
// interrupt; the flag is read after a statement has begun, since beginning one clears DuckDB's.
#include <algorithm>

#include <fmt/format.h>

#include "engine/cell.hpp"
#include "engine/column_type.hpp"
#include "engine/connection_impl.hpp"
#include "engine/names.hpp"
#include "engine/sql_text.hpp"

namespace tidemill::engine {

namespace {

Error interrupted_error() {
  return {.kind = ErrorKind::Environment, .code = "interrupted", .message = "the statement was interrupted"};
}

std::vector<LogicalType> logical_types(duckdb_result& result) {
  std::vector<LogicalType> types;
  for (idx_t i = 0; i < duckdb_column_count(&result); ++i)
    types.emplace_back(duckdb_column_logical_type(&result, i));
  return types;
}

}  // namespace

Error Connection::Impl::error(const char* raw_message, const UserSql& user) {
  Error error = error_from_duckdb(raw_message ? raw_message : "DuckDB failed without a message", user);
  if (error.code == "engine.fatal") instance->fatal = true;
  // Without a cap of ours, DuckDB stops spilling when little of the disk is left.
  if (error.code == "engine.memory" && instance->options.spill_cap_bytes == 0 &&
      error.message.find("failed to offload") != std::string::npos)
    call_disk_full(error);
  return error;
}

Result<void> Connection::Impl::refuse_when_fatal() const {
  if (!instance->fatal) return {};
  return internal_error("engine.fatal", "this database met a fatal error before and refuses further use");
}

Result<Statement> Connection::Impl::prepare(const std::string& sql, const UserSql& user) {
  TM_CHECK(refuse_when_fatal());
  if (sql.find('\0') != std::string::npos) return user_error("sql.syntax", "the SQL contains a zero byte");
  Statement statement;
  if (duckdb_prepare(raw, sql.c_str(), statement.prepared.out()) != DuckDBSuccess) {
    Error failed = error(duckdb_prepare_error(statement.prepared.get()), user);
    if (failed.message.starts_with("Cannot prepare multiple statements")) failed.code = "sql.many_statements";
    if (failed.message.starts_with("No statement to prepare")) failed.code = "sql.empty";
    return std::unexpected(std::move(failed));
  }
  if (duckdb_nparams(statement.prepared.get()) > 0)
    return user_error("sql.parameters", "the SQL has parameters ($1 or ?), and nothing gives them values");
  statement.is_select =
      duckdb_prepared_statement_type(statement.prepared.get()) == DUCKDB_STATEMENT_TYPE_SELECT;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement.prepared.get()); ++i) {
    const LogicalType type(duckdb_prepared_statement_column_logical_type(statement.prepared.get(), i));
    const char* name = duckdb_prepared_statement_column_name(statement.prepared.get(), i);
    statement.columns.push_back({name ? name : "", type_text(type.get())});
    duckdb_free(const_cast<char*>(name));
    statement.stored_types.push_back(stored_type(type.get()));
    statement.ids.push_back(duckdb_get_type_id(type.get()));
  }
  return statement;
}

Result<Statement> Connection::Impl::prepare_select(std::string_view select) {
  TM_TRY(Statement statement, prepare(std::string(select), {.text = select}));
  if (!statement.is_select) return user_error("sql.not_select", "expected one SELECT");
  std::map<std::string, std::string> seen;
  for (const Column& column : statement.columns)
    if (const auto [first, fresh] = seen.try_emplace(folded_name(column.name), column.name); !fresh)
      return user_error(
          "sql.duplicate_column",
          fmt::format("the SELECT makes two columns called {}", quote_name(column.name)), {},
          fmt::format("give one of them another name: … AS {}", quote_name(column.name + "_2")));
  return statement;
}

Result<ResultSet> Connection::Impl::run(const Statement& statement, const UserSql& user, Delivery delivery) {
  TM_CHECK(refuse_when_fatal());
  Pending pending;
  const duckdb_state begun = delivery == Delivery::Streamed
                                 ? duckdb_pending_prepared_streaming(statement.prepared.get(), pending.out())
                                 : duckdb_pending_prepared(statement.prepared.get(), pending.out());
  if (begun != DuckDBSuccess) return std::unexpected(error(duckdb_pending_error(pending.get()), user));
  if (interrupted) return std::unexpected(interrupted_error());
  ResultSet result;
  if (duckdb_execute_pending(pending.get(), result.out()) != DuckDBSuccess)
    return std::unexpected(error(duckdb_result_error(&result.get()), user));
  return result;
}

Result<ResultSet> Connection::Impl::run(const std::string& sql, const UserSql& user, Delivery delivery) {
  TM_TRY(const Statement statement, prepare(sql, user));
  return run(statement, user, delivery);
}

Result<ResultSet> Connection::Impl::run_once(const std::string& sql, const UserSql& user) {
  TM_CHECK(refuse_when_fatal());
  if (interrupted) return std::unexpected(interrupted_error());
  ResultSet result;
  if (duckdb_query(raw, sql.c_str(), result.out()) != DuckDBSuccess)
    return std::unexpected(error(duckdb_result_error(&result.get()), user));
  return result;
}

Result<void> Connection::Impl::fetch_all(ResultSet& result, const UserSql& user,
                                         const std::function<Result<void>(duckdb_data_chunk)>& callback) {
  while (true) {
    const DataChunk chunk(duckdb_fetch_chunk(result.get()));
    if (interrupted) return std::unexpected(interrupted_error());
    if (!chunk) break;
    TM_CHECK(callback(chunk.get()));
  }
  if (const char* message = duckdb_result_error(&result.get()); message && *message)
    return std::unexpected(error(message, user));
  return {};
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<void> Connection::execute(std::string_view sql) {
  const Operation operation(*impl_);
  TM_CHECK(impl_->refuse_when_fatal());
  const std::string text(sql);
  const UserSql user{.text = text};
  Extracted statements;
  const idx_t count = duckdb_extract_statements(impl_->raw, text.c_str(), statements.out());
  if (const char* message = duckdb_extract_statements_error(statements.get()); message && count == 0)
    return std::unexpected(impl_->error(message, user));
  for (idx_t i = 0; i < count; ++i) {
    Statement statement;
    if (duckdb_prepare_extracted_statement(impl_->raw, statements.get(), i, statement.prepared.out()) !=
        DuckDBSuccess)
      return std::unexpected(impl_->error(duckdb_prepare_error(statement.prepared.get()), user));
    TM_CHECK(impl_->run(statement, user, Impl::Delivery::Whole));
  }
  return {};
}

Result<Rows> Connection::query(std::string_view sql, size_t max_rows) {
  const Operation operation(*impl_);
  const std::string text(sql);
  UserSql user{.text = text};
  TM_TRY(Statement statement, impl_->prepare(text, user));
  Rows rows{.columns = statement.columns, .rows = {}};
  std::string wrapped;
  if (statement.is_select && !std::ranges::all_of(statement.ids, is_plain)) {
    // Types without a plain value come as DuckDB's text.
    std::string names;
    for (size_t i = 0; i < statement.ids.size(); ++i) {
      wrapped += fmt::format(
          "{} {}", i ? "," : "SELECT",
          is_plain(statement.ids[i]) ? fmt::format("c{}", i) : fmt::format("CAST(c{} AS VARCHAR)", i));
      names += fmt::format("{}c{}", i ? ", " : "", i);
    }
    wrapped += " FROM (";
    user.offset = wrapped.size();
    wrapped += fmt::format("{}\n) AS t({})", statement_body(text), names);
    TM_TRY(statement, impl_->prepare(wrapped, user));
  }
  TM_TRY(ResultSet result, impl_->run(statement, user, Impl::Delivery::Streamed));
  const std::vector<LogicalType> types = logical_types(result.get());
  const auto take = [&](duckdb_data_chunk chunk) -> Result<void> {
    const idx_t count = duckdb_data_chunk_get_size(chunk);
    if (rows.rows.size() + count > max_rows)
      return internal_error("engine.too_many_rows",
                            fmt::format("a query gave more than the {} rows it may give", max_rows));
    for (idx_t row = 0; row < count; ++row) {
      std::vector<Value>& values = rows.rows.emplace_back();
      for (size_t c = 0; c < types.size(); ++c)
        values.push_back(read_cell(duckdb_data_chunk_get_vector(chunk, c), types[c].get(), row));
    }
    return {};
  };
  TM_CHECK(impl_->fetch_all(result, user, take));
  return rows;
}

Result<Value> Connection::scalar(std::string_view sql) {
  TM_TRY(Rows rows, query(sql, 1));
  if (rows.rows.size() != 1 || rows.columns.size() != 1)
    return internal_error("engine.not_scalar",
                          fmt::format("expected one row with one column, got {} rows with {} columns",
                                      rows.rows.size(), rows.columns.size()));
  return std::move(rows.rows[0][0]);
}

Result<int64_t> Connection::for_each_chunk(std::string_view sql,
                                           const std::function<Result<void>(const Chunk&)>& callback) {
  const Operation operation(*impl_);
  const std::string text(sql);
  const UserSql user{.text = text};
  TM_TRY(const Statement statement, impl_->prepare(text, user));
  TM_TRY(ResultSet result, impl_->run(statement, user, Impl::Delivery::Streamed));
  int64_t rows = 0;
  const auto take = [&](duckdb_data_chunk chunk) -> Result<void> {
    rows += static_cast<int64_t>(duckdb_data_chunk_get_size(chunk));
    return callback(ChunkView(chunk, statement.ids));
  };
  TM_CHECK(impl_->fetch_all(result, user, take));
  return rows;
}

Result<std::vector<Column>> Connection::describe(std::string_view select) {
  const Operation operation(*impl_);
  TM_TRY(Statement statement, impl_->prepare_select(select));
  return std::move(statement.columns);
}

Result<void> Connection::view_parquet(const std::string& name, const std::vector<Path>& files) {
  if (files.empty()) return internal_error("engine.no_files", fmt::format("view {} has no files", name));
  std::string list;
  for (const Path& file : files) list += (list.empty() ? "" : ", ") + quote_text(file.string());
  const std::string sql = fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM read_parquet([{}])",
                                      quote_name(name), list);
  {
    const Operation operation(*impl_);
    TM_CHECK(impl_->run_once(sql, {.text = sql}));
    impl_->views.insert(folded_name(name));
  }
  if (!is_log_table(name)) return {};
  // Another connection may be making the same schema: then it is there the next time.
  constexpr int kMostTries = 10;
  for (int tries = 1;; ++tries)
    if (auto made = execute(log_schema_sql(name)); made || tries == kMostTries) return made;
}

Result<void> Connection::drop_views() {
  std::string sql;
  for (const std::string& name : impl_->views) sql += fmt::format("DROP VIEW temp.{};", quote_name(name));
  const Operation operation(*impl_);
  if (!sql.empty()) TM_CHECK(impl_->run_once(sql, {.text = sql}));
  impl_->views.clear();
  return {};
}

void Connection::interrupt() {
  if (impl_->running.load() == 0) return;
  impl_->interrupted = true;
  duckdb_interrupt(impl_->raw);
}

std::optional<double> Connection::progress() const {
  if (impl_->running.load() == 0) return std::nullopt;
  const duckdb_query_progress_type progress = duckdb_query_progress(impl_->raw);
  if (progress.percentage < 0) return std::nullopt;
  return std::clamp(progress.percentage / 100, 0.0, 1.0);
}

}  // namespace tidemill::engine
