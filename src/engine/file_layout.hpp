// How one input file is laid out: which columns it holds and how to read it. Found by looking at the file,
// before any of it is trusted.
#pragma once

#include <string>
#include <vector>

#include "engine/scan.hpp"

namespace tidemill::engine {

/// Rows of each CSV file that are looked at to find the types of columns that are not declared.
inline constexpr int kSampleRows = 20480;

struct FileLayout {
  Path file;
  std::vector<Column> columns;  // in the file's order, with the types found in it
  std::string options;          // for the reader: ", delim = ',', …"
  bool empty = false;           // JSON Lines without a line: no columns, no rows
  /// Dates and times of a CSV file that are not written as `options` say: these are read as text and cast.
  std::vector<std::string> written_otherwise = {};
};

/// How a value that does not fit is reported from inside a query: this prefix, then a JSON object (file,
/// column, value, type, row).
inline constexpr std::string_view kBadValuePrefix = "tidemill.bad_value ";
/// Characters of a row or value that an error shows.
inline constexpr size_t kMaxContentShown = 200;

/// For a reader that is to give these columns as they are written: "'id': 'VARCHAR', …".
std::string all_as_text(const std::vector<Column>& columns);

/// Errors: source.empty, source.duplicate_column, source.bad_columns, source.encoding …
Result<FileLayout> csv_layout(Connection& connection, const FileScan& scan, const Path& file);
Result<FileLayout> json_layout(Connection& connection, const FileScan& scan, const Path& file);
Result<FileLayout> parquet_layout(Connection& connection, const FileScan& scan, const Path& file);

/// Whether a CSV column has a value among the rows looked at: one that has none tells nothing about its type.
Result<bool> csv_column_has_values(Connection& connection, const FileLayout& layout,
                                   const std::string& column);

/// The first line of a CSV file on which a quote opens that nothing closes: the file ends first, or what
/// follows the quote that should close it is no delimiter. Nothing for a compressed file.
std::optional<int> unclosed_quote(const FileScan& scan, const Path& file);

/// The likeliest delimiter of a CSV file's header.
char likeliest_delimiter(std::string_view header);

/// By its name: .gz or .zst.
bool is_compressed(const Path& file);
/// Error source.truncated or source.broken for a .gz or .zst file that ends early: DuckDB reads such a file
/// as a shorter one.
Result<void> check_compressed(const Path& file);

/// Error source.truncated for a JSON file that opens an array and does not close it: DuckDB reads the
/// elements that are there.
Result<void> check_array(const Path& file);

/// `options` of read_json for a format: ", format = 'newline_delimited'".
std::string json_options(const FileScan& scan);

}  // namespace tidemill::engine
