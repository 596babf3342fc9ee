// The rows of a request, typed as the columns of its source. Strict: a column that is absent is missing, one
// that is unknown or of another type is an error that names row and column.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "serving/request_schema.hpp"

namespace tidemill::serving {

struct RequestRows {
  size_t rows = 0;
  std::vector<engine::GivenValues> columns;  // of the schema, in its order
  std::vector<std::string> keys;             // of each row, as members of a JSON object: "\"id\":7"
  /// These rows in this order, each maybe more than once.
  RequestRows pick(const std::vector<size_t>& chosen) const;
  /// Rows of the same schema behind these.
  void add(const RequestRows& more);
};

/// Takes values row by row, each for a column that find() gave.
class RowsBuilder {
 public:
  /// The schema must outlive it.
  explicit RowsBuilder(const RequestSchema& schema);
  /// Errors: infer.too_many_rows, infer.too_large.
  Result<void> begin_row();
  /// Errors: predict.unknown_column, predict.given_twice.
  Result<size_t> find(std::string_view name);
  /// A value as JSON has it. Error predict.type; token is the number as it was written.
  Result<void> boolean(size_t column, bool value);
  Result<void> whole(size_t column, int64_t value, std::string_view token);
  Result<void> real(size_t column, double value, std::string_view token);
  Result<void> text(size_t column, std::string_view value);
  Result<void> nested(size_t column, std::string_view json);
  /// A value of any type in plain text, as CSV has it. Error predict.type.
  Result<void> plain(size_t column, std::string_view text);
  /// Errors: predict.key_missing, predict.key_twice, predict.time_missing.
  Result<void> end_row();
  size_t row() const { return rows_.rows; }  // from 1, of the row begun
  /// Error predict.no_rows.
  Result<RequestRows> finish();

 private:
  std::unexpected<Error> wrong(size_t column, std::string_view seen) const;
  void put_whole(size_t column, int64_t value);
  void put_real(size_t column, double value);
  void put_text(size_t column, std::string_view value);

  const RequestSchema& schema_;
  RequestRows rows_;
  std::vector<size_t> set_in_;  // column → the last row that gave it
  std::unordered_map<std::string, size_t> rows_by_key_;
};

/// One record (an object), or a list of them. Errors: predict.*, json.invalid.
Result<RequestRows> rows_from_json(const RequestSchema& schema, std::string_view body);
/// RFC 4180, with a line of names first. An empty field is missing, a quoted empty one an empty text. Errors:
/// predict.*, csv.*.
Result<RequestRows> rows_from_csv(const RequestSchema& schema, std::string_view body);

}  // namespace tidemill::serving
