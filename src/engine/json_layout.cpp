// The columns of JSON and Parquet files. A key of JSON that is declared must occur somewhere in the file: one
// that vanished altogether was renamed or lost; one that is missing in a row is a NULL.
#include <cctype>
#include <fstream>

#include <fmt/format.h>

#include "engine/file_layout.hpp"
#include "engine/names.hpp"

namespace tidemill::engine {

namespace {

Result<bool> has_key(Connection& connection, const FileLayout& layout, const std::string& key) {
  TM_TRY(const Value count,
         connection.scalar(fmt::format("SELECT count(*) FROM (SELECT 1 FROM read_json_objects({}{}) WHERE "
                                       "list_contains(json_keys(json), {}) LIMIT 1)",
                                       quote_text(layout.file.string()), layout.options, quote_text(key))));
  return std::get<int64_t>(count) > 0;
}

/// DuckDB renames a key that differs from another by case alone to ID_1, and would then find no such key.
Result<void> refuse_duplicates(Connection& connection, const FileLayout& layout) {
  for (const Column& column : layout.columns) {
    const size_t mark = column.name.find_last_of('_');
    if (mark == std::string::npos) continue;
    const std::string base = column.name.substr(0, mark);
    const bool suspicious = std::any_of(
        layout.columns.begin(), layout.columns.end(),
        [&](const Column& other) { return other.name != column.name && same_name(other.name, base); });
    if (!suspicious) continue;
    TM_TRY(const bool real, has_key(connection, layout, column.name));
    if (!real)
      return data_error(
          "source.duplicate_column", fmt::format("two keys differ from {} by case alone", quote_name(base)),
          {.file = layout.file.string()}, "SQL does not tell case: rename one of them in the file");
  }
  return {};
}

}  // namespace

// All rows: a key that comes later would be left out without a word.
std::string json_options(const FileScan& scan) {
  return fmt::format(", format = '{}', sample_size = -1",
                     scan.format == "jsonl" ? "newline_delimited" : "auto");
}

Result<FileLayout> json_layout(Connection& connection, const FileScan& scan, const Path& file) {
  FileLayout layout{
      .file = file,
      .columns = {},
      .options = fmt::format(", format = '{}'", scan.format == "jsonl" ? "newline_delimited" : "auto")};
  const std::string name = quote_text(file.string());
  TM_TRY(const Value any,
         connection.scalar(fmt::format("SELECT count(*) FROM (SELECT 1 FROM read_json_objects({}{}) LIMIT 1)",
                                       name, layout.options)));
  if (std::get<int64_t>(any) == 0) {
    layout.empty = true;
    return layout;
  }
  TM_TRY(layout.columns,
         connection.describe(fmt::format("SELECT * FROM read_json({}{})", name, json_options(scan))));
  if (layout.columns.size() == 1 && layout.columns[0].name == "json" &&
      !layout.columns[0].type.starts_with("STRUCT"))
    return data_error("source.bad_columns", "the file holds values, not objects", {.file = file.string()},
                      "each line or element must be an object: {\"column\": value, …}");
  TM_CHECK(refuse_duplicates(connection, layout));
  return layout;
}

Result<void> check_array(const Path& file) {
  if (is_compressed(file)) return {};
  std::ifstream input(file, std::ios::binary);
  char first = 0;
  if (!(input >> first) || first != '[') return {};
  input.seekg(0, std::ios::end);
  char last = ' ';
  for (auto at = static_cast<std::streamoff>(input.tellg());
       at > 0 && std::isspace(static_cast<unsigned char>(last));) {
    input.seekg(--at);
    last = static_cast<char>(input.get());
  }
  if (last == ']') return {};
  return data_error("source.truncated", "the file opens an array and does not close it",
                    {.file = file.string()}, "it was cut while it was written or copied: fetch it again");
}

Result<FileLayout> parquet_layout(Connection& connection, const FileScan&, const Path& file) {
  FileLayout layout{.file = file, .columns = {}, .options = ", hive_partitioning = false"};
  TM_TRY(layout.columns, connection.describe(fmt::format("SELECT * FROM read_parquet({}{})",
                                                         quote_text(file.string()), layout.options)));
  return layout;
}

}  // namespace tidemill::engine
