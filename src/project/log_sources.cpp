#include "project/log_sources.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

#include "base/reserved_names.hpp"

namespace tidemill::project {

namespace {

std::string folded(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

/// The names behind `predictions.`, folded. Words of comments count: a source too many is read, and nothing
/// else happens.
void add_mentioned(std::string_view sql, std::set<std::string>& names) {
  const std::string text = folded(sql);
  const std::string_view schema = kLogTablePrefix.substr(0, kLogTablePrefix.size() - 1);
  const auto skip = [&](size_t at, std::string_view what) {
    while (at < text.size() && what.find(text[at]) != what.npos) ++at;
    return at;
  };
  for (size_t at = text.find(schema); at != text.npos; at = text.find(schema, at)) {
    at = skip(at + schema.size(), "\" \t\r\n");
    if (at >= text.size() || text[at] != '.') continue;
    const size_t begin = skip(at + 1, "\" \t\r\n");
    size_t end = begin;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                 text[end] == '_' || text[end] == '-' || (text[end] & 0x80) != 0))
      ++end;
    names.insert(text.substr(begin, end - begin));
  }
}

void add_mentioned(const std::vector<Check>& checks, std::set<std::string>& names) {
  for (const Check& check : checks) {
    if (const auto sql = check.arguments.find("sql"); sql != check.arguments.end() && sql->is_string())
      add_mentioned(sql->get<std::string>(), names);
    add_mentioned(check.where, names);
  }
}

template <class Table>
void add_mentioned_by(const Table& table, std::set<std::string>& names) {
  add_mentioned(table.checks, names);
  for (const Column& column : table.columns) add_mentioned(column.checks, names);
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& log_columns() {
  static const std::vector<std::pair<std::string, std::string>> columns{
      {"prediction_id", "varchar"}, {"request_id", "varchar"}, {"row", "bigint"},   {"time", "timestamptz"},
      {"model", "varchar"},         {"version", "bigint"},     {"role", "varchar"}, {"status", "bigint"},
      {"error", "varchar"},         {"latency_us", "bigint"},  {"key", "varchar"}};
  return columns;
}

void add_log_sources(Project& project) {
  std::set<std::string> names;
  for (const auto& [name, transform] : project.transforms) {
    add_mentioned(transform.sql, names);
    add_mentioned_by(transform, names);
  }
  for (const auto& [name, source] : project.sources) add_mentioned_by(source, names);
  for (const auto& [name, deployment] : project.deployments) {
    if (!deployment.log || !names.contains(folded(name))) continue;
    Source source;
    source.name = std::string(kLogTablePrefix) + name;
    source.paths = {(project.home / "predictions" / name / "*.parquet").native()};
    source.format = "parquet";
    source.time_column = "time";
    source.place = deployment.log->place;
    for (const auto& [column, type] : log_columns()) {
      Column& made = source.columns.emplace_back();
      made.name = column;
      made.type = type;
      made.place = source.place;
    }
    project.sources.emplace(source.name, std::move(source));
  }
}

bool is_log_source(const Source& source) { return source.name.starts_with(kLogTablePrefix); }

}  // namespace tidemill::project
