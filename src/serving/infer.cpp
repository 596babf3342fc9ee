#include "serving/infer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace tidemill::serving {

namespace {

using forest::Cell;
using forest::Task;

constexpr size_t kMostTextShown = 60;  // bytes of a value in a message
constexpr size_t kFewValues = 256;     // need no memory of the heap

Cell text_cell(const Tensor& tensor, size_t i) {
  const auto text = tensor.texts.at(i);
  return text ? Cell{Cell::Kind::Text, 0, *text} : Cell{};
}

// Encoded features, row-major: floats for XGBoost, doubles for LightGBM.
template <class T>
struct Encoded {
  size_t rows = 0;
  fmt::basic_memory_buffer<T, kFewValues> values;
  forest::InputCounts counts;
};

Result<void> check_kind(const forest::Feature& feature, const Tensor& tensor, bool text) {
  if (feature.category == text) return {};
  return user_error("infer.datatype", fmt::format("input '{}' has datatype {}, expected {}", feature.name,
                                                  tensor.datatype, feature.category ? "BYTES" : "a number"));
}

/// The first text that its feature refuses, of those that were encoded. first, features: as
/// beyond_floats() has them.
std::unexpected<Error> unknown_category(const forest::Predictor& predictor, const Tensor& tensor,
                                        size_t first, size_t features) {
  for (size_t i = 0; i < tensor.values(); ++i) {
    const size_t f = first + i % features;
    forest::InputCounts counts;
    predictor.encode(f, text_cell(tensor, i), counts);
    if (counts.refused == 0) continue;
    const forest::Feature& feature = predictor.package().features[f];
    const std::string_view text = tensor.texts.at(i).value_or("");
    return user_error(
        "infer.unknown_category",
        fmt::format("input '{}' has the value '{}' in row {}, which is none of the {} categories "
                    "that the model was trained with",
                    feature.name, text.substr(0, kMostTextShown), i / features + 1, feature.levels.size()),
        {}, did_you_mean(text, feature.levels));
  }
  return internal_error("infer.unknown_category", "a category was refused, and all are known");
}

/// The first number that the model's floats cannot hold, of those that were encoded: refused, as training
/// refuses it. first: the feature of the first number; features: of a row of numbers.
std::unexpected<Error> beyond_floats(const forest::Predictor& predictor, const Tensor& tensor, size_t first,
                                     size_t features) {
  for (size_t i = 0; i < tensor.values(); ++i) {
    const size_t f = first + i % features;
    const double number = tensor.numbers[i];
    forest::InputCounts counts;
    predictor.encode(f, {.kind = Cell::Kind::Number, .number = number, .text = {}}, counts);
    if (counts.beyond_floats == 0) continue;
    return user_error(
        "infer.range",
        fmt::format("input '{}' has the value {} in row {}, which the model's floats cannot hold",
                    predictor.package().features[f].name, number, i / features + 1));
  }
  return internal_error("infer.range", "a number was beyond the floats, and none is");
}

// One tensor, its columns in the signature's order.
template <class T>
Result<void> encode_matrix(const forest::Predictor& predictor, const Tensor& tensor, Encoded<T>& encoded) {
  const auto& features = predictor.package().features;
  if (static_cast<size_t>(tensor.shape[1]) != features.size())
    return user_error("infer.shape", fmt::format("input '{}' has {} columns, the model has {} features",
                                                 tensor.name, tensor.shape[1], features.size()));
  const bool text = tensor.datatype == "BYTES";
  if (predictor.categories() != (text ? features.size() : 0))
    for (const forest::Feature& feature : features) TM_CHECK(check_kind(feature, tensor, text));
  T* values = encoded.values.data();
  if (!text) {
    predictor.encode_rows(tensor.numbers, values, encoded.counts);
    if (encoded.counts.beyond_floats > 0) return beyond_floats(predictor, tensor, 0, features.size());
    return {};
  }
  for (size_t i = 0; i < encoded.rows * features.size(); ++i)
    values[i] = static_cast<T>(predictor.encode(i % features.size(), text_cell(tensor, i), encoded.counts));
  if (encoded.counts.refused > 0) return unknown_category(predictor, tensor, 0, features.size());
  return {};
}

// One tensor a feature, by name.
template <class T>
Result<void> encode_columns(const forest::Predictor& predictor, const std::vector<Tensor>& inputs,
                            Encoded<T>& encoded) {
  const auto& features = predictor.package().features;
  std::vector<bool> given(features.size(), false);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = inputs[i];
    // Inputs mostly come in the signature's order.
    const auto found = i < features.size() && features[i].name == tensor.name
                           ? std::optional(i)
                           : predictor.find_feature(tensor.name);
    if (!found) return unknown_input(features, tensor.name);
    const size_t f = *found;
    if (given[f])
      return user_error("infer.duplicate_input", fmt::format("input '{}' is given twice", tensor.name));
    given[f] = true;
    if (static_cast<size_t>(tensor.shape[0]) != encoded.rows ||
        (tensor.shape.size() == 2 && tensor.shape[1] != 1))
      return user_error(
          "infer.shape",
          fmt::format("input '{}' has another number of rows than '{}', or more than one column", tensor.name,
                      inputs[0].name));
    const bool text = tensor.datatype == "BYTES";
    TM_CHECK(check_kind(features[f], tensor, text));
    if (text) {
      for (size_t r = 0; r < encoded.rows; ++r)
        encoded.values[r * features.size() + f] =
            static_cast<T>(predictor.encode(f, text_cell(tensor, r), encoded.counts));
      if (encoded.counts.refused > 0) return unknown_category(predictor, tensor, f, 1);
    } else {
      predictor.encode_numbers(f, tensor.numbers, encoded.values.data() + f, encoded.counts);
      if (encoded.counts.beyond_floats > 0) return beyond_floats(predictor, tensor, f, 1);
    }
  }
  for (const bool is_given : given)
    if (!is_given) encoded.counts.missing += static_cast<int64_t>(encoded.rows);
  return {};
}

