// What DuckDB says of a broken file, said to the one who has to mend it: file, line, content, what was
// expected, what to do.
#include <fstream>

#include <fmt/format.h>

#include "engine/file_layout.hpp"
#include "engine/names.hpp"
#include "engine/number_types.hpp"

namespace tidemill::engine {

namespace {

constexpr int64_t kSearchMemory = int64_t{64} << 20;  // one thread that streams

constexpr const char* kOpenQuote = "a quote is opened and not closed";
constexpr const char* kOpenQuoteHint =
    "double a quote that belongs to a text (\"\"), or say csv: {quote: …}; if the file ends there, it was "
    "cut while it was written or copied: fetch it again";

/// Broken text cut to what a reader can take in, at a character's border.
std::string shown(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  text.erase(0, text.find_first_not_of("\r\n"));  // the engine counts a line's end to the next one
  if (text.size() <= kMaxContentShown) return text;
  size_t end = kMaxContentShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " …";
}

/// The text between two marks, empty when it is not there.
std::string between(const std::string& text, std::string_view before, std::string_view after) {
  const size_t begin = text.find(before);
  if (begin == std::string::npos) return "";
  const size_t from = begin + before.size();
  const size_t end = text.find(after, from);
  return text.substr(from, end == std::string::npos ? std::string::npos : end - from);
}

int number(const std::string& text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > 200'000'000) break;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

bool is_null_marker(const std::string& value) {
  for (const char* marker :
       {"na", "n/a", "null", "none", "nan", "-", "?", "\\n", ".", "#n/a", "nil", "missing"})
    if (folded_name(value) == marker) return true;
  return false;
}

/// The strptime format that a date or time seems to be written in; German's where it cannot be told.
std::string format_of_time(const std::string& value) {
  std::vector<std::string> numbers(1);
  std::string marks;
  for (const char c : value) {
    if (c >= '0' && c <= '9')
      numbers.back() += c;
    else
      marks += c, numbers.emplace_back();
  }
  const auto is_year = [](const std::string& text) { return text.size() == 4; };
  const size_t n = numbers.size();
  const bool date = n >= 3 && marks[0] == marks[1] && contains("./-", std::string_view(marks).substr(0, 1));
  if (!date || n == 4 || n > 6) return "%d.%m.%Y";
  const std::string order = is_year(numbers[0]) ? "Ymd" : number(numbers[1]) > 12 ? "mdY" : "dmY";
  std::string format;
  for (size_t i = 0; i < 3; ++i) {
    const bool short_year = order[i] == 'Y' && !is_year(numbers[i]);
    format += fmt::format("{}%{}", i == 0 ? "" : marks.substr(0, 1), short_year ? 'y' : order[i]);
  }
  for (size_t i = 3; i < n; ++i) format += fmt::format("{}%{}", marks[i - 1], "HMS"[i - 3]);
  return format;
}

/// One format holds for all dates of a file: where it is set already, this column is of another style.
std::string hint_for_time(const FileScan& scan, const std::string& column, const std::string& value,
                          const std::string& type) {
  const std::string option = type == "DATE" ? "date_format" : "timestamp_format";
  const std::string format = format_of_time(value);
  const std::string otherwise =
      fmt::format("declare {0} as varchar, and make it a time in a transform: strptime({1}, '{2}')", column,
                  quote_name(column), format);
  if (scan.options.contains(option))
    return fmt::format("{} holds for all columns of the file; one in another style: {}", option, otherwise);
  return fmt::format(
      "if dates are written in another way, say how: csv: {{{}: \"{}\"}}; if other columns are not: {}",
      option, format, otherwise);
}

std::string hint_for_value(const FileScan& scan, const std::string& column, const std::string& value,
                           const std::string& type) {
  if (scan.format == "csv" && is_null_marker(value))
    return fmt::format("if '{0}' means that there is no value, say so: csv: {{null: [\"\", \"{0}\"]}}",
                       value);
  if (scan.format == "csv" && (type == "DATE" || type.starts_with("TIMESTAMP")))
    return hint_for_time(scan, column, value, type);
  return fmt::format("mend the row, or declare the column with a type that takes it: {}: {{type: {}}}",
                     column, is_integer_type(type) && is_written_as_number(value) ? "double" : "varchar");
}

Error bad_value(const FileScan& scan, Place where, const std::string& column, const std::string& value,
                const std::string& type) {
  Error error{
      .kind = ErrorKind::Data,
      .code = "source.bad_row",
      .message = fmt::format("'{}' in column {} is not a valid {}", shown(value), quote_name(column), type),
      .where = std::move(where)};
  error.expected = type;
  error.hint = hint_for_value(scan, column, value, type);
  return error;
}

/// The row of a text file that holds a value, found by reading the file once more.
struct Found {
  int row = 0;
  std::string content;
};

std::optional<Found> find_row(const FileScan& scan, const Path& file, const std::string& column,
                              const std::string& value) {
  auto database =
      Database::open({.threads = 1, .memory_bytes = kSearchMemory, .access = DatabaseOptions::Access::Open});
  if (!database) return std::nullopt;
  auto connection = (*database)->connect();
  if (!connection) return std::nullopt;
  std::string sql;
  int first_row = 1;
  if (scan.format == "csv") {
    const auto layout = csv_layout(*connection, scan, file);
    if (!layout) return std::nullopt;
    std::string cells;
    for (const Column& each : layout->columns)
      cells += fmt::format(", coalesce({}, '')", quote_name(each.name));
    first_row = contains(layout->options, "header = true") ? 2 : 1;
    sql = fmt::format(
        "SELECT n, content FROM (SELECT row_number() OVER () AS n, concat_ws(','{}) AS content, {} AS v "
        "FROM read_csv({}{}, columns = {{{}}}, parallel = false)) WHERE left(v, {}) = {} LIMIT 1",
        cells, quote_name(column), quote_text(file.string()), layout->options, all_as_text(layout->columns),
        kMaxContentShown, quote_text(value));
  } else {
    const char* format = scan.format == "jsonl" ? "newline_delimited" : "auto";
    sql = fmt::format(
        "SELECT n, content FROM (SELECT row_number() OVER () AS n, CAST(json AS VARCHAR) AS content, "
        "json ->> {} AS v FROM read_json_objects({}, format = '{}')) WHERE left(v, {}) = {} LIMIT 1",
        quote_text("$.\"" + column + "\""), quote_text(file.string()), format, kMaxContentShown,
        quote_text(value));
  }
  const auto rows = connection->query(sql, 1);
  if (!rows || rows->rows.empty()) return std::nullopt;
  return Found{static_cast<int>(std::get<int64_t>(rows->rows[0][0])) + first_row - 1,
               to_text(rows->rows[0][1])};
}

/// What a checked cast says of a value; no object where the message was cut.
Json bad_value_in(const std::string& message) {
  return Json::parse(message.substr(message.find(kBadValuePrefix) + kBadValuePrefix.size()), nullptr, false);
}

std::string text_in(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Empty: the message is of something else than a value that CSV's reader could not convert.
std::string unconverted_column(const std::string& message) {
  return between(message, "Error when converting column \"", "\". Could not");
}

std::string unconverted_value(const std::string& message) {
  return between(message, "Could not convert string \"", "\" to '");
}

/// What the value was to be.
std::string type_in(const std::string& message) {
  if (contains(message, kBadValuePrefix)) {
    const Json json = bad_value_in(message);
    return json.is_object() ? text_in(json, "type") : "";
  }
  return between(message, "\" to '", "'");
}

Error explain_bad_value(const FileScan& scan, const std::string& message) {
  const Json json = bad_value_in(message);
  if (!json.is_object()) return {.kind = ErrorKind::Data, .code = "source.bad_row", .message = message};
  const std::string file = json.value("file", "");
  const std::string column = json.value("column", "");
  const std::string value = text_in(json, "value");
  Error error = bad_value(scan, {.file = file}, column, value, json.value("type", ""));
  if (json.contains("row") && json["row"].is_number_integer()) {
    error.where.what = fmt::format("row {}", json["row"].get<int64_t>() + 1);
  } else if (const auto found = find_row(scan, file, column, value)) {
    if (scan.format == "json")
      error.where.what = fmt::format("element {}", found->row);
    else
      error.where.line = found->row;
    error.seen = shown(found->content);
  }
  return error;
}

/// Whether that is the file's last line, and nothing ends it.
bool ends_in_line(const Path& file, const std::string& line) {
  std::ifstream input(file, std::ios::binary | std::ios::ate);
  std::string tail(line.size() + 1, '\0');
  if (!input.seekg(-static_cast<std::streamoff>(tail.size()), std::ios::end)) return false;
  return input.read(tail.data(), static_cast<std::streamsize>(tail.size())) && tail == "\n" + line;
}

/// A line that is not UTF-8, read as Latin-1: the engine's own text of it has lost characters.
std::string as_latin_1(const Path& file, int line) {
  if (is_compressed(file)) return "";
  std::ifstream input(file, std::ios::binary);
  std::string content;
  for (int n = 1; n <= line; ++n)
    if (!std::getline(input, content)) return "";
  std::string text;
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      text += c;
    else
      text += {static_cast<char>(0xC0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3F))};
  }
  return text;
}

Error explain_csv(const FileScan& scan, const std::string& message) {
  Place where{.file = between(message, "\n  file = ", "\n"),
              .line = number(between(message, "CSV Error on Line: ", "\n"))};
  std::string content = between(message, "Original Line: ", "\nError when converting");
  for (const char* end :
       {"\nExpected Number of Columns", "\n\nValue with unterminated", "\nValue with unterminated",
        "\nInvalid unicode", "\nMaximum line size", "\nPossible"})
    if (const size_t at = content.find(end); at != std::string::npos) content.resize(at);
  Error error{
      .kind = ErrorKind::Data, .code = "source.bad_row", .message = "the row is broken", .where = where};
  if (contains(message, "Error when converting column")) {
    error = bad_value(scan, where, unconverted_column(message), unconverted_value(message), type_in(message));
  } else if (contains(message, "Invalid unicode") || contains(message, "not utf-8 encoded")) {
    error.code = "source.encoding";
    error.message = "the file is not UTF-8";
    error.hint = "say how it is encoded: csv: {encoding: latin-1}";
    if (const std::string line = as_latin_1(where.file, where.line); !line.empty()) {
      error.seen = fmt::format("{} (read as latin-1)", shown(line));
      return error;
    }
  } else if (contains(message, "Expected Number of Columns: ")) {
    const std::string expected = between(message, "Expected Number of Columns: ", " ");
    const std::string found = between(message, " Found: ", "\n");
    error.message = fmt::format("the row has {} value{}, not {}", found, found == "1" ? "" : "s", expected);
    error.expected = fmt::format("{} values, as in the header", expected);
    error.hint = number(found) > number(expected) ? "a delimiter inside a text needs quotes around the text"
                 : ends_in_line(where.file, content)
                     ? "the file ends in the middle of this row: it was cut while it was written or copied, "
                       "fetch it again"
                     : "add what is missing; a last row cut short means that the file was not written to its "
                       "end";
  } else if (contains(message, "unterminated quote")) {
    error.message = kOpenQuote;
    error.hint = kOpenQuoteHint;
  } else if (contains(message, "Maximum line size")) {
    error.message = "the line is too long to be a row";
    error.hint = "is there a quote that is opened and not closed?";
  } else {
    error.message = shown(message.substr(0, message.find("\nPossible")));
  }
  error.seen = shown(content);
  return error;
}

/// The first line at or just before `line` that is not JSON: DuckDB counts some broken lines one too far.
std::optional<Found> broken_line(const Path& file, int line) {
  if (is_compressed(file)) return std::nullopt;
  std::ifstream input(file, std::ios::binary);
  std::string content;
  for (int n = 1; n <= line && std::getline(input, content); ++n) {
    if (n < line - 1 || content.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (!Json::accept(content)) return Found{n, content};
  }
  return std::nullopt;
}

Error explain_json(const FileScan& scan, const std::string& message) {
  Error error{.kind = ErrorKind::Data,
              .code = "source.bad_row",
              .message = message,
              .where = {.file = between(message, "in file \"", "\"")}};
  const bool malformed = contains(message, "Malformed JSON");
  error.where.line = number(between(message, "in line ", malformed ? "." : ":"));
  if (const int record = number(between(message, "in record/value ", malformed ? "." : ":")))
    error.where.what = fmt::format("element {}", record);
  const size_t colon =
      message.find(": ", message.find(error.where.line > 0 ? "in line " : "in record/value "));
  std::string reason = colon == std::string::npos ? message : message.substr(colon + 2);
  if (const size_t advice = reason.find("\nTry setting"); advice != std::string::npos) reason.resize(advice);
  while (!reason.empty() && (reason.back() == ' ' || reason.back() == '.')) reason.pop_back();
  error.message = malformed ? "the JSON is broken: " + reason : reason;
  error.hint = malformed
                   ? "mend or remove it; a last line cut short means that the file was not written to its end"
                   : "mend the row, or declare the column with a type that takes it";
  if (contains(message, "invalid UTF-8")) {
    error.code = "source.encoding";
    error.message = "the file is not UTF-8";
    error.hint = "JSON has to be UTF-8: convert it, for example with iconv -f latin1 -t utf-8";
  }
  if (malformed && scan.format == "jsonl" && error.where.line > 0)
    if (const auto found = broken_line(error.where.file, error.where.line)) {
      error.where.line = found->row;
      error.seen = shown(found->content);
    }
  return error;
}

std::string file_in(const FileScan& scan, const std::string& message) {
  for (const Path& file : scan.files)
    if (contains(message, file.string())) return file.string();
  return scan.files.size() == 1 ? scan.files[0].string() : "";
}

}  // namespace

std::optional<BadValue> bad_value_of(const Error& error) {
  BadValue bad{unconverted_column(error.message), unconverted_value(error.message)};
  if (contains(error.message, kBadValuePrefix))
    if (const Json json = bad_value_in(error.message); json.is_object())
      bad = {text_in(json, "column"), text_in(json, "value")};
  return bad.column.empty() ? std::nullopt : std::optional(std::move(bad));
}

std::optional<Column> wider_column(const FileScan& scan, const Error& error) {
  const auto bad = bad_value_of(error);
  if (!bad) return std::nullopt;
  const Column* declared = find_column(scan.declared, bad->column);
  if (declared != nullptr && declared->type == "VARCHAR") return std::nullopt;
  const bool fits_double = is_written_as_number(bad->value) &&
                           (declared == nullptr || declared->type != "DOUBLE") &&
                           is_integer_type(type_in(error.message));
  return Column{bad->column, fits_double ? "DOUBLE" : "VARCHAR"};
}

void declare(FileScan& scan, const Column& column) {
  for (Column& known : scan.declared)
    if (same_name(known.name, column.name)) {
      known.type = column.type;
      return;
    }
  scan.declared.push_back(column);
}

Error explain_scan_error(const FileScan& scan, Error error) {
  if (error.code.starts_with("source.") || error.code == "interrupted" || error.code.starts_with("engine.") ||
      error.code == "io.disk_full" || error.code.starts_with("predict."))
    return error;
  const std::string& message = error.message;
  if (contains(message, kBadValuePrefix)) return explain_bad_value(scan, message);
  if (contains(message, "CSV Error on Line: ")) return explain_csv(scan, message);
  if (contains(message, "Malformed JSON in file") || contains(message, "JSON transform error in file"))
    return explain_json(scan, message);
  const Place where{.file = file_in(scan, message)};
  const auto data = [&](const char* code, const char* text, const char* hint) {
    return data_error(code, text, where, hint).error();
  };
  if (contains(message, "No magic bytes found at end of file") ||
      contains(message, "too small to be a Parquet file"))
    return data("source.truncated", "the file is not a whole Parquet file",
                "it was cut while it was written or copied, or it is something else: fetch it again");
  if (contains(message, "GZIP stream") || contains(message, "gzip stream") ||
      contains(message, "frame descriptor") || contains(message, "ZSTD"))
    return data("source.broken", "the compressed data is broken", "fetch the file again");
  if (contains(message, "sniffing file") || contains(message, "not possible to automatically detect")) {
    if (const auto line = scan.format == "csv" ? unclosed_quote(scan, where.file) : std::nullopt) {
      Error open = data("source.bad_row", kOpenQuote, kOpenQuoteHint);
      open.where.line = *line;
      return open;
    }
    return data("source.bad_row", "the file does not look like CSV: rows have different numbers of values",
                "say how it is written: csv: {delimiter: \";\", quote: …, header: true}");
  }
  if (contains(message, "utf-8 encoded") || contains(message, "Invalid unicode"))
    return data("source.encoding", "the file is not UTF-8",
                "say how it is encoded: csv: {encoding: latin-1}");
  if (contains(message, "Permission denied")) {
    Error denied = data("source.denied", "the file may not be read", "check its owner and mode");
    denied.kind = ErrorKind::Environment;
    return denied;
  }
  if (scan.format == "parquet" && !where.file.empty() &&
      (error.code == "sql.failed" || error.code == "sql.invalid_input" || error.code == "io.failed")) {
    Error broken = data("source.broken", "the Parquet file is damaged", "fetch it again");
    broken.seen = shown(message);
    return broken;
  }
  // The places of such an error are those of SQL that nobody wrote.
  error.where = where;
  return error;
}

}  // namespace tidemill::engine
