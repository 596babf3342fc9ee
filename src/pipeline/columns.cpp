#include "pipeline/columns.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"

namespace tidemill::pipeline {

namespace {
constexpr size_t kMostNamesShown = 12;
}

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

std::string quoted_list(const std::vector<std::string>& names) {
  const size_t shown = names.size() > kMostNamesShown ? kMostNamesShown - 1 : names.size();
  std::string out;
  for (size_t i = 0; i < shown; ++i)
    out += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
  return shown == names.size() ? out : fmt::format("{} and {} more", out, names.size() - shown);
}

std::string did_you_mean_each(const std::vector<std::string>& names,
                              const std::vector<std::string>& candidates) {
  if (names.size() == 1) return did_you_mean(names[0], candidates);
  std::vector<std::string> near;
  for (const std::string& name : names)
    if (const std::string found = nearest(name, candidates); !found.empty() && near.size() < kMostNamesShown)
      near.push_back(fmt::format("'{}' for '{}'", found, name));
  return near.empty() ? "" : fmt::format("did you mean {}?", fmt::join(near, ", "));
}

bool has_column(const std::vector<engine::Column>& columns, std::string_view name) {
  return engine::find_column(columns, name) != nullptr;
}

}  // namespace tidemill::pipeline
