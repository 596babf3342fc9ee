// Rows come as a STRUCT: `predict('late@champion', f)` with f a table's name or alias, or `{a: 1, b: 2}`. A
// NULL row, a NULL model and a score that is not a number give NULL: SQL has no better word for "no answer",
// and NaN would poison every average downstream.
#include "engine/predict_function.hpp"

#include <cmath>
#include <exception>

#include <fmt/format.h>

#include "engine/cell.hpp"
#include "engine/column_type.hpp"

namespace tidemill::engine {

namespace {

bool is_valid(duckdb_vector vector, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return !validity || duckdb_validity_row_is_valid(validity, row);
}

std::string_view model_at(duckdb_vector models, idx_t row) {
  return text_of(static_cast<duckdb_string_t*>(duckdb_vector_get_data(models))[row]);
}

/// The rows that have a model and a struct. All of them must name the same model.
Result<std::vector<idx_t>> rows_to_score(duckdb_vector models, duckdb_vector structs, idx_t count) {
  std::vector<idx_t> rows;
  for (idx_t i = 0; i < count; ++i) {
    if (!is_valid(models, i) || !is_valid(structs, i)) continue;
    if (!rows.empty() && model_at(models, i) != model_at(models, rows.front()))
      return user_error("sql.predict",
                        "predict() takes one model a call, written out as in predict('late@champion', f)");
    rows.push_back(i);
  }
  return rows;
}

Result<PredictBatch> batch_of(duckdb_vector models, duckdb_vector structs, const std::vector<idx_t>& rows) {
  PredictBatch batch{
      .model = std::string(model_at(models, rows.front())), .columns = {}, .rows = rows.size(), .values = {}};
  const LogicalType type(duckdb_vector_get_column_type(structs));
  for (idx_t c = 0; c < duckdb_struct_type_child_count(type.get()); ++c) {
    const LogicalType child(duckdb_struct_type_child_type(type.get(), c));
    std::string name = take_text(duckdb_struct_type_child_name(type.get(), c));
    if (!is_plain(duckdb_get_type_id(child.get())))
      return user_error(
          "sql.predict",
          fmt::format("predict() cannot take column {} of type {}", quote_name(name), type_text(child.get())),
          {}, "cast it, or leave it out: (SELECT … EXCLUDE …) AS f");
    batch.columns.push_back({std::move(name), type_text(child.get())});
    std::vector<Value>& values = batch.values.emplace_back();
    values.reserve(rows.size());
    const duckdb_vector vector = duckdb_struct_vector_get_child(structs, c);
    for (const idx_t row : rows) values.push_back(read_cell(vector, child.get(), row));
  }
  return batch;
}

Result<void> score(const PredictFunction& function, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t count = duckdb_data_chunk_get_size(input);
  const duckdb_vector models = duckdb_data_chunk_get_vector(input, 0);
  const duckdb_vector structs = duckdb_data_chunk_get_vector(input, 1);
  auto* scores = static_cast<double*>(duckdb_vector_get_data(output));
  duckdb_vector_ensure_validity_writable(output);
  uint64_t* validity = duckdb_vector_get_validity(output);
  for (idx_t i = 0; i < count; ++i) duckdb_validity_set_row_invalid(validity, i);
  TM_TRY(const std::vector<idx_t> rows, rows_to_score(models, structs, count));
  if (rows.empty()) return {};
  TM_TRY(const PredictBatch batch, batch_of(models, structs, rows));
  TM_TRY(const std::vector<double> answers, function(batch));
  if (answers.size() != rows.size())
    return internal_error("engine.predict",
                          fmt::format("the model gave {} scores for {} rows", answers.size(), rows.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (std::isnan(answers[i])) continue;
    scores[rows[i]] = answers[i];
    duckdb_validity_set_row_valid(validity, rows[i]);
  }
  return {};
}

void run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* function = static_cast<const PredictFunction*>(duckdb_scalar_function_get_extra_info(info));
  try {
    const Result<void> scored = score(*function, input, output);
    if (!scored) {
      const Error& error = scored.error();
      duckdb_scalar_function_set_error(info, fmt::format("[{}] {}{}{}", error.code, error.message,
                                                         error.hint.empty() ? "" : "; ", error.hint)
                                                 .c_str());
    }
  } catch (const std::exception& exception) {
    duckdb_scalar_function_set_error(info, exception.what());
  }
}

void check_row_type(duckdb_bind_info info) {
  duckdb_expression argument = duckdb_scalar_function_bind_get_argument(info, 1);
  const LogicalType type(duckdb_expression_return_type(argument));
  duckdb_destroy_expression(&argument);
  const duckdb_type id = duckdb_get_type_id(type.get());
  if (id != DUCKDB_TYPE_STRUCT && id != DUCKDB_TYPE_SQLNULL)
    duckdb_scalar_function_bind_set_error(
        info,
        fmt::format(
            "predict() takes a model and a row, not a {}: predict('late@champion', f) FROM features AS f",
            type_text(type.get()))
            .c_str());
}

}  // namespace

Result<void> register_predict_function(duckdb_connection connection, const PredictFunction& function) {
  const ScalarFunction scalar(duckdb_create_scalar_function());
  const LogicalType varchar(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  const LogicalType any(duckdb_create_logical_type(DUCKDB_TYPE_ANY));
  const LogicalType number(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
  duckdb_scalar_function_set_name(scalar.get(), "predict");
  duckdb_scalar_function_add_parameter(scalar.get(), varchar.get());
  duckdb_scalar_function_add_parameter(scalar.get(), any.get());
  duckdb_scalar_function_set_return_type(scalar.get(), number.get());
  duckdb_scalar_function_set_special_handling(scalar.get());  // NULL rows come to us
  duckdb_scalar_function_set_bind(scalar.get(), check_row_type);
  duckdb_scalar_function_set_extra_info(scalar.get(), const_cast<PredictFunction*>(&function), nullptr);
  duckdb_scalar_function_set_function(scalar.get(), run);
  if (duckdb_register_scalar_function(connection, scalar.get()) != DuckDBSuccess)
    return internal_error("engine.setup", "DuckDB refused the function predict");
  return {};
}

}  // namespace tidemill::engine
