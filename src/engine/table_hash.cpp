// DuckDB hashes a row to 64 bits by multiplying and xoring, so plain sums of such hashes would hardly notice
// two rows that swap a value: each row hash passes two different finalizers first.
#include "engine/table_hash.hpp"

#include <random>

#include <fmt/format.h>

#include "base/mix.hpp"
#include "base/sha256.hpp"

namespace tidemill::engine {

namespace {

// Distances of the two finalizers' inputs: digits of pi and of e.
constexpr uint64_t kFirstSalt = 0x243F6A8885A308D3U;
constexpr uint64_t kSecondSalt = 0xB7E151628AED2A6AU;

void add_rows(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  auto* sums = static_cast<HashSums*>(duckdb_scalar_function_get_extra_info(info));
  const idx_t rows = duckdb_data_chunk_get_size(input);
  const auto* tickets =
      static_cast<const uint64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 0)));
  const auto* hashes =
      static_cast<const uint64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(input, 1)));
  auto* passes = static_cast<bool*>(duckdb_vector_get_data(output));
  if (rows == 0) return;
  RowSums chunk{.rows = rows};
  for (idx_t i = 0; i < rows; ++i) {
    chunk.first += mix(hashes[i] + kFirstSalt);
    chunk.second += mix(mix(hashes[i] ^ kSecondSalt));
    passes[i] = true;
  }
  sums->add(tickets[0], chunk);
}

bool is_nested(std::string_view type) {
  return type.ends_with(']') || type.starts_with("STRUCT(") || type.starts_with("MAP(");
}

}  // namespace

uint64_t HashSums::begin() {
  const std::scoped_lock lock(mutex_);
  std::random_device random;
  uint64_t ticket = 0;
  do ticket = (uint64_t{random()} << 32) | random();
  while (!sums_.try_emplace(ticket).second);
  return ticket;
}

void HashSums::add(uint64_t ticket, const RowSums& sums) {
  const std::scoped_lock lock(mutex_);
  const auto found = sums_.find(ticket);
  if (found == sums_.end()) return;
  found->second.rows += sums.rows;
  found->second.first += sums.first;
  found->second.second += sums.second;
}

RowSums HashSums::end(uint64_t ticket) {
  const std::scoped_lock lock(mutex_);
  const auto found = sums_.find(ticket);
  if (found == sums_.end()) return {};
  const RowSums sums = found->second;
  sums_.erase(found);
  return sums;
}

Result<void> register_row_function(duckdb_connection connection, HashSums& sums) {
  const ScalarFunction function(duckdb_create_scalar_function());
  const LogicalType ubigint(duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT));
  const LogicalType boolean(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
  duckdb_scalar_function_set_name(function.get(), "tidemill_row");
  duckdb_scalar_function_add_parameter(function.get(), ubigint.get());
  duckdb_scalar_function_add_parameter(function.get(), ubigint.get());
  duckdb_scalar_function_set_return_type(function.get(), boolean.get());
  duckdb_scalar_function_set_volatile(function.get());  // else it would be folded, or run for fewer rows
  duckdb_scalar_function_set_extra_info(function.get(), &sums, nullptr);
  duckdb_scalar_function_set_function(function.get(), add_rows);
  if (duckdb_register_scalar_function(connection, function.get()) != DuckDBSuccess)
    return internal_error("engine.setup", "DuckDB refused the function tidemill_row");
  return {};
}

std::string row_hash_expression(const std::vector<Column>& columns) {
  std::string arguments;
  for (const Column& column : columns) {
    const std::string name = quote_name(column.name);
    if (!arguments.empty()) arguments += ", ";
    arguments += is_nested(column.type)      ? fmt::format("tidemill_nested({})", name)
                 : column.type == "INTERVAL" ? fmt::format("CAST({} AS VARCHAR)", name)
                                             : name;
  }
  return fmt::format("hash({})", arguments);
}

std::string logical_hash(const std::vector<Column>& columns, const RowSums& sums) {
  std::string text = "tidemill table hash 2\n";
  for (const Column& column : columns)
    text += fmt::format("{}:{}{}:{}\n", column.name.size(), column.name, column.type.size(), column.type);
  text += fmt::format("{} {:016x} {:016x}", sums.rows, sums.first, sums.second);
  return sha256(text).substr(0, 32);
}

}  // namespace tidemill::engine
