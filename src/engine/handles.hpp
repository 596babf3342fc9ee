// DuckDB's C handles with an owner each. Internal to this room.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "engine/duckdb_library.hpp"

namespace tidemill::engine {

/// Owns one handle; Destroy takes its address, as DuckDB's destroy functions do.
template <class T, void (*&Destroy)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T raw) : raw_(raw) {}
  Handle(Handle&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      raw_ = std::exchange(other.raw_, nullptr);
    }
    return *this;
  }
  ~Handle() { reset(); }
  T get() const { return raw_; }
  /// For functions that fill a handle in.
  T* out() {
    reset();
    return &raw_;
  }
  explicit operator bool() const { return raw_ != nullptr; }

 private:
  void reset() {
    if (raw_) Destroy(&raw_);
    raw_ = nullptr;
  }
  T raw_ = nullptr;
};

using Config = Handle<duckdb_config, duckdb_destroy_config>;
using Prepared = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using Extracted = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using Pending = Handle<duckdb_pending_result, duckdb_destroy_pending>;
using LogicalType = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using DataChunk = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using DuckdbValue = Handle<duckdb_value, duckdb_destroy_value>;
using ScalarFunction = Handle<duckdb_scalar_function, duckdb_destroy_scalar_function>;
using TableFunction = Handle<duckdb_table_function, duckdb_destroy_table_function>;

/// Takes a string that DuckDB allocated.
inline std::string take_text(char* text) {
  std::string copy = text ? text : "";
  duckdb_free(text);
  return copy;
}

/// The characters of a VARCHAR or BLOB cell, valid as long as its vector.
inline std::string_view text_of(duckdb_string_t& cell) {
  return {duckdb_string_t_data(&cell), duckdb_string_t_length(cell)};
}

}  // namespace tidemill::engine
