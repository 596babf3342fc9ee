#include "api/mlflow.hpp"

#include <limits>
#include <set>
#include <unordered_map>

#include "api/json_reading.hpp"
#include "api/json_tensor.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::unexpected<Error> refused(std::string message) {
  return user_error("mlflow.malformed", std::move(message));
}

std::unexpected<Error> misplaced(od::json_type type, const forest::Feature& feature) {
  std::string seen = "a value of another kind";
  if (type == od::json_type::string) seen = "a text";
  if (type == od::json_type::array || type == od::json_type::object) seen = "nested data";
  return user_error("infer.datatype", fmt::format("input '{}' has {}, expected {}", feature.name, seen,
                                                  feature.category ? "a text" : "a number"));
}

// The features' columns, filled row by row or one after the other.
class Columns {
 public:
  explicit Columns(const forest::Package& package) : features_(package.features) {
    for (size_t f = 0; f < features_.size(); ++f) {
      index_.emplace(features_[f].name, f);
      tensors_.push_back({features_[f].name, features_[f].category ? "BYTES" : "FP64", {0}});
    }
  }

  size_t features() const { return features_.size(); }

  Result<size_t> find(std::string_view name) const {
    if (const auto found = index_.find(name); found != index_.end()) return found->second;
    std::vector<std::string> names;
    for (const forest::Feature& feature : features_) names.push_back(feature.name);
    return user_error("infer.unknown_input", fmt::format("the model has no input '{}'", name), {},
                      did_you_mean(name, names));
  }

  Result<void> add(size_t feature, od::value value) {
    if (tensors_[feature].values() != rows_)
      return refused(fmt::format("'{}' is given twice in row {}", features_[feature].name, rows_ + 1));
    return append(feature, value);
  }

  Result<void> end_row() {
    for (Tensor& tensor : tensors_)
      if (tensor.values() == rows_) add_missing(tensor);
    return count(rows_ + 1);
  }

  // A whole column; all given ones must be of one length.
  Result<void> column(size_t feature, od::array values) {
    if (!filled_.insert(feature).second)
      return refused(fmt::format("'{}' is given twice", features_[feature].name));
    TM_CHECK(each_element(values, [&](od::value value) -> Result<void> {
      if (tensors_[feature].values() == serving::kMaxRowsPerRequest)
        return count(serving::kMaxRowsPerRequest + 1);
      return append(feature, value);
    }));
    const size_t rows = tensors_[feature].values();
    if (filled_.size() > 1 && rows != rows_)
      return refused(fmt::format("'{}' has {} values, others have {}", features_[feature].name, rows, rows_));
    return count(rows);
  }

  serving::InferRequest request() && {
    serving::InferRequest request;
    for (Tensor& tensor : tensors_) {
      while (tensor.values() < rows_) add_missing(tensor);
      tensor.shape = {static_cast<int64_t>(rows_)};
    }
    request.inputs = std::move(tensors_);
    return request;
  }

 private:
  static void add_missing(Tensor& tensor) {
    if (tensor.datatype == "BYTES")
      tensor.texts.add_missing();
    else
      tensor.numbers.push_back(kMissing);
  }

  Result<void> count(size_t rows) {
    rows_ = rows;
    if (rows > serving::kMaxRowsPerRequest)
      return user_error("infer.too_many_rows",
                        fmt::format("more than {} rows in one request", serving::kMaxRowsPerRequest));
    if (rows * features_.size() > serving::kMaxValuesPerRequest)
      return user_error("infer.too_large",
                        fmt::format("more than {} values in one request", serving::kMaxValuesPerRequest));
    return {};
  }

  Result<void> append(size_t feature, od::value value) {
    Tensor& tensor = tensors_[feature];
    od::json_type type;
    if (const auto error = value.type().get(type); error != SUCCESS) return broken(error);
    switch (type) {
      case od::json_type::null: {
        bool null = false;
        if (const auto error = value.is_null().get(null); error != SUCCESS) return broken(error);
        add_missing(tensor);
        return {};
      }
      case od::json_type::boolean: {
        bool truth = false;
        if (const auto error = value.get_bool().get(truth); error != SUCCESS) return broken(error);
        if (features_[feature].category)
          tensor.texts.add(truth ? "true" : "false");
        else
          tensor.numbers.push_back(truth ? 1 : 0);
        return {};
      }
      case od::json_type::number: {
        double number = 0;
        if (const auto error = value.get_double().get(number); error != SUCCESS) return broken(error);
        if (features_[feature].category)
          tensor.texts.add(forest::category_text(number));
        else
          tensor.numbers.push_back(number);
        return {};
      }
      case od::json_type::string: {
        if (!features_[feature].category) break;
        std::string_view text;
        if (const auto error = value.get_string().get(text); error != SUCCESS) return broken(error);
        tensor.texts.add(text);
        return {};
      }
      default:
        break;
    }
    return misplaced(type, features_[feature]);
  }

  const std::vector<forest::Feature>& features_;
  std::unordered_map<std::string_view, size_t> index_;
  std::vector<Tensor> tensors_;
  std::set<size_t> filled_;  // by column()
  size_t rows_ = 0;
};

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

Result<void> read_split(Columns& columns, od::value value) {
  constexpr const char* kForm = "'dataframe_split' must be an object with lists 'columns' and 'data'";
  TM_TRY(od::object split, read<od::object>(value, kForm));
  od::value names;
  if (split.find_field_unordered("columns").get(names) != SUCCESS) return refused(kForm);
  TM_TRY(const od::array list, read<od::array>(names, kForm));
  std::vector<size_t> order;
  TM_CHECK(each_element(list, [&](od::value name) -> Result<void> {
    TM_TRY(const std::string_view text, read<std::string_view>(name, "a column's name must be a text"));
    TM_TRY(const size_t feature, columns.find(text));
    order.push_back(feature);
    return {};
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

Result<serving::InferRequest> read_table(od::document& document, const forest::Package& package) {
  constexpr const char* kForms =
      "the body needs exactly one of dataframe_split, dataframe_records, instances and inputs";
  od::object root;
  if (const auto error = document.get_object().get(root); error != SUCCESS)
    return error == simdjson::INCORRECT_TYPE ? refused(kForms) : broken(error);
  Columns columns(package);
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

Result<serving::InferRequest> parse_invocation(std::string_view body, const forest::Package& package) {
  return read_json(body, [&](od::document& document) { return read_table(document, package); });
}

std::string invocation_reply(const serving::InferResponse& response) {
  std::string out = "{\"predictions\": [";
  const Tensor& tensor = response.outputs.front();
  const size_t width = tensor.shape.size() == 2 ? static_cast<size_t>(tensor.shape[1]) : 1;
  for (size_t i = 0; i < tensor.values(); ++i) {
    if (i > 0) out += ", ";
    if (width > 1 && i % width == 0) out += '[';
    append_json(out, tensor, i);
    if (width > 1 && i % width == width - 1) out += ']';
  }
  return out + "]}";
}

}  // namespace tidemill::api
