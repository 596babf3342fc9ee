#include "engine/number_types.hpp"

#include <algorithm>
#include <array>

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

}  // namespace tidemill::engine
