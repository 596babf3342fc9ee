#include "monitoring/log_table.hpp"

#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "engine/names.hpp"
#include "monitoring/record.hpp"
#include "monitoring/segment.hpp"

namespace tidemill::monitoring {

namespace {

using engine::GivenKind;

enum Own { kPredictionId, kRequestId, kRow, kTime, kModel, kVersion, kRole, kStatus, kError, kLatency, kKey };

/// A caller's bytes as text: what is no UTF-8 becomes question marks.
std::string as_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const size_t length = utf8_character_bytes(bytes);
    if (length == 0)
      out += '?';
    else
      out += bytes.substr(0, length);
    bytes.remove_prefix(std::max<size_t>(1, length));
  }
  return out;
}

GivenKind kind_of_column(ValueKind kind) {
  return kind == ValueKind::Text    ? GivenKind::Text
         : kind == ValueKind::Truth ? GivenKind::Boolean
                                    : GivenKind::Real;
}

std::unexpected<Error> bad(std::string_view why) {
  return data_error("log.bad_segment", fmt::format("a segment of the prediction log {}", why));
}

/// A column of the table, and what its name is in SQL.
class Columns {
 public:
  Columns() : columns_(own_columns()) {
    for (const engine::GivenColumn& column : columns_) names_.insert(engine::folded_name(column.name));
  }
  /// Adds a version's columns of one sort.
  void add(const LogSchema& schema, LogColumn::Of of) {
    for (const LogColumn& column : schema.columns)
      if (column.of == of) add(column);
  }
  size_t place(const LogColumn& column) const {
    return column.of == LogColumn::Of::Key ? size_t{kKey} : places_.at({column.of, column.name});
  }
  const std::vector<engine::GivenColumn>& all() const { return columns_; }

 private:
  void add(const LogColumn& column) {
    const GivenKind kind = kind_of_column(column.kind);
    if (const auto found = places_.find({column.of, column.name}); found != places_.end()) {
      GivenKind& known = columns_[found->second].kind;
      if (known != kind) known = GivenKind::Text;
      return;
    }
    std::string name = column.name;
    while (!names_.insert(engine::folded_name(name)).second) name.insert(0, "input_");
    places_[{column.of, column.name}] = columns_.size();
    columns_.push_back({std::move(name), kind});
  }
  std::vector<engine::GivenColumn> columns_;
  std::set<std::string> names_;
  std::map<std::pair<LogColumn::Of, std::string>, size_t> places_;
};

struct Contents {
  std::map<uint32_t, LogSchema> schemas;
  std::vector<StoredPrediction> predictions;
  size_t rows = 0;
};

Result<void> take(std::string_view record, Contents& contents) {
  TM_TRY(const RecordKind kind, kind_of(record));
  if (kind == RecordKind::Schema) {
    TM_TRY(LogSchema schema, decode_schema(record));
    const uint32_t id = schema.id;
    const auto [known, is_new] = contents.schemas.try_emplace(id, std::move(schema));
    return is_new || known->second == *decode_schema(record) ? Result<void>()
                                                             : bad("gives one number to two versions");
  }
  TM_TRY(StoredPrediction prediction, decode_prediction(record));
  const auto schema = contents.schemas.find(prediction.schema);
  if (schema == contents.schemas.end()) return bad("has a record whose columns it does not name");
  std::vector<bool> seen(schema->second.columns.size());
  for (const StoredColumn& column : prediction.columns) {
    if (column.column >= seen.size() || seen[column.column])
      return bad("has a record with a column that there is not, or twice");
    seen[column.column] = true;
    const bool is_text = schema->second.columns[column.column].kind == ValueKind::Text;
    if (is_text != (column.kind == ValueKind::Text)) return bad("has a column of another kind than it says");
  }
  contents.rows += prediction.rows;
  contents.predictions.push_back(std::move(prediction));
  return {};
}

