#include "serving/snapshot_rows.hpp"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"

namespace tidemill::serving {

namespace {

/// Every column as text that RowsBuilder::plain() reads.
std::vector<std::string> texts_of(const RequestSchema& schema, const std::vector<engine::Column>& stored) {
  std::vector<std::string> list;
  for (const RequestColumn& column : schema.columns()) {
    const engine::Column* own = engine::find_column(stored, column.name);
    std::string value = own == nullptr ? "NULL" : engine::quote_name(own->name);
    if (column.nested) value = fmt::format("to_json({})", value);
    if (column.kind == engine::GivenKind::Real) value = fmt::format("CAST({} AS DOUBLE)", value);
    list.push_back(fmt::format("CAST({} AS VARCHAR) AS tidemill_{}", value, list.size()));
  }
  return list;
}

/// One row alone: what does not fit is no reason to stop.
std::optional<RequestRows> as_request(const RequestSchema& schema, const std::vector<engine::Value>& row) {
  RowsBuilder builder(schema);
  if (!builder.begin_row()) return std::nullopt;
  for (size_t c = 0; c < row.size(); ++c)
    if (const auto* text = std::get_if<std::string>(&row[c]); text && !builder.plain(c, *text))
      return std::nullopt;
  if (!builder.end_row()) return std::nullopt;
  auto rows = builder.finish();
  return rows ? std::optional(std::move(*rows)) : std::nullopt;
}

}  // namespace

Result<RequestRows> rows_of_snapshot(const RequestSchema& schema, const Path& snapshot,
                                     const std::vector<std::string>& tails) {
  engine::DatabaseOptions options;
  options.threads = 1;
  options.allowed_folders = {snapshot.parent_path()};
  TM_TRY(const auto database, engine::Database::open(options));
  TM_TRY(engine::Connection connection, database->connect());
  const std::string file = fmt::format("read_parquet({})", engine::quote_text(snapshot.native()));
  TM_TRY(const std::vector<engine::Column> stored, connection.describe("SELECT * FROM " + file));
  const std::vector<std::string> list = texts_of(schema, stored);
  RequestRows rows;
  std::set<std::string> keys;
  for (const std::string& tail : tails) {
    TM_TRY(const engine::Rows chosen,
           connection.query(fmt::format("SELECT {} FROM {} {}", fmt::join(list, ", "), file, tail)));
    for (const auto& row : chosen.rows)
      if (const auto request = as_request(schema, row); request && keys.insert(request->keys[0]).second)
        rows.add(*request);
  }
  return rows;
}

}  // namespace tidemill::serving
