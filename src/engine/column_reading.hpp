// What a type stands for to a model, and how a column is read from SQL: as a number, as a text, or as a
// number that becomes a text. Training, scoring, the gate and requests read features through here, so that a
// value is the same number everywhere.
#pragma once

#include <string>
#include <string_view>

namespace tidemill::engine {

/// What DuckDB's type text stands for.
enum class ColumnKind { Integer, Float, Decimal, Boolean, Text, Time, Other };
ColumnKind kind_of(std::string_view sql_type);
bool is_number(ColumnKind kind);

/// How a feature's values come out of SQL. Number: DOUBLE. Text: VARCHAR. NumberAsText: DOUBLE, then
/// forest::category_text.
enum class Reading { Number, Text, NumberAsText };
/// A text column read for a numeric feature stays text: the predictor reads the number in it.
Reading reading_of(ColumnKind kind, bool category);
/// "CAST(x AS DOUBLE)" …
std::string expression(const std::string& column, Reading reading);

}  // namespace tidemill::engine
