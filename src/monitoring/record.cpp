#include "monitoring/record.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/json.hpp"

namespace tidemill::monitoring {

namespace {

static_assert(std::endian::native == std::endian::little, "records are written as the machine has numbers");

constexpr uint32_t kMissingText = std::numeric_limits<uint32_t>::max();
constexpr size_t kColumnsAt = 8, kHeadBytes = 40, kColumnHeadBytes = 5;

template <class T>
char* put(char* out, T value) {
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}
char* put(char* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}
template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// At most so many bytes of it, and no half character of UTF-8.
std::string_view cut(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

size_t texts_size(const ColumnView& column, RowRange range) {
  size_t bytes = range.rows * sizeof(uint32_t);
  for (size_t r = range.first; r < range.first + range.rows; ++r)
    if (const auto text = column.text_at(column.texts, column.first + r * column.stride))
      bytes += cut(*text, kMaxTextBytes).size();
  return bytes;
}

char* put_texts(char* out, const ColumnView& column, RowRange range) {
  for (size_t r = range.first; r < range.first + range.rows; ++r) {
    const auto text = column.text_at(column.texts, column.first + r * column.stride);
    const std::string_view kept = text ? cut(*text, kMaxTextBytes) : std::string_view();
    out = put(out, text ? static_cast<uint32_t>(kept.size()) : kMissingText);
    out = put(out, kept);
  }
  return out;
}

char* put_numbers(char* out, const ColumnView& column, RowRange range) {
  const double* numbers = column.numbers + range.first * column.stride;
  if (column.stride == 1) {
    std::memcpy(out, numbers, range.rows * sizeof(double));
    return out + range.rows * sizeof(double);
  }
  for (size_t r = 0; r < range.rows; ++r) out = put(out, numbers[r * column.stride]);
  return out;
}

/// Takes values off the front of bytes; once they do not suffice, ok() is false and all are zero.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    T value{};
    if (const std::string_view bytes = take(sizeof value); !bytes.empty())
      std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view take(size_t bytes) {
    if (bytes > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::unexpected<Error> bad(std::string_view why) {
  return data_error("log.bad_record", fmt::format("a record of the prediction log {}", why));
}

std::string_view name_of(ValueKind kind) {
  return kind == ValueKind::Number ? "number" : kind == ValueKind::Text ? "text" : "truth";
}

std::string_view word_of(LogColumn::Of of) {
  return of == LogColumn::Of::Feature ? "feature" : of == LogColumn::Of::Answer ? "answer" : "key";
}

LogColumn::Of of_named(std::string_view word) {
  return word == "answer" ? LogColumn::Of::Answer
         : word == "key"  ? LogColumn::Of::Key
                          : LogColumn::Of::Feature;
}

std::optional<ValueKind> kind_named(std::string_view name) {
  for (const ValueKind kind : {ValueKind::Number, ValueKind::Text, ValueKind::Truth})
    if (name_of(kind) == name) return kind;
  return std::nullopt;
}

}  // namespace

size_t encoded_size(const PredictionView& view, RowRange range) {
  size_t bytes = kHeadBytes;
  for (const std::string_view text : {view.prediction_id, view.request_id, view.role, view.error})
    bytes += cut(text, kMaxIdBytes).size();
  for (const ColumnView& column : view.columns)
    bytes += kColumnHeadBytes +
             (column.text_at == nullptr ? range.rows * sizeof(double) : texts_size(column, range));
  return bytes;
}

char* encode(const PredictionView& view, RowRange range, uint32_t schema, char* out) {
  const std::string_view prediction_id = cut(view.prediction_id, kMaxIdBytes),
                         request_id = cut(view.request_id, kMaxIdBytes), role = cut(view.role, kMaxIdBytes),
                         error = cut(view.error, kMaxIdBytes);
  out = put(out, RecordKind::Prediction);
  for (const std::string_view text : {prediction_id, request_id, role, error})
    out = put(out, static_cast<uint8_t>(text.size()));
  out = put(out, uint8_t{0});
  out = put(out, static_cast<uint16_t>(view.status));
  out = put(out, static_cast<uint32_t>(view.columns.size()));
  out = put(out, schema);
  out = put(out, static_cast<uint32_t>(view.first_row + range.first));
  out = put(out, static_cast<uint32_t>(range.rows));
  out = put(out, view.at.micros);
  out = put(out, view.latency.micros);
  for (const std::string_view text : {prediction_id, request_id, role, error}) out = put(out, text);
  for (const ColumnView& column : view.columns) {
    out = put(out, column.column);
    out = put(out, column.text_at == nullptr ? ValueKind::Number : ValueKind::Text);
    out = column.text_at == nullptr ? put_numbers(out, column, range) : put_texts(out, column, range);
  }
  return out;
}

std::string encode(const LogSchema& schema) {
  Json columns = Json::array();
  for (const LogColumn& column : schema.columns)
    columns.push_back({column.name, name_of(column.kind), word_of(column.of)});
  const Json json{{"id", schema.id},
                  {"model", schema.model},
                  {"version", schema.version},
                  {"columns", std::move(columns)}};
  std::string out(1, static_cast<char>(RecordKind::Schema));
  return out += to_text(json);
}

Result<RecordKind> kind_of(std::string_view record) {
  if (record.size() > kMaxRecordBytes) return bad("is too large");
  const auto kind = Cursor(record).take<uint8_t>();
  if (kind != 1 && kind != 2) return bad("is of no kind that is known");
  return static_cast<RecordKind>(kind);
}

Result<LogSchema> decode_schema(std::string_view record) {
  const auto json = parse_json(record.substr(std::min<size_t>(1, record.size())));
  const auto text = [](const Json& value) { return value.is_string() ? value.get<std::string>() : ""; };
  if (!json || !json->is_object() || !json->contains("columns") || !(*json)["columns"].is_array())
    return bad("that names columns is no JSON of them");
  LogSchema schema;
  const Json id = json->value("id", Json()), version = json->value("version", Json());
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= std::numeric_limits<uint32_t>::max() ||
      !version.is_number_unsigned() || version.get<uint64_t>() > 1'000'000'000)
    return bad("that names columns has no id or no version");
  schema.id = id.get<uint32_t>();
  schema.version = version.get<int>();
  schema.model = text(json->value("model", Json()));
  for (const Json& column : (*json)["columns"]) {
    const bool is_three = column.is_array() && column.size() == 3;
    const auto kind = is_three ? kind_named(text(column[1])) : std::nullopt;
    if (!kind || !column[0].is_string()) return bad("that names columns has one that is none");
    schema.columns.push_back({text(column[0]), *kind, of_named(text(column[2]))});
  }
  if (schema.columns.size() > kMaxLoggedColumns) return bad("names too many columns");
  return schema;
}

Result<StoredPrediction> decode_prediction(std::string_view record) {
  StoredPrediction out;
  TM_CHECK(decode_prediction(record, out));
  return out;
}

Result<PredictionHead> head_of_prediction(std::string_view record) {
  if (record.size() < kHeadBytes || record[0] != static_cast<char>(RecordKind::Prediction))
    return bad("is no prediction");
  Cursor cursor(record.substr(kSchemaAt));
  PredictionHead head{cursor.take<uint32_t>()};
  cursor.take<uint32_t>();  // the first row
  head.rows = cursor.take<uint32_t>();
  if (head.rows == 0) return bad("has no rows");
  return head;
}

Result<void> decode_prediction(std::string_view record, StoredPrediction& out) {
  if (record.size() > kMaxRecordBytes) return bad("is too large");
  Cursor cursor(record);
  if (cursor.take<uint8_t>() != static_cast<uint8_t>(RecordKind::Prediction))
    return bad("is of another kind");
  std::array<uint8_t, 4> lengths{};
  for (uint8_t& length : lengths) length = cursor.take<uint8_t>();
  cursor.take<uint8_t>();
  out.status = cursor.take<uint16_t>();
  const auto columns = cursor.take<uint32_t>();
  out.schema = cursor.take<uint32_t>();
  out.first_row = cursor.take<uint32_t>();
  out.rows = cursor.take<uint32_t>();
  out.at.micros = cursor.take<int64_t>();
  out.latency.micros = cursor.take<int64_t>();
  out.prediction_id = cursor.take(lengths[0]);
  out.request_id = cursor.take(lengths[1]);
  out.role = cursor.take(lengths[2]);
  out.error = cursor.take(lengths[3]);
  if (!cursor.ok()) return bad("ends too early");
  out.head = record.substr(0, record.size() - cursor.rest().size());
  // A row without a column takes no byte: there is but one, an error's.
  if (out.rows == 0 || (columns == 0 && out.rows > 1) || columns > kMaxLoggedColumns)
    return bad("has more rows or columns than there can be");
  out.columns.clear();
  out.columns.reserve(std::min<size_t>(columns, cursor.rest().size() / kColumnHeadBytes));
  for (uint32_t i = 0; i < columns; ++i) {
    const std::string_view before = cursor.rest();
    StoredColumn column;
    column.column = cursor.take<uint32_t>();
    const auto kind = cursor.take<uint8_t>();
    if (kind != static_cast<uint8_t>(ValueKind::Number) && kind != static_cast<uint8_t>(ValueKind::Text))
      return bad("has a column of no kind that is known");
    column.kind = static_cast<ValueKind>(kind);
    if (column.kind == ValueKind::Number) {
      cursor.take(out.rows * sizeof(double));
    } else {
      for (size_t r = 0; r < out.rows && cursor.ok(); ++r) {
        const auto length = cursor.take<uint32_t>();
        if (length != kMissingText) cursor.take(length);
      }
    }
    if (!cursor.ok()) return bad("ends too early");
    column.block = before.substr(0, before.size() - cursor.rest().size());
    column.values = column.block.substr(kColumnHeadBytes);
    out.columns.push_back(column);
  }
  if (!cursor.rest().empty()) return bad("is longer than what it says");
  return {};
}

double StoredColumn::number(size_t row) const {
  double value;
  std::memcpy(&value, values.data() + row * sizeof value, sizeof value);
  return value;
}

std::optional<std::string_view> TextReader::next() {
  Cursor cursor(rest_);
  const auto length = cursor.take<uint32_t>();
  if (!cursor.ok() || length == kMissingText) {
    rest_ = cursor.rest();
    return std::nullopt;
  }
  const std::string_view text = cursor.take(length);
  rest_ = cursor.rest();
  return text;
}

ColumnWriter::ColumnWriter(uint32_t column, ValueKind kind, std::string& out) : out_(out) {
  append(out_, column);
  append(out_, kind);
}
void ColumnWriter::add(double number) { append(out_, number); }
void ColumnWriter::add(std::optional<std::string_view> text) {
  append(out_, text ? static_cast<uint32_t>(text->size()) : kMissingText);
  if (text) out_ += *text;
}

void append_head(const StoredPrediction& prediction, uint32_t columns, std::string& out) {
  const size_t begin = out.size();
  out += prediction.head;
  std::memcpy(out.data() + begin + kColumnsAt, &columns, sizeof columns);
}

}  // namespace tidemill::monitoring
