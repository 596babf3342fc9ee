// Cells and chunks of results as plain values.
#pragma once

#include "engine/database.hpp"
#include "engine/handles.hpp"

namespace tidemill::engine {

/// A Chunk over one of DuckDB's; types are the columns' storage ids.
class ChunkView final : public Chunk {
 public:
  ChunkView(duckdb_data_chunk chunk, const std::vector<duckdb_type>& types);
  size_t rows() const override { return rows_; }
  size_t columns() const override { return vectors_.size(); }
  bool is_null(size_t column, size_t row) const override;
  bool may_be_null(size_t column) const override { return vectors_.at(column).validity != nullptr; }
  const double* doubles(size_t column) const override;
  const int64_t* bigints(size_t column) const override;
  std::string_view varchar(size_t column, size_t row) const override;

 private:
  const void* data(size_t column, std::initializer_list<duckdb_type> allowed) const;
  struct Vector {
    void* data = nullptr;
    uint64_t* validity = nullptr;
    duckdb_type type = DUCKDB_TYPE_INVALID;
  };
  size_t rows_ = 0;
  std::vector<Vector> vectors_;
};

/// Whether read_cell can read the type; others are cast to VARCHAR in SQL first.
bool is_plain(duckdb_type type);
/// A cell of a vector of a plain type; `decimal_scale` for DECIMAL.
Value read_cell(duckdb_vector vector, duckdb_logical_type type, idx_t row);

}  // namespace tidemill::engine