template <class T>
Result<void> encode(const forest::Predictor& predictor, const std::vector<Tensor>& inputs,
                    Encoded<T>& encoded) {
  const size_t features = predictor.package().features.size();
  if (inputs.empty()) return user_error("infer.no_inputs", "the request has no inputs");
  for (const Tensor& tensor : inputs) {
    TM_TRY(const size_t values, values_of_shape(tensor));
    TM_CHECK(check_count(tensor, values));
  }
  encoded.rows = static_cast<size_t>(inputs[0].shape[0]);
  if (encoded.rows * features > kMaxValuesPerRequest)
    return user_error("infer.too_large",
                      fmt::format("{} rows of {} features in one request (limit {} values)", encoded.rows,
                                  features, kMaxValuesPerRequest));
  encoded.values.resize(encoded.rows * features);
  const bool matrix =
      inputs.size() == 1 && inputs[0].shape.size() == 2 && !predictor.find_feature(inputs[0].name);
  if (matrix) return encode_matrix(predictor, inputs[0], encoded);
  std::ranges::fill(encoded.values, std::numeric_limits<T>::quiet_NaN());
  return encode_columns(predictor, inputs, encoded);
}

// Makes the outputs of output_tensors() of the scores, so many a row as the forest has outputs.
void fill_outputs(const forest::Predictor& predictor, std::vector<double> scores, InferResponse& response) {
  const forest::Package& package = predictor.package();
  size_t count = 0;
  const auto add = [&](std::string_view name, std::string_view datatype) -> Tensor& {
    Tensor& tensor = response.outputs[count++];
    if (tensor.name != name) tensor.name = name;  // mostly the answer before was of the same version
    if (tensor.datatype != datatype) tensor.datatype = datatype;
    tensor.shape.clear();
    tensor.shape.push_back(static_cast<int64_t>(response.rows));
    tensor.numbers.clear();
    tensor.texts.clear();
    return tensor;
  };
  switch (package.task) {
    case Task::Binary: {
      response.outputs.resize(2);
      Tensor& all = add("score", "FP64");
      Tensor& decisions = add("decision", "BOOL");
      const double threshold = package.threshold.value_or(0.5);
      for (const double score : scores) decisions.numbers.push_back(score >= threshold ? 1.0 : 0.0);
      all.numbers = std::move(scores);
      return;
    }
    case Task::Multiclass: {
      response.outputs.resize(2);
      const size_t classes = predictor.outputs();
      Tensor& all = add("scores", "FP64");
      all.shape.push_back(static_cast<int64_t>(classes));
      Tensor& labels = add("label", "BYTES");
      for (size_t r = 0; r < response.rows; ++r) {
        const double* row = scores.data() + r * classes;
        const auto best = static_cast<size_t>(std::max_element(row, row + classes) - row);
        labels.texts.add(best < package.classes.size() ? package.classes[best] : std::to_string(best));
      }
      all.numbers = std::move(scores);
      return;
    }
    case Task::Regression:
      break;
  }
  response.outputs.resize(package.conformal_half_width ? 3 : 1);
  Tensor& all = add("prediction", "FP64");
  if (package.conformal_half_width) {
    const double half_width = *package.conformal_half_width;
    Tensor& low = add("low", "FP64");
    for (const double value : scores) low.numbers.push_back(value - half_width);
    Tensor& high = add("high", "FP64");
    for (const double value : scores) high.numbers.push_back(value + half_width);
  }
  all.numbers = std::move(scores);
}

