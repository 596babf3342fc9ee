// Walks a logical type; nested types recurse. Held against typeof() and read_parquet() by tests.
#include "engine/column_type.hpp"

#include <fmt/format.h>

#include "engine/database.hpp"

namespace tidemill::engine {

namespace {

constexpr int kMaxTypeDepth = 64;

std::string simple_name(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
      return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT:
      return "TINYINT";
    case DUCKDB_TYPE_SMALLINT:
      return "SMALLINT";
    case DUCKDB_TYPE_INTEGER:
      return "INTEGER";
    case DUCKDB_TYPE_BIGINT:
      return "BIGINT";
    case DUCKDB_TYPE_UTINYINT:
      return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT:
      return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER:
      return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT:
      return "UBIGINT";
    case DUCKDB_TYPE_FLOAT:
      return "FLOAT";
    case DUCKDB_TYPE_DOUBLE:
      return "DOUBLE";
    case DUCKDB_TYPE_TIMESTAMP:
      return "TIMESTAMP";
    case DUCKDB_TYPE_DATE:
      return "DATE";
    case DUCKDB_TYPE_TIME:
      return "TIME";
    case DUCKDB_TYPE_INTERVAL:
      return "INTERVAL";
    case DUCKDB_TYPE_HUGEINT:
      return "HUGEINT";
    case DUCKDB_TYPE_UHUGEINT:
      return "UHUGEINT";
    case DUCKDB_TYPE_VARCHAR:
      return "VARCHAR";
    case DUCKDB_TYPE_BLOB:
      return "BLOB";
    case DUCKDB_TYPE_TIMESTAMP_S:
      return "TIMESTAMP_S";
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return "TIMESTAMP_MS";
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return "TIMESTAMP_NS";
    case DUCKDB_TYPE_UUID:
      return "UUID";
    case DUCKDB_TYPE_BIT:
      return "BIT";
    case DUCKDB_TYPE_TIME_TZ:
      return "TIME WITH TIME ZONE";
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return "TIMESTAMP WITH TIME ZONE";
    case DUCKDB_TYPE_BIGNUM:
      return "BIGNUM";
    case DUCKDB_TYPE_SQLNULL:
      return "INTEGER";  // what DESCRIBE says of SELECT NULL
    case DUCKDB_TYPE_TIME_NS:
      return "TIME_NS";
    default:
      return "";
  }
}

enum class Form { AsIs, Stored };
std::string render(duckdb_logical_type type, Form form, int depth);

std::string render_struct(duckdb_logical_type type, Form form, int depth) {
  std::string fields;
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    const LogicalType child(duckdb_struct_type_child_type(type, i));
    const std::string text = render(child.get(), form, depth + 1);
    if (text.empty()) return "";
    fields += fmt::format("{}{} {}", i ? ", " : "",
                          quote_if_needed(take_text(duckdb_struct_type_child_name(type, i))), text);
  }
  return fmt::format("STRUCT({})", fields);
}

std::string render_union(duckdb_logical_type type, int depth) {
  std::string members;
  for (idx_t i = 0; i < duckdb_union_type_member_count(type); ++i) {
    const LogicalType child(duckdb_union_type_member_type(type, i));
    members += fmt::format("{}{} {}", i ? ", " : "",
                           quote_if_needed(take_text(duckdb_union_type_member_name(type, i))),
                           render(child.get(), Form::AsIs, depth + 1));
  }
  return fmt::format("UNION({})", members);
}

std::string render_enum(duckdb_logical_type type) {
  std::string values;
  for (idx_t i = 0; i < duckdb_enum_dictionary_size(type); ++i)
    values += (i ? ", " : "") + quote_text(take_text(duckdb_enum_dictionary_value(type, i)));
  return fmt::format("ENUM({})", values);
}

std::string suffixed(const std::string& child, std::string_view suffix) {
  return child.empty() ? "" : child + std::string(suffix);
}

std::string render_stored(duckdb_type id, duckdb_logical_type type) {
  switch (id) {
    case DUCKDB_TYPE_HUGEINT:
      return "BIGINT";
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return "TIMESTAMP";
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BIGNUM:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_TIME_NS:
      return "VARCHAR";
    case DUCKDB_TYPE_UNION:
      return "";
    default:
      return simple_name(duckdb_get_type_id(type));
  }
}

std::string render(duckdb_logical_type type, Form form, int depth) {
  if (!type || depth > kMaxTypeDepth) return "";
  const duckdb_type id = duckdb_get_type_id(type);
  switch (id) {
    case DUCKDB_TYPE_DECIMAL:
      return fmt::format("DECIMAL({},{})", duckdb_decimal_width(type), duckdb_decimal_scale(type));
    case DUCKDB_TYPE_VARCHAR:
      if (const std::string alias = take_text(duckdb_logical_type_get_alias(type)); !alias.empty())
        return alias;
      return "VARCHAR";
    case DUCKDB_TYPE_STRUCT:
      return render_struct(type, form, depth);
    case DUCKDB_TYPE_LIST: {
      const LogicalType child(duckdb_list_type_child_type(type));
      return suffixed(render(child.get(), form, depth + 1), "[]");
    }
    case DUCKDB_TYPE_ARRAY: {
      const LogicalType child(duckdb_array_type_child_type(type));
      return suffixed(render(child.get(), form, depth + 1),
                      form == Form::Stored ? "[]" : fmt::format("[{}]", duckdb_array_type_array_size(type)));
    }
    case DUCKDB_TYPE_MAP: {
      const LogicalType key(duckdb_map_type_key_type(type));
      const LogicalType value(duckdb_map_type_value_type(type));
      const std::string key_text = render(key.get(), form, depth + 1);
      const std::string value_text = render(value.get(), form, depth + 1);
      return key_text.empty() || value_text.empty() ? "" : fmt::format("MAP({}, {})", key_text, value_text);
    }
    default:
      break;
  }
  if (form == Form::Stored) return render_stored(id, type);
  if (id == DUCKDB_TYPE_UNION) return render_union(type, depth);
  if (id == DUCKDB_TYPE_ENUM) return render_enum(type);
  return simple_name(id);
}

}  // namespace

std::string type_text(duckdb_logical_type type) { return render(type, Form::AsIs, 0); }

std::string stored_type(duckdb_logical_type type) { return render(type, Form::Stored, 0); }

}  // namespace tidemill::engine
