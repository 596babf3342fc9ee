// The logical hash of a table: schema, number of rows, and two independent 64-bit sums over its rows' hashes
// modulo 2^64. Sums don't depend on the order of rows, and count duplicates. Computed where rows pass by, in
// the query that writes them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/database.hpp"
#include "engine/handles.hpp"

namespace tidemill::engine {

struct RowSums {
  uint64_t rows = 0;
  uint64_t first = 0;
  uint64_t second = 0;
};

/// The sums of queries that are running, by a ticket that stands in their SQL. Thread-safe.
class HashSums {
 public:
  uint64_t begin();
  void add(uint64_t ticket, const RowSums& sums);
  RowSums end(uint64_t ticket);

 private:
  std::mutex mutex_;
  std::map<uint64_t, RowSums> sums_;
};

/// Registers tidemill_row(ticket UBIGINT, row hash UBIGINT) → BOOLEAN, always true, which adds to `sums`.
Result<void> register_row_function(duckdb_connection connection, HashSums& sums);

/// DuckDB's hash() over columns of these stored types. Lists, structs and maps have a hash of ours
/// (engine/nested_hash.hpp), intervals that of their text: DuckDB takes a month for thirty days. -0.0 hashes
/// as 0.0, all NaN alike.
std::string row_hash_expression(const std::vector<Column>& columns);

/// 32 hexadecimal digits over schema and sums.
std::string logical_hash(const std::vector<Column>& columns, const RowSums& sums);

}  // namespace tidemill::engine
