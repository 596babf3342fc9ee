#include "serving/request_keys.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.hpp"

namespace tidemill::serving {

namespace {

constexpr double kExact = 9007199254740992;  // 2^53: a double counts no further in ones

/// The row's value as JSON. Error infer.key.
Result<Json> value_of(const Tensor& tensor, size_t row) {
  const auto wrong = [&](std::string_view what, std::string hint) {
    return user_error("infer.key", fmt::format("input '{}' {} in row {}", tensor.name, what, row + 1), {},
                      std::move(hint));
  };
  if (tensor.datatype == "BYTES") {
    if (const auto text = tensor.texts.at(row)) return Json(*text);
    return wrong("has no value", "a key names its row: leave the input out where rows have none");
  }
  const double number = tensor.numbers[row];
  if (std::isnan(number))
    return wrong("has no value", "a key names its row: leave the input out where rows have none");
  if (tensor.datatype == "BOOL") return Json(number != 0);
  if (std::trunc(number) != number) return Json(number);
  if (std::abs(number) >= kExact)
    return wrong("is beyond the whole numbers that are told apart",
                 "send the key as text, with datatype BYTES");
  return Json(static_cast<int64_t>(number));
}

Result<void> check_rows(const Tensor& tensor, size_t rows) {
  TM_TRY(const size_t values, values_of_shape(tensor));
  TM_CHECK(check_count(tensor, values));
  if (values == rows && static_cast<size_t>(tensor.shape[0]) == rows) return {};
  return user_error("infer.shape",
                    fmt::format("input '{}' has {} values for {} rows, and a key names each row", tensor.name,
                                values, rows));
}

/// The tensor of each column of the key, in the key's order: of its own, or a feature's.
Result<std::vector<const Tensor*>> columns_of(const std::vector<std::string>& key,
                                              const std::vector<Tensor>& own,
                                              const std::vector<Tensor>& features) {
  std::vector<const Tensor*> columns;
  for (const std::string& name : key) {
    const Tensor* found = nullptr;
    for (const std::vector<Tensor>* tensors : {&own, &features})
      if (const auto at = std::ranges::find(*tensors, name, &Tensor::name); at != tensors->end())
        found = &*at;
    if (found == nullptr)
      return user_error(
          "infer.key",
          fmt::format("the request has '{}' of the key, and no input '{}'", own.front().name, name), {},
          fmt::format("a row's key is {}", fmt::join(key, ", ")));
    columns.push_back(found);
  }
  return columns;
}

}  // namespace

Result<void> take_keys(InferRequest& request, const LiveModel& live) {
  request.keys.clear();
  std::vector<Tensor>& features = request.inputs;
  const auto is_feature = [&](const Tensor& tensor) {
    return std::ranges::find(live.key, tensor.name) == live.key.end() ||
           live.predictor->find_feature(tensor.name).has_value();
  };
  const bool matrix = features.size() == 1 && features.front().shape.size() == 2;  // whatever it is called
  if (matrix || std::ranges::all_of(features, is_feature)) return {};              // what most calls find
  const auto first = std::stable_partition(features.begin(), features.end(), is_feature);
  const std::vector<Tensor> own(std::make_move_iterator(first), std::make_move_iterator(features.end()));
  features.erase(first, features.end());
  for (size_t i = 1; i < own.size(); ++i)
    if (std::ranges::find(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(i), own[i].name,
                          &Tensor::name) != own.begin() + static_cast<std::ptrdiff_t>(i))
      return user_error("infer.duplicate_input", fmt::format("input '{}' is given twice", own[i].name));
  if (features.empty()) return user_error("infer.no_inputs", "the request has a key, and no feature");
  TM_CHECK(values_of_shape(features.front()));
  const auto rows = static_cast<size_t>(features.front().shape[0]);
  TM_TRY(const auto columns, columns_of(live.key, own, features));
  for (const Tensor* column : columns) TM_CHECK(check_rows(*column, rows));
  request.keys.resize(rows);
  for (size_t r = 0; r < rows; ++r)
    for (const Tensor* column : columns) {
      TM_TRY(const Json value, value_of(*column, r));
      std::string& members = request.keys[r];
      members +=
          fmt::format("{}{}:{}", members.empty() ? "" : ",", to_text(Json(column->name)), to_text(value));
    }
  return {};
}

}  // namespace tidemill::serving
