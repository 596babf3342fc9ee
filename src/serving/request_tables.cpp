#include "serving/request_tables.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "serving/joined_rows.hpp"
#include "serving/replay.hpp"
#include "serving/sql_row_features.hpp"

namespace tidemill::serving {

namespace {

using LiveTables = std::map<std::string, registry::Table>;

const registry::Table* find(const LiveTables& live, const std::string& name) {
  const auto found =
      std::ranges::find_if(live, [&](const auto& each) { return engine::same_name(each.first, name); });
  return found == live.end() || found->second.dropped ? nullptr : &found->second;
}

}  // namespace

Result<std::vector<registry::Table>> tables_of(const RequestPath& path, const registry::Registry& registry) {
  TM_TRY(const LiveTables live, registry.live_tables());
  std::vector<registry::Table> tables;
  for (const std::string& name : path.tables) {
    const registry::Table* table = find(live, name);
    if (table == nullptr)
      return user_error("serving.no_table",
                        fmt::format("requests look things up in {}, which has no published snapshot", name));
    tables.push_back(*table);
  }
  return tables;
}

Result<std::shared_ptr<const RowFeatures>> open_row_features(RowFeaturesOptions options,
                                                             const registry::Registry& registry) {
  TM_TRY(const LiveTables live, registry.live_tables());
  const registry::Table* const source = find(live, options.path.schema.source());
  SqlRowFeaturesOptions opening;
  opening.predictor = std::move(options.predictor);
  for (size_t t = 0; t < options.tables.size(); ++t)
    opening.tables.push_back(
        {options.path.tables[t], registry.object_path(options.tables[t].object), options.tables[t].bytes});
  opening.allowed_folders = {options.home};
  opening.memory_bytes = options.memory_bytes;
  opening.path = std::move(options.path);
  TM_TRY(const auto features, SqlRowFeatures::open(std::move(opening)));
  if (source == nullptr)
    return user_error("serving.no_table",
                      fmt::format("requests are rows of {}, which has no published snapshot to try them with",
                                  features->schema().source()));
  TM_TRY(const RequestRows rows, rows_to_replay(features->schema(), registry.object_path(source->object)));
  TM_CHECK(replay(*features, rows));
  return std::make_shared<const JoinedRows>(features, std::move(options.slots));
}

}  // namespace tidemill::serving
