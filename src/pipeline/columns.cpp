#include "pipeline/columns.hpp"

#include "engine/names.hpp"

namespace tidemill::pipeline {

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

bool has_column(const std::vector<engine::Column>& columns, std::string_view name) {
  return engine::find_column(columns, name) != nullptr;
}

}  // namespace tidemill::pipeline
