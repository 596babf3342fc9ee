#include "engine/given_rows.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/connection_impl.hpp"

namespace tidemill::engine {

struct GivenRows::Offer {
  std::vector<GivenColumn> columns;
  GivenPiece piece;
  std::function<GivenPiece()> next;  // empty: the piece is all
};

namespace {

constexpr const char* kFunction = "tidemill_given";
constexpr size_t kChunkRows = 2048;  // DuckDB's

using Offer = std::shared_ptr<GivenRows::Offer>;

duckdb_type type_of(GivenKind kind) {
  switch (kind) {
    case GivenKind::Boolean:
      return DUCKDB_TYPE_BOOLEAN;
    case GivenKind::Integer:
      return DUCKDB_TYPE_BIGINT;
    case GivenKind::Real:
      return DUCKDB_TYPE_DOUBLE;
    case GivenKind::Text:
      return DUCKDB_TYPE_VARCHAR;
    case GivenKind::Date:
      return DUCKDB_TYPE_DATE;
    case GivenKind::Timestamp:
      return DUCKDB_TYPE_TIMESTAMP;
    case GivenKind::TimestampTz:
      return DUCKDB_TYPE_TIMESTAMP_TZ;
  }
  return DUCKDB_TYPE_INVALID;
}

void bind(duckdb_bind_info info) {
  auto* offers = static_cast<GivenRows::Offers*>(duckdb_bind_get_extra_info(info));
  const DuckdbValue parameter(duckdb_bind_get_parameter(info, 0));
  Offer offer;
  {
    const std::lock_guard lock(offers->mutex);
    const auto found = offers->by_number.find(duckdb_get_int64(parameter.get()));
    if (found != offers->by_number.end()) offer = found->second.lock();
  }
  if (!offer) {
    duckdb_bind_set_error(info, "no such rows are given");
    return;
  }
  for (const GivenColumn& column : offer->columns) {
    const LogicalType type(duckdb_create_logical_type(type_of(column.kind)));
    duckdb_bind_add_result_column(info, column.name.c_str(), type.get());
  }
  // Few unless more are given already: joins then hash these rows and not the tables they look up.
  duckdb_bind_set_cardinality(info, std::max<size_t>(offer->piece.rows, 1), /*is_exact=*/false);
  duckdb_bind_set_bind_data(info, new Offer(std::move(offer)),
                            [](void* data) { delete static_cast<Offer*>(data); });
}

void start(duckdb_init_info info) {
  duckdb_init_set_init_data(info, new size_t(0), [](void* data) { delete static_cast<size_t*>(data); });
}

template <class T>
void copy_wholes(const GivenValues& from, size_t first, size_t count, duckdb_vector to) {
  auto* out = static_cast<T*>(duckdb_vector_get_data(to));
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(from.wholes[first + i]);
}

void copy(GivenKind kind, const GivenValues& from, size_t first, size_t count, duckdb_vector to) {
  switch (kind) {
    case GivenKind::Boolean:
      copy_wholes<bool>(from, first, count, to);
      break;
    case GivenKind::Real:
      std::copy_n(from.reals.begin() + static_cast<ptrdiff_t>(first), count,
                  static_cast<double*>(duckdb_vector_get_data(to)));
      break;
    case GivenKind::Text:
      for (size_t i = 0; i < count; ++i)
        if (const std::string& text = from.texts[first + i]; from.missing[first + i] == 0)
          duckdb_vector_assign_string_element_len(to, i, text.data(), text.size());
      break;
    case GivenKind::Date:
      copy_wholes<int32_t>(from, first, count, to);
      break;
    case GivenKind::Integer:
    case GivenKind::Timestamp:
    case GivenKind::TimestampTz:
      copy_wholes<int64_t>(from, first, count, to);
      break;
  }
  const auto missing = from.missing.begin() + static_cast<ptrdiff_t>(first);
  if (std::find(missing, missing + static_cast<ptrdiff_t>(count), 1) ==
      missing + static_cast<ptrdiff_t>(count))
    return;
  duckdb_vector_ensure_validity_writable(to);
  uint64_t* validity = duckdb_vector_get_validity(to);
  for (size_t i = 0; i < count; ++i)
    if (from.missing[first + i] != 0) duckdb_validity_set_row_invalid(validity, i);
}

void fill(duckdb_function_info info, duckdb_data_chunk output) {
  GivenRows::Offer& offer = **static_cast<Offer*>(duckdb_function_get_bind_data(info));
  size_t& done = *static_cast<size_t*>(duckdb_function_get_init_data(info));
  if (offer.next && done >= offer.piece.rows) {
    offer.piece = offer.next();
    done = 0;
  }
  const auto& [values, rows] = offer.piece;
  const size_t count = std::min(kChunkRows, rows - std::min(done, rows));
  for (size_t c = 0; c < offer.columns.size() && count > 0; ++c)
    copy(offer.columns[c].kind, values[c], done, count, duckdb_data_chunk_get_vector(output, c));
  done += count;
  duckdb_data_chunk_set_size(output, count);
}

Result<void> register_function(duckdb_connection connection, GivenRows::Offers& offers) {
  const TableFunction function(duckdb_create_table_function());
  const LogicalType bigint(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  duckdb_table_function_set_name(function.get(), kFunction);
  duckdb_table_function_add_parameter(function.get(), bigint.get());
  duckdb_table_function_set_extra_info(function.get(), &offers, nullptr);
  duckdb_table_function_set_bind(function.get(), bind);
  duckdb_table_function_set_init(function.get(), start);
  duckdb_table_function_set_function(function.get(), fill);
  if (duckdb_register_table_function(connection, function.get()) != DuckDBSuccess)
    return internal_error("engine.setup", "DuckDB refused the function that reads given rows");
  return {};
}

}  // namespace

Result<GivenRows> GivenRows::offer(Connection& connection, std::vector<GivenColumn> columns) {
  Offers& offers = connection.impl()->instance->offers;
  auto offer = std::make_shared<Offer>();
  offer->columns = std::move(columns);
  const std::lock_guard lock(offers.mutex);
  if (offers.last_number == 0) TM_CHECK(register_function(connection.impl()->raw, offers));
  std::erase_if(offers.by_number, [](const auto& one) { return one.second.expired(); });
  offers.by_number.emplace(++offers.last_number, offer);
  return GivenRows(std::move(offer), fmt::format("{}({})", kFunction, offers.last_number));
}

GivenRows::~GivenRows() {
  if (offer_) give({}, 0);
}

void GivenRows::give(std::span<const GivenValues> values, size_t rows) {
  offer_->piece = {values, rows};
  offer_->next = nullptr;
}

void GivenRows::stream(std::function<GivenPiece()> next) {
  offer_->piece = {};
  offer_->next = std::move(next);
}

}  // namespace tidemill::engine