template <class T>
Result<void> predict(const forest::Predictor& predictor, const std::vector<Tensor>& inputs,
                     InferResponse& response) {
  Encoded<T> encoded;
  TM_CHECK(encode(predictor, inputs, encoded));
  response.rows = encoded.rows;
  response.counts = encoded.counts;
  std::vector<double> scores;
  if (!response.outputs.empty()) scores.swap(response.outputs.front().numbers);  // for their memory
  scores.resize(encoded.rows * predictor.outputs());
  predictor.predict(std::span<const T>(encoded.values.data(), encoded.values.size()), scores);
  fill_outputs(predictor, std::move(scores), response);
  return {};
}

}  // namespace

void TextColumn::clear() {
  bytes_.clear();
  ends_.clear();
  missing_.clear();
}

void Tensor::clear() {
  name.clear();
  datatype.clear();
  shape.clear();
  numbers.clear();
  texts.clear();
}

std::optional<std::string_view> TextColumn::at(size_t i) const {
  if (missing_[i]) return std::nullopt;
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(bytes_).substr(begin, ends_[i] - begin);
}

std::unexpected<Error> unknown_input(const std::vector<forest::Feature>& features, std::string_view name) {
  std::vector<std::string> known;
  for (const forest::Feature& feature : features) known.push_back(feature.name);
  return user_error("infer.unknown_input", fmt::format("the model has no input '{}'", name), {},
                    did_you_mean(name, known));
}

Result<size_t> values_of_shape(const Tensor& tensor) {
  int64_t values = 1;
  for (const int64_t extent : tensor.shape) {
    if (extent < 0)
      return user_error("infer.shape", fmt::format("input '{}' has a negative dimension", tensor.name));
    if (__builtin_mul_overflow(values, extent, &values))
      return user_error("infer.shape", fmt::format("the shape of input '{}' overflows", tensor.name));
  }
  if (tensor.shape.empty() || tensor.shape.size() > 2)
    return user_error("infer.shape", fmt::format("input '{}' has {} dimensions, expected 1 or 2", tensor.name,
                                                 tensor.shape.size()));
  if (static_cast<size_t>(tensor.shape[0]) > kMaxRowsPerRequest)
    return user_error("infer.too_many_rows",
                      fmt::format("{} rows in one request (limit {})", tensor.shape[0], kMaxRowsPerRequest),
                      {}, "send several requests, or score a file with `tidemill predict`");
  if (static_cast<size_t>(values) > kMaxValuesPerRequest)
    return user_error("infer.too_large",
                      fmt::format("{} values in one request (limit {})", values, kMaxValuesPerRequest));
  return static_cast<size_t>(values);
}

