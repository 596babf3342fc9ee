// SQL that reads what a source declares: files of every format, database tables. Columns that are declared
// are enforced, not guessed.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/secret.hpp"
#include "engine/database.hpp"

namespace tidemill::engine {

struct FileScan {
  std::string format;             // csv | json | jsonl | parquet
  std::vector<Path> files;        // existing files, globs already expanded, absolute, sorted
  std::vector<Column> declared;   // name and declared type, type may be empty
  Json options = Json::object();  // as project::Source::options
  /// Of CSV files: whether an undeclared column is text, as it is written; without it types are found. Of
  /// JSON: whether one of texts and other values is text rather than JSON.
  std::function<bool(const std::string& column)> as_written = {};
  /// Of CSV files: whether an undeclared column is meant to hold numbers. Then a column of `inf`, which looks
  /// like dates, has doubles, and 1e400 is no double rather than an infinite one.
  std::function<bool(const std::string& column)> number = {};
};

/// Files that match a path or glob (*, ?, [..], ** for folders), sorted; absolute. Error source.no_files with
/// the pattern.
Result<std::vector<Path>> expand_globs(const Path& folder, const std::vector<std::string>& patterns);

/// A SELECT over the files (no files: no rows of what is declared), which holds for these files as they are
/// now. Each file's layout is looked at: the order of columns, the delimiter and the header may differ
/// between files. A declared column has the declared type or the query fails, an integer is never rounded;
/// other columns are kept, as they are written or with types found in the first 20 480 rows of each CSV file
/// and in all of JSON, where whole numbers beyond 64 bits are text. Errors, all with the file's name:
/// source.missing_column (with the nearest one), source.duplicate_column, source.empty, source.bad_type,
/// source.bad_columns, source.truncated, source.broken, source.encoding.
Result<std::string> select_from_files(Connection& connection, const FileScan& scan);

/// Turns the error of running such a SELECT into one with file, line, content and remedy (source.bad_row,
/// source.encoding, source.truncated …).
Error explain_scan_error(const FileScan& scan, Error error);

/// A value that is not of its column's type.
struct BadValue {
  std::string column;
  std::string value;  // its beginning, where it is long
};
/// Of such an error, before it is explained. Nothing: it says something else.
std::optional<BadValue> bad_value_of(const Error& error);

/// Of such an error, before it is explained: the column with a type that takes the value, too. Its type was
/// found in the first rows, or is one that this gave before: whole numbers become DOUBLE where the value is
/// written as a number, and all else VARCHAR. Nothing: no type would help.
std::optional<Column> wider_column(const FileScan& scan, const Error& error);
/// Declares the column so, or anew.
void declare(FileScan& scan, const Column& column);

/// ATTACHes a PostgreSQL database read-only (or writable) as catalog `name`. Errors: connection.failed (dsn
/// never shown), connection.extension.
enum class Attach { ReadOnly, Writable };
Result<void> attach_postgres(Connection& connection, const std::string& name, const Secret& dsn, Attach mode);

}  // namespace tidemill::engine
