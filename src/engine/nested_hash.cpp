// Walks vectors by type, a column of children at a time: what a list holds is hashed in one go for all lists
// of the chunk, and then folded list by list.
#include "engine/nested_hash.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "base/mix.hpp"
#include "engine/column_type.hpp"

namespace tidemill::engine {

namespace {

using Vector = Handle<duckdb_vector, duckdb_destroy_vector>;
void (*destroy_selection)(duckdb_selection_vector*) = [](duckdb_selection_vector* selection) {
  duckdb_destroy_selection_vector(*selection);
};
using Selection = Handle<duckdb_selection_vector, destroy_selection>;

// Where values of different kinds begin: digits of the square roots of 2, 3, 5 and 7.
constexpr uint64_t kNull = 0x6A09E667F3BCC908U;
constexpr uint64_t kStruct = 0xBB67AE8584CAA73BU;
constexpr uint64_t kList = 0x3C6EF372FE94F82BU;
constexpr uint64_t kText = 0xA54FF53A5F1D36F1U;

uint64_t fold(uint64_t hash, uint64_t next) { return mix(hash * 0x9E3779B97F4A7C15U + next); }

uint64_t hash_bytes(std::string_view bytes) {
  uint64_t hash = fold(kText, bytes.size());
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
    hash = fold(hash, word);
  }
  return hash;
}

template <class T>
uint64_t bits_of(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) value = std::numeric_limits<T>::quiet_NaN();
    value += T{0};  // -0.0 becomes 0.0
  }
  uint64_t bits = 0;
  static_assert(sizeof value <= sizeof bits);
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

using Hashes = std::vector<uint64_t>;

template <class T>
void hash_plain(duckdb_vector vector, Hashes& out) {
  const auto* values = static_cast<const T*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < out.size(); ++i) out[i] = mix(bits_of(values[i]));
}

struct TwoWords {
  uint64_t low, high;
};
template <>
void hash_plain<TwoWords>(duckdb_vector vector, Hashes& out) {
  const auto* values = static_cast<const TwoWords*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < out.size(); ++i) out[i] = fold(mix(values[i].low), values[i].high);
}

void hash_texts(duckdb_vector vector, Hashes& out) {
  auto* values = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  uint64_t* validity = duckdb_vector_get_validity(vector);
  for (size_t i = 0; i < out.size(); ++i)
    if (validity == nullptr || duckdb_validity_row_is_valid(validity, i))
      out[i] = hash_bytes(text_of(values[i]));
}

/// Hashes of the first out.size() values of a flat vector. False: a type that no table is stored with.
bool hash_values(duckdb_vector vector, duckdb_logical_type type, Hashes& out);

bool hash_structs(duckdb_vector vector, duckdb_logical_type type, Hashes& out) {
  std::fill(out.begin(), out.end(), kStruct);
  Hashes field(out.size());
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    const LogicalType child(duckdb_struct_type_child_type(type, i));
    if (!hash_values(duckdb_struct_vector_get_child(vector, i), child.get(), field)) return false;
    for (size_t row = 0; row < out.size(); ++row) out[row] = fold(out[row], field[row]);
  }
  return true;
}

bool hash_lists(duckdb_vector vector, Hashes& out) {
  const auto* entries = static_cast<const duckdb_list_entry*>(duckdb_vector_get_data(vector));
  uint64_t* validity = duckdb_vector_get_validity(vector);
  const duckdb_vector child = duckdb_list_vector_get_child(vector);
  const LogicalType type(duckdb_vector_get_column_type(child));  // a map's entries are structs
  Hashes elements(duckdb_list_vector_get_size(vector));
  if (!hash_values(child, type.get(), elements)) return false;
  for (size_t row = 0; row < out.size(); ++row) {
    if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) continue;
    uint64_t hash = fold(kList, entries[row].length);
    for (const uint64_t element : std::span(elements).subspan(entries[row].offset, entries[row].length))
      hash = fold(hash, element);
    out[row] = hash;
  }
  return true;
}

bool hash_plain_values(duckdb_vector vector, duckdb_type id, Hashes& out) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
      hash_plain<uint8_t>(vector, out);
      return true;
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_USMALLINT:
      hash_plain<uint16_t>(vector, out);
      return true;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_DATE:
      hash_plain<uint32_t>(vector, out);
      return true;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      hash_plain<uint64_t>(vector, out);
      return true;
    case DUCKDB_TYPE_FLOAT:
      hash_plain<float>(vector, out);
      return true;
    case DUCKDB_TYPE_DOUBLE:
      hash_plain<double>(vector, out);
      return true;
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_INTERVAL:  // months and days, then microseconds: a month is not thirty days
      hash_plain<TwoWords>(vector, out);
      return true;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
      hash_texts(vector, out);
      return true;
    case DUCKDB_TYPE_SQLNULL:  // of NULL alone, stored as INTEGER
      std::fill(out.begin(), out.end(), kNull);
      return true;
    default:
      return false;
  }
}

bool hash_values(duckdb_vector vector, duckdb_logical_type type, Hashes& out) {
  const duckdb_type id = duckdb_get_type_id(type);
  bool known = false;
  if (id == DUCKDB_TYPE_STRUCT)
    known = hash_structs(vector, type, out);
  else if (id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_MAP)
    known = hash_lists(vector, out);
  else
    known =
        hash_plain_values(vector, id == DUCKDB_TYPE_DECIMAL ? duckdb_decimal_internal_type(type) : id, out);
  uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity != nullptr)
    for (size_t row = 0; row < out.size(); ++row)
      if (!duckdb_validity_row_is_valid(validity, row)) out[row] = kNull;
  return known;
}

void hash_chunk(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t rows = duckdb_data_chunk_get_size(input);
  if (rows == 0) return;
  const duckdb_vector given = duckdb_data_chunk_get_vector(input, 0);
  const LogicalType type(duckdb_vector_get_column_type(given));
  // Children may be constants or dictionaries, which the C API does not tell; a copy is flat to the bottom,
  // and lists in it lie one after the other.
  const Vector flat(duckdb_create_vector(type.get(), rows));
  const Selection all(duckdb_create_selection_vector(rows));
  sel_t* places = duckdb_selection_vector_get_data_ptr(all.get());
  for (idx_t row = 0; row < rows; ++row) places[row] = static_cast<sel_t>(row);
  duckdb_vector_copy_sel(given, flat.get(), all.get(), rows, 0, 0);
  Hashes hashes(rows);
  if (!hash_values(flat.get(), type.get(), hashes)) {
    const std::string text = fmt::format("tidemill_nested() has no hash for {}", type_text(type.get()));
    duckdb_scalar_function_set_error(info, text.c_str());
    return;
  }
  std::memcpy(duckdb_vector_get_data(output), hashes.data(), rows * sizeof(uint64_t));
}

}  // namespace

Result<void> register_nested_function(duckdb_connection connection) {
  const ScalarFunction function(duckdb_create_scalar_function());
  const LogicalType any(duckdb_create_logical_type(DUCKDB_TYPE_ANY));
  const LogicalType ubigint(duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT));
  duckdb_scalar_function_set_name(function.get(), "tidemill_nested");
  duckdb_scalar_function_add_parameter(function.get(), any.get());
  duckdb_scalar_function_set_return_type(function.get(), ubigint.get());
  duckdb_scalar_function_set_special_handling(function.get());  // NULL has a hash too
  duckdb_scalar_function_set_function(function.get(), hash_chunk);
  if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess)
    return internal_error("engine.setup", "DuckDB refused the function tidemill_nested");
  return {};
}

}  // namespace tidemill::engine
