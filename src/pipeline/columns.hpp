// Columns as JSON and as the registry keeps them.
#pragma once

#include <vector>

#include "base/json.hpp"
#include "engine/database.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

Json to_json(const std::vector<engine::Column>& columns);
/// What to_json wrote; anything else gives nothing.
std::vector<engine::Column> columns_from_json(const Json& json);
std::vector<registry::ColumnInfo> column_infos(const std::vector<engine::Column>& columns);
std::vector<engine::Column> engine_columns(const std::vector<registry::ColumnInfo>& columns);
std::vector<std::string> names_of(const std::vector<engine::Column>& columns);
/// "'a', 'b' and 'c'"; of many the first ones and how many more.
std::string quoted_list(const std::vector<std::string>& names);
/// "did you mean 'x'?", or of several "did you mean 'x' for 'y', 'v' for 'w'?", of those near to a candidate.
std::string did_you_mean_each(const std::vector<std::string>& names,
                              const std::vector<std::string>& candidates);
bool has_column(const std::vector<engine::Column>& columns, std::string_view name);

}  // namespace tidemill::pipeline
