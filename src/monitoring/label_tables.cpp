#include "monitoring/label_tables.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/names.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/roll.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int64_t kSqlMemory = 512'000'000;
constexpr size_t kBatch = 500'000;
constexpr int64_t kPauseFactor = 20;  // so many times as long as a look took: 5 % of a core at most
constexpr std::string_view kPredictionId = "prediction_id", kRow = "row";

/// What the table's rows are found by.
struct Finding {
  std::vector<std::string> columns;  // in the order in which the log has them
  bool by_id = false;
};

Result<Finding> finding_of(const project::Labels& declared, const DeploymentLabels& labels) {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(declared.key,
                               [&](const std::string& each) { return engine::same_name(each, name); });
  };
  const size_t keys = declared.key.size();
  if (has(kPredictionId) && (keys == 1 || (keys == 2 && has(kRow)))) {
    Finding finding{{std::string(kPredictionId)}, true};
    if (keys == 2) finding.columns.emplace_back(kRow);
    return finding;
  }
  const std::vector<std::string>& wanted = labels.keys().columns();
  const bool same = keys == wanted.size() && std::ranges::all_of(wanted, has);
  if (!labels.keys().stores() || !same)
    return user_error(
        "label.no_key",
        fmt::format(
            "labels of {} have the key {}, and {}", labels.deployment(), fmt::join(declared.key, ", "),
            labels.keys().stores() ? fmt::format("its predictions are found by {}", fmt::join(wanted, ", "))
                                   : labels.keys().problem()),
        declared.place,
        "it must be the key of the deployment's `request` source (without one, of its model), and the log "
        "must "
        "keep it; or prediction_id "
        "(and row), where the table has them");
  return Finding{wanted, false};
}

Result<std::string> select_of(const project::Labels& declared, const Finding& finding,
                              const std::vector<engine::Column>& columns, const std::string& table) {
  std::vector<std::string> names = finding.columns, texts;
  names.push_back(declared.value);
  for (const std::string& name : names) {
    const engine::Column* column = engine::find_column(columns, name);
    if (column == nullptr)
      return user_error("label.no_column", fmt::format("{} has no column '{}'", declared.from, name),
                        declared.place);
    texts.push_back(text_in_sql(*column));
  }
  std::string known;
  for (const std::string& text : texts) known += (known.empty() ? "" : " AND ") + text + " IS NOT NULL";
  return fmt::format("SELECT {} FROM {} WHERE {}", fmt::join(texts, ", "), table, known);
}

Label label_of(const engine::Chunk& chunk, size_t r, const Finding& finding, const KeyRules& keys) {
  const size_t count = finding.columns.size();
  Label label;
  label.value = label_text(chunk.varchar(count, r));
  if (finding.by_id) {
    label.prediction_id = chunk.varchar(0, r);
    if (count == 2) label.row = std::atoll(std::string(chunk.varchar(1, r)).c_str());
    return label;
  }
  std::vector<std::string> texts;
  for (size_t c = 0; c < count; ++c) texts.push_back(key_text(chunk.varchar(c, r)));
  label.key = keys.stored_texts(texts);
  return label;
}

/// What there is of the log: the files' names and sizes.
std::string files_of(const Path& folder) {
  std::string all;
  for (const Path& file : files_ending(folder, kParquetEnding)) {
    std::error_code ignored;
    all += fmt::format("{} {}\n", file.filename().native(), std::filesystem::file_size(file, ignored));
  }
  return all;
}

}  // namespace

std::string text_in_sql(const engine::Column& column) {
  const std::string name = engine::quote_name(column.name);
  if (column.type == "BOOLEAN") return fmt::format("CASE WHEN {0} THEN '1' WHEN NOT {0} THEN '0' END", name);
  if (column.type == "FLOAT" || column.type == "DOUBLE" || column.type.starts_with("DECIMAL"))
    return fmt::format("regexp_replace(CAST(CAST({} AS DOUBLE) AS VARCHAR), '\\.0$', '')", name);
  return fmt::format("CAST({} AS VARCHAR)", name);
}

bool LabelTables::empty() const {
  return std::ranges::none_of(project_.labels,
                              [&](const auto& each) { return labels_.find(each.first) != nullptr; });
}

LabelTables::Looked LabelTables::look(const registry::Registry& registry, Instant now) {
  Looked looked;
  for (const auto& [name, declared] : project_.labels) {
    DeploymentLabels* labels = labels_.find(name);
    if (labels == nullptr) continue;
    const auto begun = std::chrono::steady_clock::now();
    Seen& seen = seen_[name];
    if (now < seen.next) continue;
    auto taken = look(declared, *labels, registry, now, seen);
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    seen.next = {now.micros + took.count() * kPauseFactor};
    if (!taken)
      looked.failed.emplace(name, taken.error());
    else if (*taken)
      looked.taken.emplace(name, **taken);
  }
  return looked;
}

Result<std::optional<LabelCounts>> LabelTables::look(const project::Labels& declared,
                                                     DeploymentLabels& labels,
                                                     const registry::Registry& registry, Instant now,
                                                     Seen& seen) {
  TM_TRY(const Finding finding, finding_of(declared, labels));
  TM_TRY(const auto live, registry.live_tables());
  const auto table = live.find(declared.from);
  if (table == live.end()) return std::nullopt;  // not made yet
  std::string files = files_of(log_folder(project_.home, labels.deployment()));
  if (files.empty() || (seen.table == table->second.id && seen.log == files)) return std::nullopt;
  const Path object = registry.object_path(table->second.object);
  engine::DatabaseOptions opening;
  opening.threads = 1;
  opening.memory_bytes = kSqlMemory;
  opening.allowed_folders = {object.parent_path()};
  TM_TRY(const auto database, engine::Database::open(opening));
  TM_TRY(engine::Connection connection, database->connect());
  const std::string rows =
      fmt::format("read_parquet({}, hive_partitioning = false)", engine::quote_text(object.native()));
  TM_TRY(const auto columns, connection.describe("SELECT * FROM " + rows));
  TM_TRY(const std::string select, select_of(declared, finding, columns, rows));
  TM_TRY(const LabelForms forms, forms_of(registry, project_.deployments.at(labels.deployment())));
  LabelCounts counts;
  std::vector<Label> batch;
  uint64_t rejected = 0;
  const auto take = [&]() -> Result<void> {
    TM_TRY(const LabelCounts taken, labels.take_of_table(batch, now));
    counts += taken;
    batch.clear();
    return {};
  };
  TM_CHECK(connection.for_each_chunk(select, [&](const engine::Chunk& chunk) -> Result<void> {
    for (size_t r = 0; r < chunk.rows(); ++r) {
      Label label = label_of(chunk, r, finding, labels.keys());
      auto form = forms.of(label.value);
      if (!form) {
        ++rejected;
        continue;
      }
      label.value = *std::move(form);
      batch.push_back(std::move(label));
    }
    return batch.size() < kBatch ? Result<void>() : take();
  }));
  TM_CHECK(take());
  // A table says all again whenever it is looked at.
  labels.count_rejected(rejected - std::min(rejected, seen.rejected));
  seen.rejected = rejected;
  seen.table = table->second.id;
  seen.log = std::move(files);
  return std::optional(counts);
}

}  // namespace tidemill::monitoring
