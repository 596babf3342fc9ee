#include "registry/sqlite.hpp"

#include <cerrno>

#include <fmt/format.h>

namespace tidemill::registry {

namespace {
constexpr int kBusyTimeoutMs = 15'000;  // longer than any transaction of ours, gc's included
}

Result<Json> Row::json(int column) const {
  auto value = parse_json(view(column));
  if (!value)
    return data_error("registry.corrupt", "meta.db holds a value that is not JSON: " + value.error().message,
                      {}, "the file was changed by something else: restore meta.db from a backup");
  return std::move(*value);
}

Result<Database> Database::open(const Path& path, Access access) {
  // SQLite's URI form: everything but plain characters is escaped.
  std::string uri = "file:";
  const std::string plain = std::filesystem::absolute(path).native();
  for (const char c : plain) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '-' || c == '_' || c == '.')
      uri += c;
    else
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  if (access == Access::Immutable) uri += "?immutable=1";
  const int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (access == Access::ReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(uri.c_str(), &raw, flags, nullptr);
  Database database{Connection(raw), path};
  if (status != SQLITE_OK) return database.error(status);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  return database;
}

Result<void> Database::script(const std::string& sql) {
  const int status = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return error(status);
  return {};
}

Result<sqlite3_stmt*> Database::prepare(Sql sql) {
  const std::string_view text = sql.text();
  auto found = statements_.find(text);
  if (found == statements_.end()) {
    sqlite3_stmt* raw = nullptr;
    const int status = sqlite3_prepare_v3(connection_.get(), text.data(), static_cast<int>(text.size()),
                                          SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (status != SQLITE_OK) return error(status);
    found = statements_.emplace(text, Statement(raw)).first;
  }
  sqlite3_stmt* statement = found->second.get();
  if (sqlite3_stmt_busy(statement) != 0)
    return internal_error("internal.sql", "a statement was used inside its own rows: " + std::string(text));
  return statement;
}

Result<bool> Database::step(sqlite3_stmt* statement) {
  const int status = sqlite3_step(statement);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return error(status);
}

std::unexpected<Error> Database::error(int status) const {
  sqlite3* connection = connection_.get();
  const std::string text = connection == nullptr ? sqlite3_errstr(status) : sqlite3_errmsg(connection);
  const int error_number = connection == nullptr ? 0 : sqlite3_system_errno(connection);
  const int kind = status & 0xff;
  const std::string& file = path_.native();
  if (kind == SQLITE_FULL) return errno_error("write", file, ENOSPC);
  if (kind == SQLITE_READONLY || kind == SQLITE_PERM || kind == SQLITE_AUTH)
    return errno_error("write", file, EROFS);
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB)
    return data_error(
        "registry.corrupt", fmt::format("{} is damaged: {}", file, text), {},
        "restore meta.db from a backup, or move it and its -wal and -shm files away and run again: "
        "objects are not touched by this");
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED)
    return environment_error(
        "registry.busy",
        fmt::format("{} was locked by another process for more than {} s", file, kBusyTimeoutMs / 1000),
        "is a backup or a database shell holding meta.db open in a transaction? end it and try again");
  if (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN) {
    if (error_number == ENOSPC || error_number == EDQUOT) return errno_error("write", file, ENOSPC);
    if (error_number != 0)
      return errno_error(kind == SQLITE_IOERR ? "read or write" : "open", file, error_number);
    return environment_error("io.failed", fmt::format("cannot use {}: {}", file, text));
  }
  return internal_error("internal.sql", fmt::format("{}: {} ({})", file, text, status));
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
  if (kind == Kind::Write)
    TM_CHECK(database.run("BEGIN IMMEDIATE"));
  else
    TM_CHECK(database.run("BEGIN DEFERRED"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after a full disk or an I/O error. A rollback that fails leaves the
  // journal to the next opening.
  if (database_ != nullptr && database_->in_transaction()) (void)database_->run("ROLLBACK");
}

Result<void> Transaction::commit() {
  TM_CHECK(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace tidemill::registry
