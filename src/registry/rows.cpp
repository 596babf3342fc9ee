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

// Moves past one JSON string without escapes and gives what is in it; false when there is none or it has
// escapes.
bool read_plain_string(const char*& at, const char* end, std::string_view& found) {
  if (at == end || *at != '"') return false;
  const char* const begin = ++at;
  while (at != end && *at != '"' && *at != '\\') ++at;
  if (at == end || *at == '\\') return false;
  found = {begin, static_cast<size_t>(at - begin)};
  ++at;
  return true;
}

// The common case by hand: a plan reads ten thousand tables, and this is most of the work.
bool read_plain(std::string_view text, std::vector<ColumnInfo>& columns) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at == end || *at++ != '[') return false;
  std::string_view name, type;
  while (read_plain_string(at, end, name) && at != end && *at++ == ',' && read_plain_string(at, end, type) &&
         at != end) {
    columns.emplace_back(std::string(name), std::string(type));
    const char next = *at++;
    if (next == ']') return at == end;
    if (next != ',') return false;
  }
  return text == "[]";
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

Result<void> read_columns(std::string_view text, std::vector<ColumnInfo>& columns) {
  columns.reserve(static_cast<size_t>(std::ranges::count(text, ',')) / 2 + 1);
  if (read_plain(text, columns)) return {};
  columns.clear();
  const auto json = parse_json(text);
  if (!json || !json->is_array() || json->size() % 2 != 0)
    return corrupt("a list of columns that is damaged");
  for (size_t i = 0; i < json->size(); i += 2) {
    if (!(*json)[i].is_string() || !(*json)[i + 1].is_string())
      return corrupt("a list of columns that is damaged");
    columns.emplace_back((*json)[i].get<std::string>(), (*json)[i + 1].get<std::string>());
  }
  return {};
}

std::string stored(const Json& json) {
  std::string text = tidemill::to_text(json);
  // With escapes in the text a secret may be there in another spelling.
  if (text.find('\\') == std::string::npos && redact(text) == text) return text;
  return tidemill::to_text(redacted(json));
}

Result<void> read_table(Row row, int i, Table& table) {
  table.id = row.integer(i);
  table.name = row.text(i + 1);
  table.object = row.text(i + 2);
  table.logical = row.text(i + 3);
  table.rows = row.integer(i + 4);
  table.bytes = row.integer(i + 5);
  TM_CHECK(read_columns(row.view(i + 6), table.columns));
  table.step_key = row.text(i + 7);
  table.run = row.text(i + 8);
  table.made_at = row.instant(i + 9);
  table.dropped = row.integer(i + 10) != 0;
  return {};
}

Result<void> read_version(Row row, int i, Version& version) {
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
  version.dropped = row.integer(i + 12) != 0;
  if (!row.is_null(i + 13)) version.retired = row.text(i + 13);
  return {};
}

Result<Table> table_at(Row row, int first) {
  Table table;
  TM_CHECK(read_table(row, first, table));
  return table;
}
Result<Version> version_at(Row row, int first) {
  Version version;
  TM_CHECK(read_version(row, first, version));
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
  if (!row.is_null(kTable)) TM_CHECK(read_table(row, kTable, step.table.emplace()));
  if (!row.is_null(kVersion)) TM_CHECK(read_version(row, kVersion, step.version.emplace()));
  return step;
}

}  // namespace tidemill::registry