void resize(engine::GivenValues& values, GivenKind kind, size_t rows) {
  values.missing.assign(rows, 1);
  if (kind == GivenKind::Real)
    values.reals.resize(rows);
  else if (kind == GivenKind::Text)
    values.texts.resize(rows);
  else
    values.wholes.resize(rows);
}

class Filling {
 public:
  explicit Filling(LogTable& table) : table_(table) {}
  void text(size_t column, size_t row, std::string_view text) {
    table_.values[column].texts[row] = as_text(text);
    table_.values[column].missing[row] = 0;
  }
  void whole(size_t column, size_t row, int64_t value) {
    table_.values[column].wholes[row] = value;
    table_.values[column].missing[row] = 0;
  }
  void number(size_t column, size_t row, double value) {
    if (std::isnan(value)) return;
    const GivenKind kind = table_.columns[column].kind;
    if (kind == GivenKind::Text) return text(column, row, fmt::format("{}", value));
    if (kind == GivenKind::Boolean) return whole(column, row, value != 0 ? 1 : 0);
    table_.values[column].reals[row] = value;
    table_.values[column].missing[row] = 0;
  }
  void row(size_t at, size_t r, const StoredPrediction& prediction, const LogSchema& schema) {
    text(kPredictionId, at, prediction.prediction_id);
    if (!prediction.request_id.empty()) text(kRequestId, at, prediction.request_id);
    whole(kRow, at, static_cast<int64_t>(prediction.first_row + r));
    whole(kTime, at, prediction.at.micros);
    text(kModel, at, schema.model);
    whole(kVersion, at, schema.version);
    text(kRole, at, prediction.role);
    whole(kStatus, at, prediction.status);
    if (!prediction.error.empty()) text(kError, at, prediction.error);
    whole(kLatency, at, prediction.latency.micros);
  }

 private:
  LogTable& table_;
};

}  // namespace

const std::vector<engine::GivenColumn>& own_columns() {
  static const std::vector<engine::GivenColumn> columns{
      {"prediction_id", GivenKind::Text}, {"request_id", GivenKind::Text}, {"row", GivenKind::Integer},
      {"time", GivenKind::TimestampTz},   {"model", GivenKind::Text},      {"version", GivenKind::Integer},
      {"role", GivenKind::Text},          {"status", GivenKind::Integer},  {"error", GivenKind::Text},
      {"latency_us", GivenKind::Integer}, {"key", GivenKind::Text}};
  return columns;
}

Result<LogTable> table_of_segment(std::string_view segment) {
  Contents contents;
  TM_CHECK(each_record(segment, [&](std::string_view record) { return take(record, contents); }));
  Columns columns;
  for (const LogColumn::Of of : {LogColumn::Of::Answer, LogColumn::Of::Feature})
    for (const auto& [id, schema] : contents.schemas) columns.add(schema, of);
  LogTable table{columns.all(), std::vector<engine::GivenValues>(columns.all().size()), contents.rows};
  constexpr size_t kMostValues = 10 * kMaxSegmentValues;  // versions that have no column in common
  if (table.columns.size() * contents.rows > kMostValues)
    return bad(fmt::format("has more than {} values", kMostValues));
  for (size_t c = 0; c < table.columns.size(); ++c)
    resize(table.values[c], table.columns[c].kind, table.rows);
  Filling filling(table);
  size_t at = 0;
  for (const StoredPrediction& prediction : contents.predictions) {
    const LogSchema& schema = contents.schemas.at(prediction.schema);
    for (size_t r = 0; r < prediction.rows; ++r) filling.row(at + r, r, prediction, schema);
    for (const StoredColumn& column : prediction.columns) {
      const size_t place = columns.place(schema.columns[column.column]);
      if (column.kind == ValueKind::Text) {
        TextReader texts(column.values);
        for (size_t r = 0; r < prediction.rows; ++r)
          if (const auto text = texts.next()) filling.text(place, at + r, *text);
      } else {
        for (size_t r = 0; r < prediction.rows; ++r) filling.number(place, at + r, column.number(r));
      }
    }
    at += prediction.rows;
  }
  return table;
}

}  // namespace tidemill::monitoring
