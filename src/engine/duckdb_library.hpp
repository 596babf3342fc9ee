// The functions of DuckDB's C API that this room calls, as pointers of the same names, and how they are
// loaded. The only header that includes duckdb.h. Inside tidemill::engine a name finds the pointer, not the
// function: the program is not linked with DuckDB, so that a command which needs no SQL starts without it; a
// function missing from the list does not link.
#pragma once

#include <duckdb.h>

#include <string>

#include "base/error.hpp"

// clang-format off: a list, sorted
#define TIDEMILL_DUCKDB_FUNCTIONS(CALL) \
  CALL(duckdb_add_replacement_scan) CALL(duckdb_array_type_array_size) CALL(duckdb_array_type_child_type) \
  CALL(duckdb_bind_add_result_column) CALL(duckdb_bind_get_extra_info) CALL(duckdb_bind_get_parameter) \
  CALL(duckdb_bind_set_bind_data) CALL(duckdb_bind_set_cardinality) CALL(duckdb_bind_set_error) CALL(duckdb_close) \
  CALL(duckdb_column_count) CALL(duckdb_column_logical_type) CALL(duckdb_connect) CALL(duckdb_create_config) \
  CALL(duckdb_create_date) CALL(duckdb_create_hugeint) CALL(duckdb_create_logical_type) \
  CALL(duckdb_create_scalar_function) CALL(duckdb_create_selection_vector) CALL(duckdb_create_table_function) \
  CALL(duckdb_create_timestamp) CALL(duckdb_create_varchar) CALL(duckdb_create_vector) \
  CALL(duckdb_data_chunk_get_size) CALL(duckdb_data_chunk_get_vector) CALL(duckdb_data_chunk_set_size) \
  CALL(duckdb_decimal_internal_type) CALL(duckdb_decimal_scale) CALL(duckdb_decimal_to_double) \
  CALL(duckdb_decimal_width) CALL(duckdb_destroy_config) CALL(duckdb_destroy_data_chunk) \
  CALL(duckdb_destroy_expression) CALL(duckdb_destroy_extracted) CALL(duckdb_destroy_logical_type) \
  CALL(duckdb_destroy_pending) CALL(duckdb_destroy_prepare) CALL(duckdb_destroy_result) \
  CALL(duckdb_destroy_scalar_function) CALL(duckdb_destroy_selection_vector) CALL(duckdb_destroy_table_function) \
  CALL(duckdb_destroy_value) CALL(duckdb_destroy_vector) CALL(duckdb_disconnect) CALL(duckdb_enum_dictionary_size) \
  CALL(duckdb_enum_dictionary_value) CALL(duckdb_execute_pending) CALL(duckdb_expression_return_type) \
  CALL(duckdb_extract_statements) CALL(duckdb_extract_statements_error) CALL(duckdb_fetch_chunk) CALL(duckdb_free) \
  CALL(duckdb_function_get_bind_data) CALL(duckdb_function_get_init_data) CALL(duckdb_get_int64) \
  CALL(duckdb_get_type_id) CALL(duckdb_get_varchar) CALL(duckdb_init_set_init_data) CALL(duckdb_interrupt) \
  CALL(duckdb_library_version) CALL(duckdb_list_type_child_type) CALL(duckdb_list_vector_get_child) \
  CALL(duckdb_list_vector_get_size) CALL(duckdb_logical_type_get_alias) CALL(duckdb_map_type_key_type) \
  CALL(duckdb_map_type_value_type) CALL(duckdb_nparams) CALL(duckdb_open_ext) CALL(duckdb_pending_error) \
  CALL(duckdb_pending_prepared) CALL(duckdb_pending_prepared_streaming) CALL(duckdb_prepare) \
  CALL(duckdb_prepare_error) CALL(duckdb_prepare_extracted_statement) CALL(duckdb_prepared_statement_column_count) \
  CALL(duckdb_prepared_statement_column_logical_type) CALL(duckdb_prepared_statement_column_name) \
  CALL(duckdb_prepared_statement_type) CALL(duckdb_query) CALL(duckdb_query_progress) \
  CALL(duckdb_register_scalar_function) CALL(duckdb_register_table_function) \
  CALL(duckdb_replacement_scan_add_parameter) CALL(duckdb_replacement_scan_set_function_name) \
  CALL(duckdb_result_error) CALL(duckdb_scalar_function_add_parameter) \
  CALL(duckdb_scalar_function_bind_get_argument) CALL(duckdb_scalar_function_bind_set_error) \
  CALL(duckdb_scalar_function_get_extra_info) CALL(duckdb_scalar_function_set_bind) \
  CALL(duckdb_scalar_function_set_error) CALL(duckdb_scalar_function_set_extra_info) \
  CALL(duckdb_scalar_function_set_function) CALL(duckdb_scalar_function_set_name) \
  CALL(duckdb_scalar_function_set_return_type) CALL(duckdb_scalar_function_set_special_handling) \
  CALL(duckdb_scalar_function_set_volatile) CALL(duckdb_selection_vector_get_data_ptr) CALL(duckdb_set_config) \
  CALL(duckdb_string_t_data) CALL(duckdb_string_t_length) CALL(duckdb_struct_type_child_count) \
  CALL(duckdb_struct_type_child_name) CALL(duckdb_struct_type_child_type) CALL(duckdb_struct_vector_get_child) \
  CALL(duckdb_table_function_add_parameter) CALL(duckdb_table_function_set_bind) \
  CALL(duckdb_table_function_set_extra_info) CALL(duckdb_table_function_set_function) \
  CALL(duckdb_table_function_set_init) CALL(duckdb_table_function_set_name) CALL(duckdb_union_type_member_count) \
  CALL(duckdb_union_type_member_name) CALL(duckdb_union_type_member_type) CALL(duckdb_validity_row_is_valid) \
  CALL(duckdb_validity_set_row_invalid) CALL(duckdb_validity_set_row_valid) \
  CALL(duckdb_vector_assign_string_element_len) CALL(duckdb_vector_copy_sel) \
  CALL(duckdb_vector_ensure_validity_writable) CALL(duckdb_vector_get_column_type) CALL(duckdb_vector_get_data) \
  CALL(duckdb_vector_get_validity)
// clang-format on

namespace tidemill::engine {

// Null until load_duckdb() has succeeded; never written again.
#define TIDEMILL_DECLARE(name) extern decltype(&::name) name;
TIDEMILL_DUCKDB_FUNCTIONS(TIDEMILL_DECLARE)
#undef TIDEMILL_DECLARE

/// Loads the library, once in a process; every later call gives the first one's answer. Whoever has a
/// Database has had it. Errors: library.missing, library.function, library.version.
Result<void> load_duckdb();

/// The version that the program was built for, "v1.5.5"; load_duckdb() refuses any other.
std::string duckdb_version();

}  // namespace tidemill::engine
