// Reads DuckDB's vectors. A Chunk asked for a type the column does not have stops the program: no input can
// cause that, only our code.
#include "engine/cell.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

namespace tidemill::engine {

namespace {

template <class T>
const T& at(duckdb_vector vector, idx_t row) {
  return static_cast<const T*>(duckdb_vector_get_data(vector))[row];
}

template <class T>
Value integer(duckdb_vector vector, idx_t row) {
  return static_cast<int64_t>(at<T>(vector, row));
}

std::string text_of_value(duckdb_value value) {
  const DuckdbValue owned(value);
  return take_text(duckdb_get_varchar(owned.get()));
}

bool fits(duckdb_hugeint value) { return value.upper == (static_cast<int64_t>(value.lower) < 0 ? -1 : 0); }

Value read_decimal(duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  duckdb_decimal decimal{duckdb_decimal_width(type), duckdb_decimal_scale(type), {}};
  int64_t small = 0;
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      small = at<int16_t>(vector, row);
      break;
    case DUCKDB_TYPE_INTEGER:
      small = at<int32_t>(vector, row);
      break;
    case DUCKDB_TYPE_BIGINT:
      small = at<int64_t>(vector, row);
      break;
    default:
      decimal.value = at<duckdb_hugeint>(vector, row);
      return duckdb_decimal_to_double(decimal);
  }
  decimal.value = {static_cast<uint64_t>(small), small < 0 ? -1 : 0};
  return duckdb_decimal_to_double(decimal);
}

}  // namespace

ChunkView::ChunkView(duckdb_data_chunk chunk, const std::vector<duckdb_type>& types)
    : rows_(duckdb_data_chunk_get_size(chunk)), vectors_(types.size()) {
  for (size_t i = 0; i < types.size(); ++i) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
    vectors_[i] = {duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector), types[i]};
  }
}

bool ChunkView::is_null(size_t column, size_t row) const {
  uint64_t* validity = vectors_.at(column).validity;
  return validity && !duckdb_validity_row_is_valid(validity, row);
}

const void* ChunkView::data(size_t column, std::initializer_list<duckdb_type> allowed) const {
  const Vector& vector = vectors_.at(column);
  if (std::find(allowed.begin(), allowed.end(), vector.type) == allowed.end()) {
    std::fprintf(stderr,
                 "bug: column %zu of a result has type %d, which was not cast to the type it is read as\n",
                 column, static_cast<int>(vector.type));
    std::abort();
  }
  return vector.data;
}

const double* ChunkView::doubles(size_t column) const {
  return static_cast<const double*>(data(column, {DUCKDB_TYPE_DOUBLE}));
}
const int64_t* ChunkView::bigints(size_t column) const {
  return static_cast<const int64_t*>(
      data(column, {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_TZ}));
}
std::string_view ChunkView::varchar(size_t column, size_t row) const {
  auto* cells =
      static_cast<duckdb_string_t*>(const_cast<void*>(data(column, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BLOB})));
  return text_of(cells[row]);
}

bool is_plain(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_SQLNULL:
      return true;
    default:
      return false;
  }
}

Value read_cell(duckdb_vector vector, duckdb_logical_type type, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity && !duckdb_validity_row_is_valid(validity, row)) return std::monostate{};
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return at<bool>(vector, row);
    case DUCKDB_TYPE_TINYINT:
      return integer<int8_t>(vector, row);
    case DUCKDB_TYPE_SMALLINT:
      return integer<int16_t>(vector, row);
    case DUCKDB_TYPE_INTEGER:
      return integer<int32_t>(vector, row);
    case DUCKDB_TYPE_BIGINT:
      return integer<int64_t>(vector, row);
    case DUCKDB_TYPE_UTINYINT:
      return integer<uint8_t>(vector, row);
    case DUCKDB_TYPE_USMALLINT:
      return integer<uint16_t>(vector, row);
    case DUCKDB_TYPE_UINTEGER:
      return integer<uint32_t>(vector, row);
    case DUCKDB_TYPE_UBIGINT: {
      const uint64_t value = at<uint64_t>(vector, row);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return fmt::to_string(value);
      return static_cast<int64_t>(value);
    }
    case DUCKDB_TYPE_HUGEINT: {
      const duckdb_hugeint value = at<duckdb_hugeint>(vector, row);
      if (fits(value)) return static_cast<int64_t>(value.lower);
      return text_of_value(duckdb_create_hugeint(value));
    }
    case DUCKDB_TYPE_FLOAT:
      return static_cast<double>(at<float>(vector, row));
    case DUCKDB_TYPE_DOUBLE:
      return at<double>(vector, row);
    case DUCKDB_TYPE_DECIMAL:
      return read_decimal(vector, type, row);
    case DUCKDB_TYPE_VARCHAR: {
      auto cell = at<duckdb_string_t>(vector, row);
      return std::string(text_of(cell));
    }
    case DUCKDB_TYPE_DATE:
      return text_of_value(duckdb_create_date(at<duckdb_date>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP:
      return text_of_value(duckdb_create_timestamp(at<duckdb_timestamp>(vector, row)));
    case DUCKDB_TYPE_TIMESTAMP_TZ:  // as text in UTC, whatever the session's zone
      return text_of_value(duckdb_create_timestamp(at<duckdb_timestamp>(vector, row))) + "+00";
    default:
      return std::monostate{};
  }
}

std::string to_text(const Value& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "NULL"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(int64_t number) const { return fmt::to_string(number); }
    std::string operator()(double number) const {
      if (std::isnan(number)) return "nan";
      if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
      return fmt::format("{}", number);
    }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Visitor{}, value);
}

}  // namespace tidemill::engine
