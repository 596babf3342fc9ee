// request_features PROJECT DEPLOYMENT [CONDITION]: every row of the deployment's request source that meets
// the SQL condition becomes features as a request would, single ones and batches, with the columns of
// known_at blanked and as they are. Each feature must be, bit for bit, what the published table of the model
// holds. Prints what it compared and what a row costs; 1 where anything differs.
#include <bit>
#include <chrono>
#include <cstdio>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/column_reading.hpp"
#include "engine/names.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"
#include "serving/deployments.hpp"
#include "serving/row_features.hpp"
#include "serving/snapshot_rows.hpp"

namespace {

using namespace tidemill;
using serving::RequestRows;
using serving::Tensor;

// The largest batches take all rows, the others as many as this many requests have.
constexpr size_t kRequests = 300;
constexpr size_t kBatches[] = {1, 16, 64, 256, 1024, 4096};

int fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 2;
}

std::string joined(const std::vector<std::string>& names, const std::string& before = "") {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(before + engine::quote_name(name));
  return fmt::format("{}", fmt::join(quoted, ", "));
}

struct Offline {
  std::vector<std::vector<double>> numbers;  // by feature; NaN: NULL
  std::vector<std::vector<std::optional<std::string>>> texts;
};

/// The model's table for the source's rows of the condition, in the order of their key.
Result<Offline> read_offline(const serving::LiveModel& live, const Path& table, const Path& source,
                             const std::vector<std::string>& key, const std::string& condition,
                             const std::string& timezone) {
  TM_TRY(
      const auto database,
      engine::Database::open({.timezone = timezone, .allowed_folders = {table.parent_path().parent_path()}}));
  TM_TRY(engine::Connection connection, database->connect());
  TM_CHECK(connection.view_parquet("made", {table}));
  TM_CHECK(connection.view_parquet("source", {source}));
  TM_TRY(const auto columns, connection.describe("SELECT * FROM made"));
  const auto& features = live.predictor->package().features;
  std::vector<std::string> list;
  std::vector<engine::Reading> readings;
  for (const forest::Feature& feature : features) {
    const engine::Column* column = engine::find_column(columns, feature.name);
    if (column == nullptr) return user_error("no_feature", feature.name);
    readings.push_back(engine::reading_of(engine::kind_of(column->type), feature.category));
    list.push_back(engine::expression(column->name, readings.back()) + fmt::format(" AS f{}", list.size()));
  }
  Offline out;
  out.numbers.resize(features.size());
  out.texts.resize(features.size());
  TM_CHECK(connection.for_each_chunk(
      fmt::format("SELECT {} FROM (SELECT {} FROM source WHERE {}) JOIN made USING ({}) ORDER BY {}",
                  fmt::join(list, ", "), joined(key), condition, joined(key), joined(key)),
      [&](const engine::Chunk& chunk) -> Result<void> {
        for (size_t r = 0; r < chunk.rows(); ++r)
          for (size_t f = 0; f < features.size(); ++f) {
            const bool null = chunk.is_null(f, r);
            if (!features[f].category)
              out.numbers[f].push_back(null ? std::nan("") : chunk.doubles(f)[r]);
            else if (null)
              out.texts[f].emplace_back();
            else
              out.texts[f].emplace_back(readings[f] == engine::Reading::Text
                                            ? std::string(chunk.varchar(f, r))
                                            : forest::category_text(chunk.doubles(f)[r]));
          }
        return {};
      }));
  return out;
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

/// How many values of the rows from `first` on differ from the table's, the first of them said.
size_t differences(const std::vector<Tensor>& online, const Offline& offline, size_t first,
                   const RequestRows& rows) {
  size_t count = 0;
  for (size_t f = 0; f < online.size(); ++f)
    for (size_t r = 0; r < rows.rows; ++r) {
      const bool equal = online[f].datatype == "BYTES"
                             ? online[f].texts.at(r) == offline.texts[f][first + r]
                             : same(online[f].numbers[r], offline.numbers[f][first + r]);
      if (equal) continue;
      if (++count == 1) fmt::print("{} of {} differs\n", online[f].name, rows.keys[r]);
    }
  return count;
}

Result<size_t> compare(const serving::RowFeatures& features, const RequestRows& rows, const Offline& offline,
                       size_t batch, size_t most_rows) {
  size_t wrong = 0;
  const size_t count = std::min(rows.rows, most_rows);
  double seconds = 0;
  for (size_t first = 0; first < count; first += batch) {
    std::vector<size_t> chosen(std::min(batch, count - first));
    std::iota(chosen.begin(), chosen.end(), first);
    const RequestRows asked = rows.pick(chosen);
    RequestRows given = asked;
    const auto begun = std::chrono::steady_clock::now();
    TM_TRY(const std::vector<Tensor> online, features.features(std::move(given)));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    wrong += differences(online, offline, first, asked);
  }
  const double requests = std::ceil(static_cast<double>(count) / static_cast<double>(batch));
  fmt::print("{:>6} rows at a time: {:>8} rows, {:>9.1f} us a request, {:>8.2f} us a row\n", batch, count,
             1e6 * seconds / requests, 1e6 * seconds / static_cast<double>(count));
  return wrong;
}

Result<size_t> run(const std::string& folder, const std::string& name, const std::string& condition) {
  auto project = project::load({.file = folder, .environment = {}, .home = {}, .parameters = {}});
  if (!project) return std::unexpected(project.error().at(0));
  TM_TRY(const auto registry,
         registry::Registry::open({.home = project->home, .mode = registry::Options::Mode::ReadOnly}));
  const auto deployments = serving::Deployments::open(*project, *registry);
  const auto live = deployments->find(name);
  if (!live || !live->row_features)
    return user_error("not_live", name + " takes no rows: " + deployments->problem(name));
  const serving::RequestSchema& schema = live->row_features->schema();
  TM_TRY(const auto tables, registry->live_tables());
  const std::string from = live->predictor->package().pipeline.value("from", "");
  std::vector<std::string> key;
  for (const size_t c : schema.key()) key.push_back(schema.columns()[c].name);
  const Path source = registry->object_path(tables.at(schema.source()).object);
  TM_TRY(RequestRows rows,
         serving::rows_of_snapshot(schema, source,
                                   {fmt::format("WHERE {} ORDER BY {}", condition, joined(key))}));
  TM_TRY(const Offline offline, read_offline(*live, registry->object_path(tables.at(from).object), source,
                                             key, condition, project->timezone));
  const size_t made =
      offline.numbers.empty() ? 0 : std::max(offline.numbers[0].size(), offline.texts[0].size());
  if (made != rows.rows || rows.rows == 0)
    return user_error("rows", fmt::format("{} has {} rows for {} requests", from, made, rows.rows));
  RequestRows blank = rows;
  for (const auto& [column, holder] : project->sources.at(schema.source()).known_at)
    for (const std::string& each : {column, holder})
      if (each != schema.time_column())
        if (const auto c = schema.find(each)) blank.columns[*c].missing.assign(blank.rows, 1);
  size_t wrong = 0;
  for (const size_t batch : kBatches) {
    TM_TRY(const size_t now,
           compare(*live->row_features, blank, offline, batch,
                   batch == kBatches[std::size(kBatches) - 1] ? rows.rows : batch * kRequests));
    wrong += now;
  }
  fmt::print("with the outcomes sent along:\n");
  for (const size_t batch : {size_t{1}, size_t{1024}}) {
    TM_TRY(const size_t now, compare(*live->row_features, rows, offline, batch, batch * kRequests));
    wrong += now;
  }
  fmt::print("{} features of {} rows: {} values differ from {}\n", live->predictor->package().features.size(),
             rows.rows, wrong, from);
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return fail("request_features PROJECT DEPLOYMENT [CONDITION]");
  const auto wrong = run(argv[1], argv[2], argc == 4 ? argv[3] : "true");
  if (!wrong) return fail(to_text(wrong.error()));
  return *wrong == 0 ? 0 : 1;
}
