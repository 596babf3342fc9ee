// SQL in the process. A Database is one DuckDB instance, a Connection one session of it; both are closed by
// destruction. No DuckDB type leaves this room. A fatal DuckDB error makes a Database unusable
// (engine.fatal): open another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace tidemill::engine {

/// A column as DuckDB names it; type is DuckDB's canonical text: "BIGINT", "TIMESTAMP WITH TIME ZONE",
/// "DECIMAL(18,3)", "STRUCT(a INTEGER)".
struct Column {
  std::string name;
  std::string type;
  bool operator==(const Column&) const = default;
};

/// NULL, BOOLEAN, all integers that fit, FLOAT/DOUBLE/DECIMAL, anything else as DuckDB's text (timestamps in
/// UTC, ISO).
using Value = std::variant<std::monostate, bool, int64_t, double, std::string>;
std::string to_text(const Value& value);  // NULL → "NULL"

struct Rows {
  std::vector<Column> columns;
  std::vector<std::vector<Value>> rows;
};

/// 128-bit content hash of a table: schema and an order-independent sum of row hashes, as 32 hexadecimal
/// digits.
struct TableHash {
  std::string logical;
  int64_t rows = 0;
};

struct WrittenTable {
  std::vector<Column> columns;
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string logical;
};

/// A view of up to 2048 result rows, valid during the callback only. Column types are what the query cast
/// them to.
class Chunk {
 public:
  virtual ~Chunk() = default;
  virtual size_t rows() const = 0;
  virtual size_t columns() const = 0;
  virtual bool is_null(size_t column, size_t row) const = 0;
  /// false: is_null() is false in every row.
  virtual bool may_be_null(size_t column) const = 0;
  /// Contiguous values, one a row; the value of a NULL row is unspecified. The query must have cast the
  /// column to the type.
  virtual const double* doubles(size_t column) const = 0;
  virtual const int64_t* bigints(size_t column) const = 0;  // BIGINT, TIMESTAMP(TZ) as microseconds
  virtual std::string_view varchar(size_t column, size_t row) const = 0;
};

struct DatabaseOptions {
  int threads = 0;           // 0: all cores
  int64_t memory_bytes = 0;  // 0: DuckDB's own default
  Path spill_folder;         // empty: no spilling
  int64_t spill_cap_bytes = 0;
  std::string timezone = "UTC";
  enum class Access { Open, Sandboxed };
  /// Sandboxed: external access off but for allowed_folders, configuration locked.
  Access access = Access::Sandboxed;
  std::vector<Path> allowed_folders;
  Path extension_folder;  // where <name>.duckdb_extension lie; empty: TIDEMILL_EXTENSIONS, or beside the
                          // program
};

/// A column of rows to score: numbers (BOOLEAN is 1 and 0), or texts (what is neither is text as SQL prints
/// it).
struct PredictColumn {
  std::vector<double> numbers;          // NaN: NULL
  std::vector<std::string_view> texts;  // without data: NULL
  std::vector<std::string> owned;       // what texts point into when DuckDB has no text of it
};
/// The rows of one call of `predict('late@champion', f)` in SQL. `read` is good during the call.
struct PredictBatch {
  std::string model;  // "late@champion"
  std::vector<Column> columns;
  size_t rows = 0;
  std::function<PredictColumn(size_t column)> read;
};
using PredictFunction = std::function<Result<std::vector<double>>(const PredictBatch&)>;

class Connection;

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);
  ~Database();
  Result<Connection> connect();
  /// Makes predict(VARCHAR, row) → DOUBLE known to all connections; row is a STRUCT, such as a table's alias.
  /// A NULL row, a NULL model and a score that is NaN give NULL. One score a row: a multiclass model's
  /// function answers with an error that says so. An error of the function becomes the statement's, as
  /// "[code] message; hint" under sql.invalid_input.
  Result<void> register_predict(PredictFunction function);
  /// DuckDB's version, "v1.5.5"; part of every step's key.
  static std::string version();

  struct Impl;

 private:
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Not thread-safe, but for interrupt() and progress(). Errors: sql.* (User; place inside the SQL text in
/// line/column, DuckDB's message whole), io.disk_full, io.failed, engine.memory (out of memory with spilling
/// exhausted), engine.fatal, interrupted.
class Connection {
 public:
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// One or more statements, results dropped.
  Result<void> execute(std::string_view sql);
  /// Small results. Error engine.too_many_rows beyond max_rows.
  Result<Rows> query(std::string_view sql, size_t max_rows = 1'000'000);
  /// One row, one column.
  Result<Value> scalar(std::string_view sql);
  /// Streams; returns the number of rows.
  Result<int64_t> for_each_chunk(std::string_view sql,
                                 const std::function<Result<void>(const Chunk&)>& callback);
  /// Columns a SELECT would give, without running it.
  Result<std::vector<Column>> describe(std::string_view select);
  /// The same once they lie in a table: HUGEINT is stored as BIGINT, an ENUM as VARCHAR. Error
  /// sql.unstorable_type.
  Result<std::vector<Column>> describe_stored(std::string_view select);
  /// COPY (select) TO file as Parquet (zstd), and the logical hash of what was written. Does not sync.
  Result<WrittenTable> write_parquet(std::string_view select, const Path& file);
  /// The same without the hash, for what nobody compares by it; how many rows it has.
  Result<int64_t> write_parquet_unhashed(std::string_view select, const Path& file);
  Result<TableHash> hash(std::string_view select);
  /// CREATE OR REPLACE TEMP VIEW name AS SELECT * FROM read_parquet(files). "predictions.late" is
  /// predictions.late in SQL, too.
  Result<void> view_parquet(const std::string& name, const std::vector<Path>& files);
  /// Drops every view that view_parquet made.
  Result<void> drop_views();

  /// From any thread: ends the running statement with error `interrupted`.
  void interrupt();
  /// From any thread: share done of the running statement, 0 to 1, or nothing known.
  std::optional<double> progress() const;

  struct Impl;
  Impl* impl() { return impl_.get(); }  // of this room only: nobody else sees what an Impl is

 private:
  friend class Database;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// "weird ""name" with quotes, for any identifier.
std::string quote_name(std::string_view name);
/// The name as it is where SQL takes it bare (letters, digits, not a word of SQL), else quoted.
std::string quote_if_needed(std::string_view name);
/// 'it''s' for a string literal.
std::string quote_text(std::string_view text);

}  // namespace tidemill::engine
