#include "monitoring/log_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <utility>

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
void set_text(std::string_view bytes, std::string& out) {
  if (is_ascii(bytes)) {
    out.assign(bytes);
    return;
  }
  out.clear();
  while (!bytes.empty()) {
    const size_t length = utf8_character_bytes(bytes);
    if (length == 0)
      out += '?';
    else
      out += bytes.substr(0, length);
    bytes.remove_prefix(std::max<size_t>(1, length));
  }
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

/// Every row missing.
void resize(engine::GivenValues& values, GivenKind kind, size_t rows) {
  values.missing.assign(rows, 1);
  if (kind == GivenKind::Real)
    values.reals.resize(rows);
  else if (kind == GivenKind::Text)
    values.texts.resize(rows);
  else
    values.wholes.resize(rows);
}

/// Rows [at, at + rows) of a piece: those of one record.
class Filling {
 public:
  Filling(LogTable& piece, size_t at, size_t rows) : piece_(piece), at_(at), rows_(rows) {}
  void every_text(size_t column, std::string_view bytes) {
    engine::GivenValues& values = piece_.values[column];
    for (size_t r = at_; r < at_ + rows_; ++r) set_text(bytes, values.texts[r]);
    are_there(values);
  }
  void every_whole(size_t column, int64_t value) {
    engine::GivenValues& values = piece_.values[column];
    std::fill_n(values.wholes.begin() + static_cast<ptrdiff_t>(at_), rows_, value);
    are_there(values);
  }
  void own(const StoredPrediction& prediction, const LogSchema& schema) {
    every_text(kPredictionId, prediction.prediction_id);
    if (!prediction.request_id.empty()) every_text(kRequestId, prediction.request_id);
    std::iota(piece_.values[kRow].wholes.begin() + static_cast<ptrdiff_t>(at_),
              piece_.values[kRow].wholes.begin() + static_cast<ptrdiff_t>(at_ + rows_),
              static_cast<int64_t>(prediction.first_row));
    are_there(piece_.values[kRow]);
    every_whole(kTime, prediction.at.micros);
    every_text(kModel, schema.model);
    every_whole(kVersion, schema.version);
    every_text(kRole, prediction.role);
    every_whole(kStatus, prediction.status);
    if (!prediction.error.empty()) every_text(kError, prediction.error);
    every_whole(kLatency, prediction.latency.micros);
  }
  void column(size_t column, const StoredColumn& stored) {
    if (stored.kind == ValueKind::Text) {
      TextReader texts(stored.values);
      for (size_t r = 0; r < rows_; ++r)
        if (const auto text = texts.next()) one_text(column, r, *text);
    } else if (piece_.columns[column].kind == GivenKind::Real) {
      reals(piece_.values[column], stored);
    } else {
      for (size_t r = 0; r < rows_; ++r) number(column, r, stored.number(r));
    }
  }

 private:
  void are_there(engine::GivenValues& values) const {
    std::fill_n(values.missing.begin() + static_cast<ptrdiff_t>(at_), rows_, uint8_t{0});
  }
  void one_text(size_t column, size_t r, std::string_view text) {
    set_text(text, piece_.values[column].texts[at_ + r]);
    piece_.values[column].missing[at_ + r] = 0;
  }
  void reals(engine::GivenValues& values, const StoredColumn& stored) const {
    double* to = values.reals.data() + at_;
    std::memcpy(to, stored.values.data(), rows_ * sizeof(double));
    for (size_t r = 0; r < rows_; ++r) values.missing[at_ + r] = std::isnan(to[r]) ? 1 : 0;
  }
  void number(size_t column, size_t r, double value) {
    if (std::isnan(value)) return;
    if (piece_.columns[column].kind == GivenKind::Text) return one_text(column, r, fmt::format("{}", value));
    piece_.values[column].wholes[at_ + r] = value != 0 ? 1 : 0;
    piece_.values[column].missing[at_ + r] = 0;
  }

  LogTable& piece_;
  const size_t at_, rows_;
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

struct SegmentRows::Impl {
  struct Version {
    LogSchema schema;
    std::vector<size_t> places = {};  // of its columns in the table
  };
  std::map<uint32_t, Version> versions;
  std::vector<std::string_view> predictions;
  std::vector<StoredPrediction> decoded;  // of a piece; those behind it are memory for the next one
  std::vector<uint8_t> seen;              // columns of the prediction that is checked
  std::vector<engine::GivenColumn> columns;
  size_t rows = 0, next = 0, whole_bytes = 0;

  Result<void> take(std::string_view record) {
    TM_TRY(const RecordKind kind, kind_of(record));
    if (kind == RecordKind::Schema) {
      TM_TRY(const LogSchema schema, decode_schema(record));
      const auto [known, is_new] = versions.try_emplace(schema.id, Version{schema});
      return is_new || known->second.schema == schema ? Result<void>()
                                                      : bad("gives one number to two versions");
    }
    TM_TRY(const PredictionHead head, head_of_prediction(record));
    if (!versions.contains(head.schema)) return bad("has a record whose columns it does not name");
    rows += head.rows;
    predictions.push_back(record);
    return {};
  }
  Result<void> check(const StoredPrediction& prediction) {
    const std::vector<LogColumn>& declared = versions.at(prediction.schema).schema.columns;
    seen.assign(declared.size(), 0);
    for (const StoredColumn& column : prediction.columns) {
      if (column.column >= seen.size() || std::exchange(seen[column.column], 1) != 0)
        return bad("has a record with a column that there is not, or twice");
      if ((declared[column.column].kind == ValueKind::Text) != (column.kind == ValueKind::Text))
        return bad("has a column of another kind than it says");
    }
    return {};
  }
  void place_columns() {
    Columns all;
    for (const LogColumn::Of of : {LogColumn::Of::Answer, LogColumn::Of::Feature})
      for (const auto& [id, version] : versions) all.add(version.schema, of);
    for (auto& [id, version] : versions)
      for (const LogColumn& column : version.schema.columns) version.places.push_back(all.place(column));
    columns = all.all();
  }
};

SegmentRows::SegmentRows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SegmentRows::SegmentRows(SegmentRows&&) noexcept = default;
SegmentRows::~SegmentRows() = default;

Result<SegmentRows> SegmentRows::open(std::string_view segment) {
  auto impl = std::make_unique<Impl>();
  TM_TRY(impl->whole_bytes,
         each_record(segment, [&](std::string_view record) { return impl->take(record); }));
  impl->place_columns();
  constexpr size_t kMostValues = 10 * kMaxSegmentValues;  // versions that have no column in common
  if (impl->columns.size() * impl->rows > kMostValues)
    return bad(fmt::format("has more than {} values", kMostValues));
  return SegmentRows(std::move(impl));
}

const std::vector<engine::GivenColumn>& SegmentRows::columns() const { return impl_->columns; }
size_t SegmentRows::rows() const { return impl_->rows; }
size_t SegmentRows::whole_bytes() const { return impl_->whole_bytes; }

Result<bool> SegmentRows::next(LogTable& piece) {
  constexpr size_t kPieceRows = 2048;
  size_t count = 0;
  piece.rows = 0;
  for (; impl_->next < impl_->predictions.size() && piece.rows < kPieceRows; ++count) {
    if (count == impl_->decoded.size()) impl_->decoded.emplace_back();
    StoredPrediction& prediction = impl_->decoded[count];
    TM_CHECK(decode_prediction(impl_->predictions[impl_->next++], prediction));
    TM_CHECK(impl_->check(prediction));
    piece.rows += prediction.rows;
  }
  piece.columns = impl_->columns;
  piece.values.resize(piece.columns.size());
  for (size_t c = 0; c < piece.columns.size(); ++c)
    resize(piece.values[c], piece.columns[c].kind, piece.rows);
  size_t at = 0;
  for (const StoredPrediction& record : std::span(impl_->decoded).first(count)) {
    const Impl::Version& version = impl_->versions.at(record.schema);
    Filling filling(piece, at, record.rows);
    filling.own(record, version.schema);
    for (const StoredColumn& column : record.columns) filling.column(version.places[column.column], column);
    at += record.rows;
  }
  return piece.rows > 0;
}

}  // namespace tidemill::monitoring
