#include "api/mlflow_columns.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "api/http.hpp"

namespace tidemill::api {

namespace {

using serving::Tensor;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::unexpected<Error> refused(std::string message) {
  return user_error("mlflow.malformed", std::move(message));
}

std::unexpected<Error> misplaced(std::string_view seen, const forest::Feature& feature) {
  return user_error("infer.datatype", fmt::format("input '{}' has {}, expected {}", feature.name, seen,
                                                  feature.category ? "a text" : "a number"));
}

void add_missing(Tensor& tensor) {
  if (tensor.datatype == "BYTES")
    tensor.texts.add_missing();
  else
    tensor.numbers.push_back(kMissing);
}

bool has_value(const Tensor& tensor) {
  for (size_t i = 0; i < tensor.texts.size(); ++i)
    if (tensor.texts.at(i)) return true;
  return false;
}

// A whole number as it is written: a key may have more digits than a double.
std::optional<std::string_view> whole_in(std::string_view token) {
  const std::string_view digits = trimmed(token);
  const std::string_view unsigned_digits = digits.substr(digits.starts_with('-') ? 1 : 0);
  const bool whole = !unsigned_digits.empty() &&
                     std::ranges::all_of(unsigned_digits, [](char c) { return c >= '0' && c <= '9'; });
  return whole ? std::optional(digits) : std::nullopt;
}

// How the tools that write these tables spell a number that is not there.
bool says_missing(std::string_view text) {
  constexpr std::array<std::string_view, 7> kWords{"na", "n/a", "nan", "null", "none", "<na>", "#n/a"};
  return std::ranges::any_of(kWords, [&](std::string_view word) { return is_word(text, word); });
}

std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<bool> truth_of(std::string_view text) {
  if (is_word(text, "true")) return true;
  return is_word(text, "false") ? std::optional(false) : std::nullopt;
}

// A category's text as training wrote it: that of a number or boolean however the caller spells it.
std::string category_of(const forest::Feature& feature, std::string_view text) {
  if (feature.sql_type == "VARCHAR") return std::string(text);
  if (const auto number = number_of(trimmed(text))) return forest::category_text(*number);
  if (const auto truth = truth_of(trimmed(text))) return *truth ? "true" : "false";
  return std::string(text);
}

}  // namespace

MlflowColumns::MlflowColumns(const forest::Package& package, const std::vector<std::string>& key)
    : features_(package.features) {
  for (const std::string& name : key)
    if (std::ranges::find(features_, name, &forest::Feature::name) == features_.end())
      key_.push_back({.name = name, .sql_type = "VARCHAR", .category = true});
  for (size_t f = 0; f < features_.size() + key_.size(); ++f) {
    index_.emplace(named(f).name, f);
    tensors_.push_back({named(f).name, named(f).category ? "BYTES" : "FP64", {0}});
  }
}

Result<size_t> MlflowColumns::find(std::string_view name) const {
  if (const auto found = index_.find(name); found != index_.end()) return found->second;
  return serving::unknown_input(features_, name);
}

Result<void> MlflowColumns::once_a_row(size_t feature) const {
  if (tensors_[feature].values() == rows_) return {};
  return refused(fmt::format("'{}' is given twice in row {}", named(feature).name, rows_ + 1));
}

Result<void> MlflowColumns::add(size_t feature, od::value value) {
  TM_CHECK(once_a_row(feature));
  return append(feature, value);
}

Result<void> MlflowColumns::add_text(size_t feature, std::string_view text) {
  TM_CHECK(once_a_row(feature));
  Tensor& tensor = tensors_[feature];
  if (named(feature).category) {
    tensor.texts.add(category_of(named(feature), text));
    return {};
  }
  const std::string_view word = trimmed(text);
  if (const auto number = number_of(word))
    tensor.numbers.push_back(*number);
  else if (const auto truth = truth_of(word))
    tensor.numbers.push_back(*truth ? 1 : 0);
  else if (word.empty() || says_missing(word))
    add_missing(tensor);
  else
    return misplaced(fmt::format("'{}' in row {}", word.substr(0, 40), rows_ + 1), named(feature));
  return {};
}

Result<void> MlflowColumns::add_nothing(size_t feature) {
  TM_CHECK(once_a_row(feature));
  add_missing(tensors_[feature]);
  return {};
}

Result<void> MlflowColumns::end_row() {
  for (Tensor& tensor : tensors_)
    if (tensor.values() == rows_) add_missing(tensor);
  return count(rows_ + 1);
}

Result<void> MlflowColumns::column(size_t feature, od::array values) {
  if (!filled_.insert(feature).second)
    return refused(fmt::format("'{}' is given twice", named(feature).name));
  TM_CHECK(each_element(values, [&](od::value value) -> Result<void> {
    if (tensors_[feature].values() == serving::kMaxRowsPerRequest)
      return count(serving::kMaxRowsPerRequest + 1);
    return append(feature, value);
  }));
  const size_t rows = tensors_[feature].values();
  if (filled_.size() > 1 && rows != rows_)
    return refused(fmt::format("'{}' has {} values, others have {}", named(feature).name, rows, rows_));
  return count(rows);
}

serving::InferRequest MlflowColumns::request() && {
  serving::InferRequest request;
  for (Tensor& tensor : tensors_) {
    while (tensor.values() < rows_) add_missing(tensor);
    tensor.shape = {static_cast<int64_t>(rows_)};
  }
  // A column of the key that has no value at all was not sent.
  std::erase_if(tensors_, [&](const Tensor& tensor) {
    return std::ranges::find(key_, tensor.name, &forest::Feature::name) != key_.end() && !has_value(tensor);
  });
  request.inputs = std::move(tensors_);
  return request;
}

Result<void> MlflowColumns::count(size_t rows) {
  rows_ = rows;
  if (rows > serving::kMaxRowsPerRequest)
    return user_error("infer.too_many_rows",
                      fmt::format("more than {} rows in one request", serving::kMaxRowsPerRequest));
  if (rows * features_.size() > serving::kMaxValuesPerRequest)
    return user_error("infer.too_large",
                      fmt::format("more than {} values in one request", serving::kMaxValuesPerRequest));
  return {};
}

Result<void> MlflowColumns::append(size_t feature, od::value value) {
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
      if (named(feature).category)
        tensor.texts.add(truth ? "true" : "false");
      else
        tensor.numbers.push_back(truth ? 1 : 0);
      return {};
    }
    case od::json_type::number: {
      const auto whole = feature < features_.size() ? std::nullopt : whole_in(value.raw_json_token());
      double number = 0;
      if (const auto error = get_real(value, number); error != SUCCESS) return broken(error);
      if (whole)
        tensor.texts.add(*whole);
      else if (named(feature).category)
        tensor.texts.add(forest::category_text(number));
      else
        tensor.numbers.push_back(number);
      return {};
    }
    case od::json_type::string: {
      if (!named(feature).category) break;
      std::string_view text;
      if (const auto error = value.get_string().get(text); error != SUCCESS) return broken(error);
      tensor.texts.add(text);
      return {};
    }
    default:
      break;
  }
  std::string_view seen = "a value of another kind";
  if (type == od::json_type::string) seen = "a text";
  if (type == od::json_type::array || type == od::json_type::object) seen = "nested data";
  return misplaced(fmt::format("{} in row {}", seen, tensor.values() + 1), named(feature));
}

}  // namespace tidemill::api
