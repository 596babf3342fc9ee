// SQLite as this room uses it: one connection, statements prepared once, transactions that roll back by
// themselves, errors as values. Not thread-safe: Registry::Impl's mutex guards it. Private to the room.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace tidemill::registry {

/// A row being read; views are valid until the next row.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  Instant instant(int column) const { return {integer(column)}; }
  std::string_view view(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }
  std::string text(int column) const { return std::string(view(column)); }
  /// Error registry.corrupt when the text is not JSON.
  Result<Json> json(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A statement's text: a constant of the program, so that what is prepared for it can be kept under it. Text
/// that is made while the program runs does not compile.
class Sql {
 public:
  template <std::convertible_to<std::string_view> Text>
  consteval Sql(const Text& text) : text_(text) {}  // NOLINT(google-explicit-constructor): a literal is one
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

class Database {
 public:
  enum class Access { ReadWrite, ReadOnly, Immutable };
  static Result<Database> open(const Path& path, Access access);

  /// Several statements without parameters: schema and pragmas.
  Result<void> script(const std::string& sql);

  /// A statement that gives no rows. Each is prepared once and kept.
  template <class... Args>
  Result<void> run(Sql sql, const Args&... args) {
    TM_TRY(const Use use, start(sql, args...));
    TM_TRY(const bool more, step(use.statement));
    if (more)
      return internal_error("internal.sql", "a statement that changes gave rows: " + std::string(sql.text()));
    return {};
  }

  /// Calls each(Row) → Result<void> for every row.
  template <class Each, class... Args>
  Result<void> each(Sql sql, Each&& each, const Args&... args) {
    TM_TRY(const Use use, start(sql, args...));
    for (;;) {
      TM_TRY(const bool more, step(use.statement));
      if (!more) return {};
      TM_CHECK(each(Row(use.statement)));
    }
  }

  /// make(Row) → Result<T> of the first row, if there is one.
  template <class Make, class... Args>
  auto first(Sql sql, Make&& make, const Args&... args)
      -> Result<std::optional<typename decltype(make(Row(nullptr)))::value_type>> {
    using Value = typename decltype(make(Row(nullptr)))::value_type;
    TM_TRY(const Use use, start(sql, args...));
    TM_TRY(const bool more, step(use.statement));
    if (!more) return std::optional<Value>();
    TM_TRY(Value value, make(Row(use.statement)));
    return std::optional<Value>(std::move(value));
  }
  template <class... Args>
  Result<std::optional<int64_t>> first_integer(Sql sql, const Args&... args) {
    return first(sql, [](Row row) { return Result<int64_t>(row.integer(0)); }, args...);
  }
  template <class... Args>
  Result<std::optional<std::string>> first_text(Sql sql, const Args&... args) {
    return first(sql, [](Row row) { return Result<std::string>(row.text(0)); }, args...);
  }

  int64_t last_id() const { return sqlite3_last_insert_rowid(connection_.get()); }
  int64_t changes() const { return sqlite3_changes64(connection_.get()); }
  bool in_transaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Connection = std::unique_ptr<sqlite3, Close>;
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  // Resets the statement when its use ends, so that it holds no read lock.
  struct Use {
    sqlite3_stmt* statement = nullptr;
    explicit Use(sqlite3_stmt* s) : statement(s) {}
    Use(Use&& other) noexcept : statement(std::exchange(other.statement, nullptr)) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (statement == nullptr) return;
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  };

  Database(Connection connection, Path path) : connection_(std::move(connection)), path_(std::move(path)) {}
  Result<sqlite3_stmt*> prepare(Sql sql);
  Result<bool> step(sqlite3_stmt* statement);
  std::unexpected<Error> error(int status) const;

  template <class... Args>
  Result<Use> start(Sql sql, const Args&... args) {
    TM_TRY(sqlite3_stmt * statement, prepare(sql));
    Use use(statement);
    int index = 0;
    int status = SQLITE_OK;
    ((status == SQLITE_OK ? void(status = bind(statement, ++index, args)) : void()), ...);
    if (status != SQLITE_OK) return error(status);
    return use;
  }
  // The bytes bound live as long as the call that binds them: SQLITE_STATIC.
  static int bind(sqlite3_stmt* s, int i, std::string_view text) {
    return sqlite3_bind_text64(s, i, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  static int bind(sqlite3_stmt* s, int i, const char* text) { return bind(s, i, std::string_view(text)); }
  static int bind(sqlite3_stmt* s, int i, const std::string& text) {
    return bind(s, i, std::string_view(text));
  }
  static int bind(sqlite3_stmt* s, int i, Instant at) { return sqlite3_bind_int64(s, i, at.micros); }
  static int bind(sqlite3_stmt* s, int i, double value) { return sqlite3_bind_double(s, i, value); }
  template <std::integral T>
  static int bind(sqlite3_stmt* s, int i, T value) {
    return sqlite3_bind_int64(s, i, static_cast<sqlite3_int64>(value));
  }
  template <class T>
  static int bind(sqlite3_stmt* s, int i, const std::optional<T>& value) {
    return value ? bind(s, i, *value) : sqlite3_bind_null(s, i);
  }

  // Order matters: statements are finalized before the connection closes.
  Connection connection_;
  Path path_;
  std::unordered_map<std::string_view, Statement> statements_;  // keyed by program constants
};

/// Rolls back unless committed.
class Transaction {
 public:
  enum class Kind { Read, Write };
  static Result<Transaction> begin(Database& database, Kind kind);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  /// Durable on return. On failure everything is as before begin.
  Result<void> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace tidemill::registry
