// Rows come as a STRUCT: `predict('late@champion', f)` with f a table's name or alias, or `{a: 1, b: 2}`. A
// NULL row, a NULL model and a score that is not a number give NULL: SQL has no better word for "no answer",
// and NaN would poison every average downstream.
#include "engine/predict_function.hpp"

#include <cmath>
#include <exception>
#include <limits>

#include <fmt/format.h>

#include "engine/cell.hpp"
#include "engine/column_type.hpp"
#include "engine/sql_error.hpp"

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

template <class T>
void read_numbers(duckdb_vector vector, const std::vector<idx_t>& rows, std::vector<double>& out) {
  const auto* values = static_cast<const T*>(duckdb_vector_get_data(vector));
  uint64_t* validity = duckdb_vector_get_validity(vector);
  out.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    out[i] = validity == nullptr || duckdb_validity_row_is_valid(validity, rows[i])
                 ? static_cast<double>(values[rows[i]])
                 : std::numeric_limits<double>::quiet_NaN();
}

/// Of the types that need more than a cast, cell by cell.
void read_cells(duckdb_vector vector, duckdb_logical_type type, const std::vector<idx_t>& rows,
                PredictColumn& out) {
  const bool numbers = duckdb_get_type_id(type) == DUCKDB_TYPE_DECIMAL;
  out.owned.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Value value = read_cell(vector, type, rows[i]);
    if (numbers) {
      const double* number = std::get_if<double>(&value);
      out.numbers.push_back(number != nullptr ? *number : std::numeric_limits<double>::quiet_NaN());
    } else if (std::holds_alternative<std::monostate>(value)) {
      out.texts.emplace_back();
    } else {
      out.owned[i] = to_text(value);
      out.texts.emplace_back(out.owned[i]);
    }
  }
}

PredictColumn read_column(duckdb_vector vector, duckdb_logical_type type, const std::vector<idx_t>& rows) {
  PredictColumn out;
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      read_numbers<bool>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_TINYINT:
      read_numbers<int8_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_SMALLINT:
      read_numbers<int16_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_INTEGER:
      read_numbers<int32_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_BIGINT:
      read_numbers<int64_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_UTINYINT:
      read_numbers<uint8_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_USMALLINT:
      read_numbers<uint16_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_UINTEGER:
      read_numbers<uint32_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_UBIGINT:
      read_numbers<uint64_t>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_FLOAT:
      read_numbers<float>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_DOUBLE:
      read_numbers<double>(vector, rows, out.numbers);
      return out;
    case DUCKDB_TYPE_VARCHAR: {
      auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
      for (const idx_t row : rows)
        out.texts.push_back(is_valid(vector, row) ? text_of(texts[row]) : std::string_view());
      return out;
    }
    default:
      read_cells(vector, type, rows, out);
      return out;
  }
}

/// Names and types of the struct's members; their values are read when they are asked for, for a row may have
/// many columns that the model does not know.
Result<PredictBatch> batch_of(duckdb_vector models, duckdb_vector structs, const std::vector<idx_t>& rows) {
  PredictBatch batch{
      .model = std::string(model_at(models, rows.front())), .columns = {}, .rows = rows.size(), .read = {}};
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
  }
  batch.read = [structs, &rows](size_t column) {
    const duckdb_vector vector = duckdb_struct_vector_get_child(structs, column);
    const LogicalType of(duckdb_vector_get_column_type(vector));
    return read_column(vector, of.get(), rows);
  };
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
    if (!scored) duckdb_scalar_function_set_error(info, text_for_duckdb(scored.error()).c_str());
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
