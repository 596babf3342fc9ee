// What a Database and its Connections share inside this room: the instance, one session of it, and the one
// way a statement is run.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "engine/database.hpp"
#include "engine/given_rows.hpp"
#include "engine/handles.hpp"
#include "engine/sql_error.hpp"
#include "engine/table_hash.hpp"

namespace tidemill::engine {

/// One DuckDB instance; lives until the last Database or Connection that uses it is gone.
struct Instance {
  ~Instance() {
    if (raw) duckdb_close(&raw);
  }
  DatabaseOptions options;
  HashSums hash_sums;
  PredictFunction predict;
  GivenRows::Offers offers;
  std::atomic<bool> fatal = false;
  duckdb_database raw = nullptr;
};

/// A statement, ready to run, and what it will give.
struct Statement {
  Prepared prepared;
  std::vector<Column> columns;
  std::vector<std::string> stored_types;  // of columns; empty text: cannot be stored
  std::vector<duckdb_type> ids;
  bool is_select = false;
};

/// A result; closed by destruction.
class ResultSet {
 public:
  ResultSet() = default;
  ResultSet(ResultSet&& other) noexcept : raw_(other.raw_), open_(std::exchange(other.open_, false)) {}
  ResultSet& operator=(ResultSet&&) = delete;
  ~ResultSet() {
    if (open_) duckdb_destroy_result(&raw_);
  }
  duckdb_result* out() {
    open_ = true;
    return &raw_;
  }
  duckdb_result& get() { return raw_; }

 private:
  duckdb_result raw_{};
  bool open_ = false;
};

struct Connection::Impl {
  ~Impl() {
    if (raw) duckdb_disconnect(&raw);
  }
  enum class Delivery { Whole, Streamed };

  /// Exactly one statement without parameters. user: the part of `sql` that positions in errors are relative
  /// to.
  Result<Statement> prepare(const std::string& sql, const UserSql& user);
  /// As prepare, and it must be a SELECT whose columns have names that differ (case is ignored).
  Result<Statement> prepare_select(std::string_view select);
  Result<ResultSet> run(const Statement& statement, const UserSql& user, Delivery delivery);
  /// prepare and run.
  Result<ResultSet> run(const std::string& sql, const UserSql& user, Delivery delivery);
  /// Statements of our own making; a user's SELECT inside has passed prepare_select. DuckDB binds a
  /// COPY that was prepared a second time when it runs; this binds it once. An interrupt that falls between
  /// the look at the flag and the statement's begin is seen at its end, or by the next interrupt.
  Result<ResultSet> run_once(const std::string& sql, const UserSql& user);
  /// Calls back with each chunk of a result until the end or an error.
  Result<void> fetch_all(ResultSet& result, const UserSql& user,
                         const std::function<Result<void>(duckdb_data_chunk)>& callback);
  Error error(const char* raw_message, const UserSql& user);
  Result<void> refuse_when_fatal() const;

  std::shared_ptr<Instance> instance;
  duckdb_connection raw = nullptr;
  std::atomic<bool> interrupted = false;
  std::atomic<int> running = 0;
  std::set<std::string> views;  // that view_parquet made
};

/// Marks an operation of a connection: an interrupt asked for between two of its statements is not lost.
class Operation {
 public:
  explicit Operation(Connection::Impl& connection) : connection_(connection) {
    if (connection_.running.fetch_add(1) == 0) connection_.interrupted = false;
  }
  ~Operation() { connection_.running.fetch_sub(1); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  Connection::Impl& connection_;
};

}  // namespace tidemill::engine
