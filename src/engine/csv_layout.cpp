// The dialect and header of a CSV file, by DuckDB's sniffer within what the user said. What the sniffer did
// not see in its sample is not taken for absent: quotes are always understood.
#include <fmt/format.h>

#include "engine/file_layout.hpp"
#include "engine/names.hpp"

namespace tidemill::engine {

namespace {

std::string text_option(const Json& options, const char* key) {
  const auto found = options.find(key);
  return found != options.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Options the user gave, as arguments of sniff_csv and read_csv alike.
std::string given_options(const Json& options) {
  std::string sql;
  const std::pair<const char*, const char*> texts[] = {
      {"delimiter", "delim"},        {"quote", "quote"},
      {"escape", "escape"},          {"encoding", "encoding"},
      {"date_format", "dateformat"}, {"timestamp_format", "timestampformat"}};
  for (const auto& [key, argument] : texts)
    if (const std::string value = text_option(options, key); !value.empty())
      sql += fmt::format(", {} = {}", argument, quote_text(value));
  if (const auto markers = options.find("null"); markers != options.end() && markers->is_array()) {
    std::string list;
    for (const Json& marker : *markers)
      if (marker.is_string()) list += (list.empty() ? "" : ", ") + quote_text(marker.get<std::string>());
    if (!list.empty()) sql += fmt::format(", nullstr = [{}]", list);
  }
  return sql;
}

std::optional<bool> given_header(const Json& options) {
  const auto found = options.find("header");
  if (found == options.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

struct Sniffed {
  std::vector<Column> columns;
  std::string date_format;
  std::string timestamp_format;
  bool header = false;
};

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text && *text != "(empty)" ? *text : "";
}

/// The first line as it stands, whatever is in it.
Result<std::string> first_line(Connection& connection, const FileScan& scan, const Path& file) {
  const std::string encoding = text_option(scan.options, "encoding");
  TM_TRY(const Rows rows,
         connection.query(fmt::format("SELECT line FROM read_csv({}, auto_detect = false, header = false, "
                                      "delim = '\x01', quote = '', "
                                      "escape = '', columns = {{'line': 'VARCHAR'}}{}) LIMIT 1",
                                      quote_text(file.string()),
                                      encoding.empty() ? "" : ", encoding = " + quote_text(encoding)),
                          1));
  return rows.rows.empty() ? std::string() : text_of(rows.rows[0][0]);
}

/// Options for the sniffer and the reader alike: what the user said, and what must not be left to guessing.
std::string settled_options(const Json& options, const std::string& delimiter) {
  std::string sql = given_options(options);
  if (text_option(options, "delimiter").empty()) sql += fmt::format(", delim = {}", quote_text(delimiter));
  const std::string quote = text_option(options, "quote");
  if (quote.empty()) sql += ", quote = '\"'";
  if (text_option(options, "escape").empty())
    sql += fmt::format(", escape = {}", quote_text(quote.empty() ? "\"" : quote));
  return sql + ", skip = 0";  // no line is taken for a preamble: it would be lost without a word
}

Result<Sniffed> sniff(Connection& connection, const Path& file, const std::string& options,
                      std::optional<bool> header) {
  // ignore_errors: broken rows are the reader's to report, with their place.
  const std::string from =
      fmt::format("sniff_csv({}, sample_size = {}, ignore_errors = true{}{})", quote_text(file.string()),
                  kSampleRows, header ? fmt::format(", header = {}", *header) : "", options);
  TM_TRY(const Rows rows,
         connection.query(fmt::format("SELECT HasHeader, DateFormat, TimestampFormat, c.name, c.type "
                                      "FROM (SELECT *, unnest(Columns) AS c FROM {})",
                                      from)));
  Sniffed found;
  for (const auto& row : rows.rows) {
    if (const auto* flag = std::get_if<bool>(&row[0])) found.header = *flag;
    found.date_format = text_of(row[1]);
    found.timestamp_format = text_of(row[2]);
    found.columns.push_back({to_text(row[3]), to_text(row[4])});
  }
  return found;
}

std::string reader_options(const Json& options, const std::string& settled, const Sniffed& sniffed) {
  std::string sql = fmt::format(", auto_detect = false, header = {}{}", sniffed.header, settled);
  if (text_option(options, "date_format").empty() && !sniffed.date_format.empty())
    sql += fmt::format(", dateformat = {}", quote_text(sniffed.date_format));
  if (text_option(options, "timestamp_format").empty() && !sniffed.timestamp_format.empty())
    sql += fmt::format(", timestampformat = {}", quote_text(sniffed.timestamp_format));
  return sql;
}

Result<std::vector<std::string>> first_record(Connection& connection, const Path& file,
                                              const Sniffed& sniffed, const std::string& settled) {
  std::string columns;
  for (size_t i = 0; i < sniffed.columns.size(); ++i)
    columns += fmt::format("{}'c{}': 'VARCHAR'", i ? ", " : "", i);
  TM_TRY(const Rows rows,
         connection.query(fmt::format(
             "SELECT * FROM read_csv({}, auto_detect = false, header = false{}, columns = {{{}}}) LIMIT 1",
             quote_text(file.string()), settled, columns)));
  std::vector<std::string> cells;
  if (!rows.rows.empty())
    for (const Value& cell : rows.rows[0])
      cells.push_back(std::holds_alternative<std::monostate>(cell) ? "" : to_text(cell));
  return cells;
}

bool names_all_declared(const std::vector<std::string>& cells, const std::vector<Column>& declared) {
  if (declared.empty()) return false;
  return std::all_of(declared.begin(), declared.end(), [&](const Column& column) {
    return std::any_of(cells.begin(), cells.end(),
                       [&](const std::string& cell) { return same_name(cell, column.name); });
  });
}

/// DuckDB renames a second `x` to x_1; a user must hear of it.
Result<void> refuse_duplicates(const std::vector<std::string>& header, const Path& file) {
  std::map<std::string, std::string> seen;
  for (const std::string& name : header)
    if (!name.empty() && !seen.try_emplace(folded_name(name), name).second)
      return data_error("source.duplicate_column", fmt::format("two columns are called {}", quote_name(name)),
                        {.file = file.string(), .line = 1}, "rename one of them in the file");
  return {};
}

bool is_temporal(std::string_view type) { return type == "DATE" || type.starts_with("TIMESTAMP"); }

/// Declared dates and times that the sniffer took for text, since one of them is none, and that are not
/// written as the format says which it found in another column.
Result<std::vector<std::string>> written_otherwise(Connection& connection, const FileScan& scan,
                                                   const FileLayout& layout, const Sniffed& sniffed) {
  std::vector<std::string> found;
  for (const Column& column : layout.columns) {
    const Column* declared = find_column(scan.declared, column.name);
    if (column.type != "VARCHAR" || !declared || !is_temporal(declared->type)) continue;
    const bool date = declared->type == "DATE";
    const std::string& format = date ? sniffed.date_format : sniffed.timestamp_format;
    if (format.empty() || !text_option(scan.options, date ? "date_format" : "timestamp_format").empty())
      continue;
    TM_TRY(const Value fits,
           connection.scalar(fmt::format(
               "SELECT count(TRY_CAST({0} AS {1})) > count(try_strptime({0}, {2})) FROM (SELECT {0} FROM "
               "read_csv({3}{4}, columns = {{{5}}}, ignore_errors = true) LIMIT {6})",
               quote_name(column.name), declared->type, quote_text(format), quote_text(layout.file.string()),
               layout.options, all_as_text(layout.columns), kSampleRows)));
    if (std::get<bool>(fits)) found.push_back(column.name);
  }
  return found;
}

}  // namespace

// The sniffer would let one broken row among thousands talk it into a
// table of one column.
char likeliest_delimiter(std::string_view header) {
  char best = ',';
  size_t most = 0;
  for (const char candidate : {',', ';', '\t', '|'}) {
    size_t count = 0;
    bool quoted = false;
    for (const char c : header) {
      if (c == '"') quoted = !quoted;
      if (c == candidate && !quoted) ++count;
    }
    if (count > most) {
      most = count;
      best = candidate;
    }
  }
  return best;
}

Result<FileLayout> csv_layout(Connection& connection, const FileScan& scan, const Path& file) {
  const Place place{.file = file.string()};
  TM_TRY(const std::string line, first_line(connection, scan, file));
  if (line.find_first_not_of(" \t\r\n") == std::string::npos)
    return data_error("source.empty", "the file's first line is empty", place,
                      "a CSV begins with the names of its columns");
  const std::string settled = settled_options(scan.options, std::string(1, likeliest_delimiter(line)));
  TM_TRY(Sniffed sniffed, sniff(connection, file, settled, given_header(scan.options)));
  TM_TRY(const std::vector<std::string> first, first_record(connection, file, sniffed, settled));
  if (!given_header(scan.options) && !sniffed.header && names_all_declared(first, scan.declared)) {
    TM_TRY(sniffed, sniff(connection, file, settled, true));
  }
  FileLayout layout{.file = file,
                    .columns = std::move(sniffed.columns),
                    .options = reader_options(scan.options, settled, sniffed)};
  if (sniffed.header) {
    TM_CHECK(refuse_duplicates(first, file));
    TM_TRY(layout.written_otherwise, written_otherwise(connection, scan, layout, sniffed));
    return layout;
  }
  if (scan.declared.empty()) return layout;
  if (scan.declared.size() != layout.columns.size()) {
    Error error{.kind = ErrorKind::Data,
                .code = "source.bad_columns",
                .message = "a file without header has another number of columns than are declared",
                .where = place};
    error.seen =
        fmt::format("{} columns, the first line: {}", layout.columns.size(), fmt::join(first, " | "));
    error.expected = fmt::format("{} columns, in the order they are declared", scan.declared.size());
    error.hint = "if the first line names the columns, say csv: {header: true}";
    return std::unexpected(std::move(error));
  }
  for (size_t i = 0; i < layout.columns.size(); ++i) layout.columns[i].name = scan.declared[i].name;
  TM_TRY(layout.written_otherwise, written_otherwise(connection, scan, layout, sniffed));
  return layout;
}

std::string all_as_text(const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns)
    list += fmt::format("{}{}: 'VARCHAR'", list.empty() ? "" : ", ", quote_text(column.name));
  return list;
}

Result<bool> csv_column_has_values(Connection& connection, const FileLayout& layout,
                                   const std::string& column) {
  TM_TRY(const Value count,
         connection.scalar(fmt::format(
             "SELECT count({0}) FROM (SELECT {0} FROM read_csv({1}{2}, columns = {{{3}}}) LIMIT {4})",
             quote_name(column), quote_text(layout.file.string()), layout.options,
             all_as_text(layout.columns), kSampleRows)));
  return std::get<int64_t>(count) > 0;
}

}  // namespace tidemill::engine
