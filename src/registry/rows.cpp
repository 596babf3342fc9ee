#include "registry/rows.hpp"

#include <array>

#include "base/secret.hpp"

namespace tidemill::registry {

namespace {

struct StatusName {
  StepStatus status;
  std::string_view name;
};
constexpr std::array kStatusNames{
    StatusName{StepStatus::Done, "done"},           StatusName{StepStatus::UpToDate, "up_to_date"},
    StatusName{StepStatus::Failed, "failed"},       StatusName{StepStatus::Blocked, "blocked"},
    StatusName{StepStatus::Withdrawn, "withdrawn"}, StatusName{StepStatus::Interrupted, "interrupted"}};

std::unexpected<Error> corrupt(std::string what) {
  return data_error("registry.corrupt", "meta.db holds " + std::move(what), {},
                    "the file was changed by something else: restore meta.db from a backup");
}

// Reads one JSON string without escapes and moves past it; empty when there is none or it has escapes.
std::optional<std::string_view> plain_string(std::string_view& text) {
  if (text.empty() || text[0] != '"') return std::nullopt;
  const size_t end = text.find_first_of("\"\\", 1);
  if (end == std::string_view::npos || text[end] == '\\') return std::nullopt;
  const std::string_view found = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return found;
}

// The common case by hand: reading ten thousand tables for a plan spends most of its time here.
bool read_plain(std::string_view text, std::vector<ColumnInfo>& columns) {
  if (text.size() < 2 || text.front() != '[') return false;
  text.remove_prefix(1);
  while (text != "]") {
    const auto name = plain_string(text);
    if (!name || text.empty() || text[0] != ',') return false;
    text.remove_prefix(1);
    const auto type = plain_string(text);
    if (!type) return false;
    columns.push_back({std::string(*name), std::string(*type)});
    if (!text.empty() && text[0] == ',' && text.size() > 1) text.remove_prefix(1);
  }
  return true;
}

// Only inside strings: a secret that looks like a number must not break the JSON around it.
Json redacted(const Json& json) {
  if (json.is_string()) return redact(json.get_ref<const std::string&>());
  if (json.is_array()) {
    Json out = Json::array();
    for (const Json& item : json) out.push_back(redacted(item));
    return out;
  }
  if (json.is_object()) {
    Json out = Json::object();
    for (const auto& [key, value] : json.items()) out[redact(key)] = redacted(value);
    return out;
  }
  return json;
}

}  // namespace

std::string_view to_text(StepStatus status) {
  for (const StatusName& row : kStatusNames)
    if (row.status == status) return row.name;
  return "done";
}

Result<StepStatus> status_of(std::string_view text) {
  for (const StatusName& row : kStatusNames)
    if (row.name == text) return row.status;
  return corrupt("a step status '" + std::string(text) + "'");
}

std::string columns_text(const std::vector<ColumnInfo>& columns) {
  Json json = Json::array();
  for (const ColumnInfo& column : columns) {
    json.push_back(column.name);
    json.push_back(column.type);
  }
  return tidemill::to_text(json);
}

Result<std::vector<ColumnInfo>> columns_of(std::string_view text) {
  std::vector<ColumnInfo> columns;
  columns.reserve(static_cast<size_t>(std::ranges::count(text, '"')) / 4);
  if (read_plain(text, columns)) return columns;
  columns.clear();
  const auto json = parse_json(text);
  if (!json || !json->is_array() || json->size() % 2 != 0)
    return corrupt("a list of columns that is damaged");
  for (size_t i = 0; i < json->size(); i += 2) {
    if (!(*json)[i].is_string() || !(*json)[i + 1].is_string())
      return corrupt("a list of columns that is damaged");
    columns.push_back({(*json)[i].get<std::string>(), (*json)[i + 1].get<std::string>()});
  }
  return columns;
}

std::string stored(const Json& json) {
  std::string text = tidemill::to_text(json);
  // With escapes in the text a secret may be there in another spelling.
  if (text.find('\\') == std::string::npos && redact(text) == text) return text;
  return tidemill::to_text(redacted(json));
}

Result<Table> table_at(Row row, int i) {
  Table table;
  table.id = row.integer(i);
  table.name = row.text(i + 1);
  table.object = row.text(i + 2);
  table.logical = row.text(i + 3);
  table.rows = row.integer(i + 4);
  table.bytes = row.integer(i + 5);
  TM_TRY(table.columns, columns_of(row.view(i + 6)));
  table.step_key = row.text(i + 7);
  table.run = row.text(i + 8);
  table.made_at = row.instant(i + 9);
  table.dropped = row.integer(i + 10) != 0;
  return table;
}

Result<Version> version_at(Row row, int i) {
  Version version;
  version.model = row.text(i);
  version.number = static_cast<int>(row.integer(i + 1));
  version.package = row.text(i + 2);
  version.state = row.text(i + 3);
  TM_TRY(version.metrics, row.json(i + 4));
  TM_TRY(version.gate, row.json(i + 5));
  version.data_logical = row.text(i + 6);
  version.step_key = row.text(i + 7);
  version.run = row.text(i + 8);
  version.git_commit = row.text(i + 9);
  version.git_dirty = row.integer(i + 10) != 0;
  version.made_at = row.instant(i + 11);
  return version;
}

Result<StepRecord> step_at(Row row) {
  StepRecord step;
  step.run = row.text(0);
  step.step = row.text(1);
  step.key = row.text(2);
  TM_TRY(step.status, status_of(row.view(3)));
  TM_TRY(step.key_parts, row.json(4));
  TM_TRY(step.report, row.json(5));
  if (!row.is_null(6)) {
    TM_TRY(step.error, row.json(6));
  }
  step.started_at = row.instant(7);
  step.ended_at = row.instant(8);
  constexpr int kTable = 9;
  constexpr int kVersion = kTable + kTableColumns;
  if (!row.is_null(kTable)) {
    TM_TRY(step.table, table_at(row, kTable));
  }
  if (!row.is_null(kVersion)) {
    TM_TRY(step.version, version_at(row, kVersion));
  }
  return step;
}

}  // namespace tidemill::registry
