#include "monitoring/log_relation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "monitoring/label_text.hpp"
#include "monitoring/log_table.hpp"
#include "monitoring/roll.hpp"

namespace tidemill::monitoring {

namespace {

using engine::GivenKind;

constexpr const char *kLogs = "predictions", *kLabels = "labels";  // in the home

std::string_view type_of(GivenKind kind) {
  switch (kind) {
    case GivenKind::Boolean:
      return "BOOLEAN";
    case GivenKind::Integer:
      return "BIGINT";
    case GivenKind::Real:
      return "DOUBLE";
    case GivenKind::Text:
      return "VARCHAR";
    case GivenKind::Date:
      return "DATE";
    case GivenKind::Timestamp:
      return "TIMESTAMP";
    case GivenKind::TimestampTz:
      return "TIMESTAMP WITH TIME ZONE";
  }
  return "VARCHAR";
}

/// The files' rows behind no rows of these columns: so they are there, and first, whatever the files have.
std::string rows_of(const std::string& columns, const std::vector<Path>& files) {
  std::string sql = fmt::format("SELECT {} WHERE false", columns);
  if (files.empty()) return sql;
  std::string list;
  for (const Path& file : files) list += (list.empty() ? "" : ", ") + engine::quote_text(file.native());
  return sql + fmt::format(
                   " UNION ALL BY NAME SELECT * FROM read_parquet([{}], union_by_name = true, "
                   "hive_partitioning = false)",
                   list);
}

std::string log_rows(const Path& home, const std::string& deployment, std::string_view more) {
  std::string columns;
  for (const engine::GivenColumn& column : own_columns())
    columns += fmt::format("{}CAST(NULL AS {}) AS {}", columns.empty() ? "" : ", ", type_of(column.kind),
                           engine::quote_name(column.name));
  return rows_of(columns + std::string(more), files_ending(log_folder(home, deployment), kParquetEnding));
}

}  // namespace

Path log_folder(const Path& home, const std::string& deployment) { return home / kLogs / deployment; }
Path label_folder(const Path& home, const std::string& deployment) { return home / kLabels / deployment; }

Result<std::unique_ptr<engine::Database>> open_log(const Path& home, int threads, int64_t memory_bytes) {
  engine::DatabaseOptions opening;
  opening.threads = threads;
  opening.memory_bytes = memory_bytes;
  opening.allowed_folders = {home / kLogs, home / kLabels};
  return engine::Database::open(opening);
}

std::string sql_of(Instant instant) {
  return fmt::format("TIMESTAMPTZ '{}'", to_text(Instant{std::max<int64_t>(instant.micros, 0)}));
}

std::string log_relation(const Path& home, const std::string& deployment) {
  return "(" + log_rows(home, deployment, "") + ")";
}

std::string label_relation(const Path& home, const std::string& deployment) {
  constexpr const char* kColumns =
      "CAST(NULL AS VARCHAR) AS prediction_id, CAST(NULL AS BIGINT) AS \"row\", CAST(NULL AS VARCHAR) AS "
      "key, CAST(NULL AS VARCHAR) AS label, CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS label_at, CAST(NULL AS "
      "BIGINT) AS number";
  return fmt::format(
      "(SELECT prediction_id, \"row\", key, arg_max(label, number) AS label, arg_max(label_at, number) AS "
      "label_at, max(number) AS number FROM ({}) GROUP BY prediction_id, \"row\", key)",
      rows_of(kColumns, files_ending(label_folder(home, deployment), kParquetEnding)));
}

std::string labelled_relation(const Path& home, const std::string& deployment) {
  const std::string labels = label_relation(home, deployment);
  return fmt::format(
      "(SELECT log.*, CASE WHEN by_key.number > coalesce(by_id.number, 0) THEN by_key.label ELSE by_id.label "
      "END AS label, CASE WHEN by_key.number > coalesce(by_id.number, 0) THEN by_key.label_at ELSE "
      "by_id.label_at END AS label_at FROM (SELECT * EXCLUDE (label, label_at), label AS logged_label, "
      "label_at AS logged_label_at FROM ({0})) AS log LEFT JOIN (SELECT * FROM {1} WHERE key IS NULL) AS "
      "by_id ON by_id.prediction_id = log.prediction_id AND by_id.\"row\" = log.\"row\" LEFT JOIN (SELECT * "
      "FROM {1} WHERE key IS NOT NULL) AS by_key ON by_key.key = log.key)",
      log_rows(home, deployment, ", NULL AS label, NULL AS label_at"), labels);
}

std::string matured_relation(const Path& home, const std::string& deployment, const project::Labels& labels,
                             Instant at) {
  const std::string missing =
      labels.missing.is_null()
          ? "label"
          : fmt::format("coalesce(label, {})", engine::quote_text(label_text(labels.missing)));
  return fmt::format("(SELECT * REPLACE ({} AS label) FROM {} WHERE time <= {})", missing,
                     labelled_relation(home, deployment), sql_of({at.micros - labels.matures_after.micros}));
}

}  // namespace tidemill::monitoring
