// Which columns of a table are features, and how each column is read from SQL: as a number, as a text, or as
// a number that becomes a text. Training, scoring and the gate read features through here, so that a value is
// the same number everywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"

namespace tidemill::training {

/// What DuckDB's type text stands for.
enum class Kind { Integer, Float, Decimal, Boolean, Text, Time, Other };
Kind kind_of(std::string_view sql_type);
bool is_number(Kind kind);

/// What `types` says of a column, in whatever case it is written there; null: nothing.
const std::string* declared_type(const project::Model& model, std::string_view column);

/// How a feature's values come out of SQL. Number: DOUBLE. Text: VARCHAR. NumberAsText: DOUBLE, then
/// forest::category_text.
enum class Reading { Number, Text, NumberAsText };
/// A text column read for a numeric feature stays text: the predictor reads the number in it.
Reading reading_of(Kind kind, bool category);
/// "CAST(x AS DOUBLE)" …
std::string expression(const std::string& column, Reading reading);
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
