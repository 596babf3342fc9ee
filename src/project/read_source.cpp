// Connections, sources and transforms.
#include <array>

#include <fmt/format.h>

#include "project/describe.hpp"
#include "project/read.hpp"

namespace tidemill::project {

namespace {

struct Ending {
  std::string_view ending;
  std::string_view format;
};
constexpr std::array kEndings{
    Ending{".csv", "csv"},         Ending{".csv.gz", "csv"},   Ending{".csv.zst", "csv"},
    Ending{".tsv", "csv"},         Ending{".tsv.gz", "csv"},   Ending{".txt", "csv"},
    Ending{".json", "json"},       Ending{".json.gz", "json"}, Ending{".jsonl", "jsonl"},
    Ending{".jsonl.gz", "jsonl"},  Ending{".ndjson", "jsonl"}, Ending{".ndjson.gz", "jsonl"},
    Ending{".parquet", "parquet"}, Ending{".pq", "parquet"}};

std::string_view format_of(std::string_view path) {
  for (const Ending& known : kEndings)
    if (path.ends_with(known.ending)) return known.format;
  return {};
}

/// A type in small letters, but for what is quoted in it: the values of enum('Low', 'High') are data.
std::string type_of(std::string text) {
  char quote = 0;
  for (char& c : text) {
    if (quote == 0 && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == quote)
      quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
  }
  return text;
}

std::vector<Column> read_columns(const Reader& table, const CheckScope& scope, Problems& problems) {
  std::vector<Column> columns;
  table.each("columns", [&](const std::string& name, const YamlNode& node, const Place& place) {
    Column column{name, {}, {}, place};
    if (const auto type = text_of(node)) {
      column.type = type_of(*type);
    } else {
      const Reader reader(&node, column_object(), place);
      column.type = type_of(reader.text("type"));
      CheckScope on_column = scope;
      on_column.column = name;
      column.checks = read_checks(reader.node("checks"), column_check_object(), on_column, place, problems);
    }
    columns.push_back(std::move(column));
  });
  return columns;
}

void read_format(Source& source, const Reader& reader, Problems& problems) {
  source.format = reader.text("format");
  for (const std::string& path : source.paths) {
    if (reader.has("format")) break;
    const std::string_view format = format_of(path);
    if (format.empty()) {
      Error& error = problems.add("project.missing_key",
                                  fmt::format("the format of '{}' cannot be seen from its ending", path),
                                  reader.place_of("path"));
      error.hint = "add `format`: csv, json, jsonl or parquet";
      return;
    }
    if (!source.format.empty() && source.format != format) {
      problems
          .add("project.bad_value",
               fmt::format("the files of one source have one format, not {} and {}", source.format, format),
               reader.place_of("path"))
          .hint = "declare two sources, or say `format`";
      return;
    }
    source.format = format;
  }
  source.options = reader.json("csv");
  if (source.options.contains("null") && !source.options["null"].is_array())
    source.options["null"] = Json::array({source.options["null"]});
  if (source.options.contains("null"))
    for (Json& value : source.options["null"])
      if (!value.is_string()) value = value.is_null() ? "" : to_text(value);
  if (reader.has("csv") && !source.format.empty() && source.format != "csv")
    problems.add("project.exclusive_keys", fmt::format("`csv` has no meaning for {} files", source.format),
                 reader.place_of("csv"));
  if (source.format == "csv" && !source.paths.empty() && source.paths[0].find(".tsv") != std::string::npos &&
      !source.options.contains("delimiter"))
    source.options["delimiter"] = "\t";
}

void judge_source(const Source& source, const Reader& reader, Problems& problems) {
  if (source.freshness && source.freshness->warn_after && source.freshness->error_after &&
      *source.freshness->warn_after > *source.freshness->error_after)
    problems.add("project.bad_value", "`warn_after` is longer than `error_after`",
                 reader.place_of("freshness"));
}

}  // namespace

Retry read_retries(const Reader& retries) {
  Retry retry;
  retry.attempts = static_cast<int>(retries.integer("attempts").value_or(retry.attempts));
  retry.first_wait = retries.duration("first_wait").value_or(retry.first_wait);
  return retry;
}

Connection read_connection(const std::string& name, const YamlNode& node, const Place& place) {
  const Reader reader(&node, connection_object(), place);
  Connection connection{name, reader.text("type"), {}, place};
  if (const YamlNode* dsn = reader.node("dsn"); dsn != nullptr && dsn->is_scalar() && !dsn->deferred)
    connection.dsn = Secret(dsn->shown, dsn->text);
  return connection;
}

Source read_source(const std::string& name, const YamlNode& node, const Place& place, Problems& problems) {
  const Reader reader(&node, source_object(), place);
  Source source;
  source.name = name;
  source.place = place;
  source.places = reader.places_of({"key", "time_column", "watermark", "known_at"});
  source.paths = reader.texts("path");
  source.connection = reader.text("connection");
  source.table = reader.text("table");
  source.query = reader.text("query");
  source.watermark = reader.text("watermark");
  source.key = reader.texts("key");
  source.time_column = reader.text("time_column");
  source.known_at = reader.text_map("known_at");
  if (reader.has("freshness")) {
    const Reader freshness = reader.object("freshness");
    source.freshness =
        Freshness{freshness.duration("warn_after"), freshness.duration("error_after"), freshness.place()};
  }
  const CheckScope scope{.column = {}, .time_column = source.time_column, .model = {}};
  source.columns = read_columns(reader, scope, problems);
  source.checks = read_checks(reader.node("checks"), table_check_object(), scope, place, problems);
  name_checks(source.columns, source.checks, problems);
  source.retry = read_retries(reader.object("retries"));
  source.timeout = reader.duration("timeout");
  if (reader.has("path")) read_format(source, reader, problems);
  judge_source(source, reader, problems);
  return source;
}

Transform read_transform(const std::string& name, const YamlNode& node, const Place& place,
                         Problems& problems) {
  const Reader reader(&node, transform_object(), place);
  Transform transform;
  transform.name = name;
  transform.place = place;
  transform.command = reader.texts("command");
  transform.inputs = reader.texts("inputs");
  for (const std::string& script : reader.texts("scripts")) transform.scripts.emplace_back(script);
  transform.deterministic = reader.boolean("deterministic").value_or(false);
  transform.columns = read_columns(reader, {}, problems);
  transform.checks = read_checks(reader.node("checks"), table_check_object(), {}, place, problems);
  name_checks(transform.columns, transform.checks, problems);
  transform.retry = read_retries(reader.object("retries"));
  transform.retry.stated = reader.has("retries");
  transform.timeout = reader.duration("timeout");
  return transform;
}

}  // namespace tidemill::project
