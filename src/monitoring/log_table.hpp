// The records of a segment as rows of a table, whatever versions wrote them: what becomes its Parquet file.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "engine/given_rows.hpp"

namespace tidemill::monitoring {

struct LogTable {
  std::vector<engine::GivenColumn> columns;
  std::vector<engine::GivenValues> values;  // one a column
  size_t rows = 0;
};

/// The columns that every log has, before the model's: prediction_id, request_id, row, time, model, version,
/// role, status, error (NULL: none), latency_us, key (NULL: none).
const std::vector<engine::GivenColumn>& own_columns();

/// The rows of a segment, some at a time. One row a predicted row, in the order of the records:
/// own_columns(), then the answers, then the features, by name; what a version does not have is NULL, and so
/// is NaN. A column that is a number to one version and text to another is text. A feature that is called as
/// a column before it gets `input_` before its name.
class SegmentRows {
 public:
  /// segment: its bytes, which stay the caller's; what lies behind the last whole record is not looked at.
  /// Looks at every record's head. Errors: log.bad_segment, log.bad_record.
  static Result<SegmentRows> open(std::string_view segment);
  SegmentRows(SegmentRows&&) noexcept;
  ~SegmentRows();
  const std::vector<engine::GivenColumn>& columns() const;
  size_t rows() const;
  /// Of the segment: behind them lies what a crash or a bad disk left, or nothing.
  size_t whole_bytes() const;
  /// Puts the next rows, those of some whole records, in the piece's place; false: there are no more. A piece
  /// that is used again keeps its memory. Errors: the same.
  Result<bool> next(LogTable& piece);

 private:
  struct Impl;
  explicit SegmentRows(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemill::monitoring
