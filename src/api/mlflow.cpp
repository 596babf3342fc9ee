#include "api/mlflow.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/json_tensor.hpp"
#include "api/mlflow_columns.hpp"
#include "serving/csv_lines.hpp"

namespace tidemill::api {

namespace {

using Columns = MlflowColumns;
using serving::Tensor;

std::unexpected<Error> refused(std::string message) {
  return user_error("mlflow.malformed", std::move(message));
}

Result<void> read_record(Columns& columns, od::object record) {
  TM_CHECK(each_member(record, [&](std::string_view key, od::value value) -> Result<void> {
    TM_TRY(const size_t feature, columns.find(key));
    return columns.add(feature, value);
  }));
  return columns.end_row();
}

// A row's values, for these features in this order.
Result<void> read_list(Columns& columns, const std::vector<size_t>& order, od::array row) {
  size_t at = 0;
  TM_CHECK(each_element(row, [&](od::value value) -> Result<void> {
    if (at == order.size()) return refused(fmt::format("a row has more than {} values", order.size()));
    return columns.add(order[at++], value);
  }));
  if (at != order.size()) return refused(fmt::format("a row has {} values, expected {}", at, order.size()));
  return columns.end_row();
}

Result<void> read_rows(Columns& columns, std::string_view form, od::value value) {
  std::vector<size_t> order(columns.features());
  for (size_t f = 0; f < order.size(); ++f) order[f] = f;
  TM_TRY(const od::array rows, read<od::array>(value, fmt::format("'{}' must be a list of rows", form)));
  return each_element(rows, [&](od::value row) -> Result<void> {
    od::json_type type;
    if (const auto error = row.type().get(type); error != SUCCESS) return broken(error);
    if (type == od::json_type::object) {
      TM_TRY(const od::object record, read<od::object>(row, ""));
      return read_record(columns, record);
    }
    if (type == od::json_type::array) {
      TM_TRY(const od::array list, read<od::array>(row, ""));
      return read_list(columns, order, list);
    }
    if (order.size() != 1) return refused(fmt::format("the rows of '{}' must be objects or lists", form));
    TM_CHECK(columns.add(0, row));
    return columns.end_row();
  });
}

Result<void> add_to(std::vector<size_t>& order, std::string_view name, const Columns& columns) {
  TM_TRY(const size_t feature, columns.find(name));
  if (std::ranges::find(order, feature) != order.end())
    return refused(fmt::format("'{}' is given twice", name));
  order.push_back(feature);
  return {};
}

Result<void> read_split(Columns& columns, od::value value) {
  constexpr const char* kForm = "'dataframe_split' must be an object with lists 'columns' and 'data'";
  TM_TRY(od::object split, read<od::object>(value, kForm));
  od::value names;
  if (split.find_field_unordered("columns").get(names) != SUCCESS) return refused(kForm);
  TM_TRY(const od::array list, read<od::array>(names, kForm));
  std::vector<size_t> order;
  TM_CHECK(each_element(list, [&](od::value name) -> Result<void> {
    TM_TRY(const std::string_view text, read<std::string_view>(name, "a column's name must be a text"));
    return add_to(order, text, columns);
  }));
  if (const auto error = split.reset().error(); error != SUCCESS) return broken(error);
  od::value data;
  if (split.find_field_unordered("data").get(data) != SUCCESS) return refused(kForm);
  TM_TRY(const od::array rows, read<od::array>(data, kForm));
  return each_element(rows, [&](od::value row) -> Result<void> {
    TM_TRY(const od::array values, read<od::array>(row, "a row of 'data' must be a list"));
    return read_list(columns, order, values);
  });
}

Result<void> read_inputs(Columns& columns, od::value value) {
  od::json_type type;
  if (const auto error = value.type().get(type); error != SUCCESS) return broken(error);
  if (type != od::json_type::object) return read_rows(columns, "inputs", value);
  TM_TRY(od::object lists, read<od::object>(value, ""));
  return each_member(lists, [&](std::string_view name, od::value list) -> Result<void> {
    TM_TRY(const size_t feature, columns.find(name));
    TM_TRY(const od::array values, read<od::array>(list, fmt::format("'{}' must be a list of values", name)));
    return columns.column(feature, values);
  });
}

Result<serving::InferRequest> read_table(od::document& document, const forest::Package& package,
                                         const std::vector<std::string>& row_key) {
  constexpr const char* kForms =
      "the body needs exactly one of dataframe_split, dataframe_records, instances and inputs";
  od::object root;
  if (const auto error = document.get_object().get(root); error != SUCCESS)
    return error == simdjson::INCORRECT_TYPE ? refused(kForms) : broken(error);
  Columns columns(package, row_key);
  bool given = false;
  TM_CHECK(each_member(root, [&](std::string_view key, od::value value) -> Result<void> {
    if (key == "params") {
      TM_TRY(od::object params, read<od::object>(value, "'params' must be an object"));
      bool empty = true;
      if (const auto error = params.is_empty().get(empty); error != SUCCESS) return broken(error);
      return empty ? Result<void>{} : refused("this model takes no params");
    }
    const bool split = key == "dataframe_split", inputs = key == "inputs";
    if (!split && !inputs && key != "dataframe_records" && key != "instances")
      return refused(fmt::format("'{}' is not known; {}", key, kForms));
    if (given) return refused(kForms);
    given = true;
    if (split) return read_split(columns, value);
    return inputs ? read_inputs(columns, value) : read_rows(columns, key, value);
  }));
  if (!given) return refused(kForms);
  return std::move(columns).request();
}

}  // namespace

Result<serving::InferRequest> parse_invocation(std::string_view body, const forest::Package& package,
                                               const std::vector<std::string>& row_key) {
  return read_values_json(body,
                          [&](od::document& document) { return read_table(document, package, row_key); });
}

Result<serving::InferRequest> parse_invocation_csv(std::string_view body, const forest::Package& package,
                                                   const std::vector<std::string>& row_key) {
  MlflowColumns columns(package, row_key);
  TM_TRY(serving::CsvLines lines, serving::CsvLines::open(body));
  std::vector<serving::CsvField> names, fields;
  if (lines.done()) return refused("the body needs a line with the names of the columns");
  TM_CHECK(lines.next(names));
  std::vector<size_t> order;
  for (const serving::CsvField& name : names) {
    if (name.text.empty())
      return user_error("mlflow.malformed", fmt::format("column {} has no name", order.size() + 1), {},
                        "pandas writes one for the index: to_csv(index=False)");
    TM_CHECK(add_to(order, name.text, columns));
  }
  for (;;) {
    TM_TRY(const bool more, lines.next_row(fields, order.size()));
    if (!more) return std::move(columns).request();
    for (size_t f = 0; f < order.size(); ++f)
      TM_CHECK(fields[f].missing() ? columns.add_nothing(order[f])
                                   : columns.add_text(order[f], fields[f].text));
    TM_CHECK(columns.end_row());
  }
}

std::string invocation_reply(const serving::InferResponse& response) {
  std::string reply;
  {
    constexpr size_t kUsual = 64;
    TextWriter out(reply, kUsual);
    out.add("{\"predictions\": [");
    const Tensor& tensor = response.outputs.front();
    const size_t width = tensor.shape.size() == 2 ? static_cast<size_t>(tensor.shape[1]) : 1;
    for (size_t i = 0; i < tensor.values(); ++i) {
      if (i > 0) out.add(", ");
      if (width > 1 && i % width == 0) out.add("[");
      append_json(out, tensor, i);
      if (width > 1 && i % width == width - 1) out.add("]");
    }
    out.add("]}");
  }
  return reply;
}

}  // namespace tidemill::api
