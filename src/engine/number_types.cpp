#include "engine/number_types.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidemill::engine {

bool is_integer_type(std::string_view type) {
  static constexpr std::array<std::string_view, 10> kIntegers{"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                                              "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                                              "UBIGINT", "UHUGEINT"};
  return std::ranges::find(kIntegers, type) != kIntegers.end();
}

bool is_float_type(std::string_view type) { return type == "FLOAT" || type == "DOUBLE"; }

bool is_decimal_type(std::string_view type) { return type.starts_with("DECIMAL") && !type.ends_with(']'); }

bool is_number_type(std::string_view type) {
  return is_integer_type(type) || is_float_type(type) || is_decimal_type(type);
}

bool is_written_as_number(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return end == text.data() + text.size() && failed != std::errc::invalid_argument;
}

}  // namespace tidemill::engine
