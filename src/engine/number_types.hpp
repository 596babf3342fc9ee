// Which of DuckDB's type names are numbers. Types that hold others ("INTEGER[]") are none.
#pragma once

#include <string_view>

namespace tidemill::engine {

bool is_integer_type(std::string_view type);
/// FLOAT and DOUBLE: the ones that know NaN and infinity.
bool is_float_type(std::string_view type);
bool is_decimal_type(std::string_view type);
/// Any of the three.
bool is_number_type(std::string_view type);

/// Whether a text, blanks around it aside, is written as a number, be it one beyond the doubles.
bool is_written_as_number(std::string_view text);

}  // namespace tidemill::engine
