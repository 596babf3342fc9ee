// The records of a segment as the columns of a table, whatever versions wrote them: what becomes its Parquet
// file.
#pragma once

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

/// One row a predicted row, in the order of the records: own_columns(), then the answers, then the features,
/// by name; what a version does not have is NULL, and so is NaN. A column that is a number to one version and
/// text to another is text. A feature that is called as a column before it gets `input_` before its name.
/// `segment`: its bytes; what lies behind the last whole record is not looked at. Errors: log.bad_segment,
/// log.bad_record.
Result<LogTable> table_of_segment(std::string_view segment);

}  // namespace tidemill::monitoring
