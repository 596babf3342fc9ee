#include "engine/column_reading.hpp"

#include <fmt/format.h>

#include "engine/database.hpp"
#include "engine/number_types.hpp"

namespace tidemill::engine {

ColumnKind kind_of(std::string_view type) {
  if (type.ends_with(']') || type.starts_with("STRUCT(") || type.starts_with("MAP(") ||
      type.starts_with("UNION("))
    return ColumnKind::Other;
  if (is_integer_type(type)) return ColumnKind::Integer;
  if (is_float_type(type)) return ColumnKind::Float;
  if (is_decimal_type(type)) return ColumnKind::Decimal;
  if (type == "BOOLEAN") return ColumnKind::Boolean;
  if (type == "VARCHAR" || type == "UUID" || type.starts_with("ENUM(")) return ColumnKind::Text;
  if (type.starts_with("TIMESTAMP") || type == "DATE") return ColumnKind::Time;
  return ColumnKind::Other;
}

bool is_number(ColumnKind kind) {
  return kind == ColumnKind::Integer || kind == ColumnKind::Float || kind == ColumnKind::Decimal;
}

Reading reading_of(ColumnKind kind, bool category) {
  if (kind == ColumnKind::Text) return Reading::Text;
  if (!category) return Reading::Number;
  return kind == ColumnKind::Float || kind == ColumnKind::Decimal ? Reading::NumberAsText : Reading::Text;
}

std::string expression(const std::string& column, Reading reading) {
  return fmt::format("CAST({} AS {})", quote_name(column), reading == Reading::Text ? "VARCHAR" : "DOUBLE");
}

}  // namespace tidemill::engine
