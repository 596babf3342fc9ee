// Rules on single rows as SQL conditions, and rules on the whole table that are aggregates: all of them fit
// into one scan.
#pragma once

#include <string>
#include <vector>

#include "quality/quality.hpp"

namespace tidemill::quality {

/// not_null, accepted_values, range, regex, length, expression: TRUE where a row fails, else FALSE or NULL.
bool is_row_rule(const project::Check& check);
Result<std::string> failing_condition(const project::Check& check,
                                      const std::vector<engine::Column>& columns);

/// "(where) AND (condition)"; either may be empty.
std::string both(const std::string& where, const std::string& condition);
/// " WHERE (…)" or nothing.
std::string where_clause(const std::string& condition);

bool is_number_type(const std::string& type);
bool is_float_type(const std::string& type);
bool is_time_type(const std::string& type);

/// How many rows are judged, and how many of them fail: two aggregates. not_null needs no comparison at all.
std::string count_judged(const project::Check& check);
std::string count_failing(const project::Check& check, const std::string& condition);

/// A JSON value as an SQL literal of the column's type.
std::string literal(const Json& value, const engine::Column& column);

}  // namespace tidemill::quality
