// Which columns of a table are features, and their values out of SQL: engine/column_reading.hpp says how each
// is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/column_reading.hpp"
#include "engine/database.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"

namespace tidemill::training {

using Kind = engine::ColumnKind;
using engine::expression;
using engine::is_number;
using engine::kind_of;
using engine::Reading;
using engine::reading_of;

/// What `types` says of a column, in whatever case it is written there; null: nothing.
const std::string* declared_type(const project::Model& model, std::string_view column);

/// " WHERE (…)" of the rows to train and judge on; empty: all.
std::string where_clause(const project::Model& model);

/// The text of a key or group that a split hashes. As DuckDB casts it, but for an instant: its cast is in the
/// session's time zone, and rows would change sides with it, so it is written in UTC.
std::string split_text(const engine::Column& column);

/// Reads the features of a package out of chunks whose columns [first, first + features) are expressions() of
/// them.
class FeatureReader {
 public:
  /// Errors: training.missing_column with the nearest name; training.feature_type.
  static Result<FeatureReader> make(const forest::Predictor& predictor,
                                    const std::vector<engine::Column>& columns);
  const std::vector<std::string>& expressions() const { return expressions_; }
  /// row: one number a feature.
  void read(const engine::Chunk& chunk, size_t first, size_t row, double* out,
            forest::InputCounts& counts) const;

 private:
  const forest::Predictor* predictor_ = nullptr;
  std::vector<Reading> readings_;
  std::vector<std::string> expressions_;
};

}  // namespace tidemill::training
