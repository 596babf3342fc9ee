// One record of the prediction log: what there is to say of the predictions of a request, as bytes
// (docs/formats/prediction-log.md). Encoding copies each value once and allocates nothing; decoding trusts no
// byte.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxRecordBytes = size_t{512} << 10;
inline constexpr size_t kSchemaAt = 12;                // where a prediction has the id of its schema
inline constexpr size_t kMaxRecordValues = 1'000'000;  // rows × columns of the version, also those not there
inline constexpr size_t kMaxIdBytes = 200;           // of an id, a role, an error's code: longer ones are cut
inline constexpr size_t kMaxTextBytes = 1024;        // of a text value: longer ones are cut
inline constexpr size_t kMaxLoggedColumns = 10'000;  // their names fit into a record, too

enum class ValueKind : uint8_t { Number = 1, Text = 2, Truth = 3 };

struct LogColumn {
  enum class Of { Feature, Answer, Key };  // Key: which row of the caller's it was, a text
  std::string name;
  ValueKind kind = ValueKind::Number;
  Of of = Of::Feature;
  bool operator==(const LogColumn&) const = default;
};

/// The columns that records of one version have; a record names its schema by the id.
struct LogSchema {
  uint32_t id = 0;
  std::string model;
  int version = 0;
  std::vector<LogColumn> columns;
  bool operator==(const LogSchema&) const = default;
};

/// Values of one column, where they are: number r is numbers[r × stride] (NaN: missing; a truth is 1 or 0),
/// text r is text_at(texts, first + r × stride).
struct ColumnView {
  using TextAt = std::optional<std::string_view> (*)(const void* texts, size_t i);
  uint32_t column = 0;  // of the schema
  const double* numbers = nullptr;
  TextAt text_at = nullptr;  // null: numbers
  const void* texts = nullptr;
  size_t first = 0;
  size_t stride = 1;
};

/// The predictions of one request; owns nothing. Columns in any order, each at most once; those that are not
/// there are missing.
struct PredictionView {
  std::string_view prediction_id, request_id, role, error;
  Instant at;
  Duration latency;
  int status = 200;
  size_t rows = 0;
  std::span<const ColumnView> columns;
  size_t first_row = 0;  // of the columns' row 0, in the whole prediction
};

/// Rows [first, first + rows) of a prediction.
struct RowRange {
  size_t first = 0, rows = 0;
};
/// What encode() writes, in bytes.
size_t encoded_size(const PredictionView& view, RowRange range);
/// Writes the record and returns the end of it. The schema is named, not looked at.
char* encode(const PredictionView& view, RowRange range, uint32_t schema, char* out);
/// The first record for a schema.
std::string encode(const LogSchema& schema);

/// A column of a record that was read; points into its bytes.
struct StoredColumn {
  uint32_t column = 0;
  ValueKind kind = ValueKind::Number;
  std::string_view block;   // index, kind and values, as they lie there
  std::string_view values;  // numbers: 8 bytes each; texts: lengths and bytes
  double number(size_t row) const;
};
struct StoredPrediction {
  std::string_view prediction_id, request_id, role, error;
  Instant at;
  Duration latency;
  int status = 0;
  uint32_t schema = 0;
  size_t first_row = 0, rows = 0;
  std::string_view head;  // all before the columns
  std::vector<StoredColumn> columns;
};

enum class RecordKind : uint8_t { Schema = 1, Prediction = 2 };
/// Error log.bad_record.
Result<RecordKind> kind_of(std::string_view record);
/// Error log.bad_record: not what encode() makes, or past a limit.
Result<LogSchema> decode_schema(std::string_view record);
/// The same. What is good is good to the last byte.
Result<StoredPrediction> decode_prediction(std::string_view record);
/// Into one that is used again and keeps its memory; after an error nothing of it counts.
Result<void> decode_prediction(std::string_view record, StoredPrediction& out);
/// What the head alone says. Error log.bad_record: it is no head of a prediction.
struct PredictionHead {
  uint32_t schema = 0;
  size_t rows = 0;  // at least 1
};
Result<PredictionHead> head_of_prediction(std::string_view record);

/// The texts of a column one by one.
class TextReader {
 public:
  explicit TextReader(std::string_view values) : rest_(values) {}
  /// Nothing: missing. Only as often as the column has rows.
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
};

/// A column that is written anew: what the rules leave of one that was recorded.
class ColumnWriter {
 public:
  ColumnWriter(uint32_t column, ValueKind kind, std::string& out);
  void add(double number);
  void add(std::optional<std::string_view> text);

 private:
  std::string& out_;
};

/// The record's head with another number of columns: what rules drop is not there.
void append_head(const StoredPrediction& prediction, uint32_t columns, std::string& out);

}  // namespace tidemill::monitoring