Result<size_t> take_values(const Tensor& tensor, size_t& allowed) {
  TM_TRY(const size_t values, values_of_shape(tensor));
  if (values > allowed)
    return user_error("infer.too_large",
                      fmt::format("more than {} values in one request", kMaxValuesPerRequest));
  allowed -= values;
  return values;
}

Result<void> check_count(const Tensor& tensor, size_t expected) {
  if (tensor.values() == expected) return {};
  return user_error("infer.shape", fmt::format("input '{}' has {} values, its shape says {}", tensor.name,
                                               tensor.values(), expected));
}

size_t tree_walks(const LiveModel& live, const InferRequest& request) {
  if (request.inputs.empty() || request.inputs[0].shape.empty()) return 0;
  return static_cast<size_t>(request.inputs[0].shape[0]) * live.predictor->forest().trees.size();
}

size_t bytes_of(const InferRequest& request) {
  size_t bytes = sizeof(InferRequest);
  for (const Tensor& tensor : request.inputs)
    bytes += sizeof(Tensor) + tensor.numbers.size() * sizeof(double) + tensor.texts.bytes();
  for (const std::string& key : request.keys) bytes += sizeof(std::string) + key.size();
  return bytes;
}

std::vector<TensorInfo> input_tensors(const forest::Package& package) {
  std::vector<TensorInfo> out;
  for (const forest::Feature& feature : package.features)
    out.push_back({feature.name, feature.category ? "BYTES" : "FP64", {-1}});
  return out;
}

std::vector<TensorInfo> output_tensors(const forest::Package& package) {
  switch (package.task) {
    case Task::Binary:
      return {{"score", "FP64", {-1}}, {"decision", "BOOL", {-1}}};
    case Task::Multiclass:
      return {{"scores", "FP64", {-1, static_cast<int64_t>(package.classes.size())}},
              {"label", "BYTES", {-1}}};
    case Task::Regression:
      break;
  }
  std::vector<TensorInfo> out{{"prediction", "FP64", {-1}}};
  if (package.conformal_half_width) {
    out.push_back({"low", "FP64", {-1}});
    out.push_back({"high", "FP64", {-1}});
  }
  return out;
}

Result<InferResponse> infer(const LiveModel& live, const InferRequest& request) {
  InferResponse response;
  TM_CHECK(infer(live, request, response));
  return response;
}

Result<void> infer(const LiveModel& live, const InferRequest& request, InferResponse& response) {
  const forest::Predictor& predictor = *live.predictor;
  response.deployment = live.deployment;
  response.version = live.version;
  response.id = request.id;
  TM_CHECK(predictor.forest().precision == forest::Precision::Float
               ? predict<float>(predictor, request.inputs, response)
               : predict<double>(predictor, request.inputs, response));
  if (request.outputs.empty()) return {};
  std::vector<Tensor> chosen;
  for (const std::string& name : request.outputs) {
    const auto at = std::ranges::find(response.outputs, name, &Tensor::name);
    if (at == response.outputs.end()) {
      std::vector<std::string> names;
      for (const Tensor& tensor : response.outputs) names.push_back(tensor.name);
      return user_error("infer.unknown_output", fmt::format("the model has no output '{}'", name), {},
                        did_you_mean(name, names));
    }
    if (std::ranges::find(chosen, name, &Tensor::name) != chosen.end())
      return user_error("infer.duplicate_output", fmt::format("output '{}' is asked for twice", name));
    chosen.push_back(*at);
  }
  response.outputs = std::move(chosen);
  return {};
}

}  // namespace tidemill::serving
