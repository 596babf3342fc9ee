#include "pipeline/columns.hpp"

namespace tidemill::pipeline {

namespace {
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
}  // namespace

Json to_json(const std::vector<engine::Column>& columns) {
  Json out = Json::array();
  for (const engine::Column& column : columns) out.push_back({column.name, column.type});
  return out;
}

std::vector<engine::Column> columns_from_json(const Json& json) {
  std::vector<engine::Column> out;
  if (!json.is_array()) return out;
  for (const Json& one : json) {
    if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string()) return {};
    out.push_back({one[0].get<std::string>(), one[1].get<std::string>()});
  }
  return out;
}

std::vector<registry::ColumnInfo> column_infos(const std::vector<engine::Column>& columns) {
  std::vector<registry::ColumnInfo> out;
  out.reserve(columns.size());
  for (const engine::Column& column : columns) out.push_back({column.name, column.type});
  return out;
}

std::vector<engine::Column> engine_columns(const std::vector<registry::ColumnInfo>& columns) {
  std::vector<engine::Column> out;
  out.reserve(columns.size());
  for (const registry::ColumnInfo& column : columns) out.push_back({column.name, column.type});
  return out;
}

std::vector<std::string> names_of(const std::vector<engine::Column>& columns) {
  std::vector<std::string> out;
  out.reserve(columns.size());
  for (const engine::Column& column : columns) out.push_back(column.name);
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool has_column(const std::vector<engine::Column>& columns, std::string_view name) {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const engine::Column& column) { return same_name(column.name, name); });
}

}  // namespace tidemill::pipeline
