#include "serving/infer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

namespace tidemill::serving {

namespace {

using forest::Cell;
using forest::Task;

Cell cell_of(const Tensor& tensor, size_t i) {
  Cell cell;
  if (tensor.datatype != "BYTES") {
    cell.kind = Cell::Kind::Number;
    cell.number = tensor.numbers[i];
  } else if (const auto text = tensor.texts.at(i)) {
    cell.kind = Cell::Kind::Text;
    cell.text = *text;
  }
  return cell;
}

// Encoded features, row-major.
struct Encoded {
  size_t rows = 0;
  std::vector<double> values;
  forest::InputCounts counts;
};

Result<void> check_kind(const forest::Feature& feature, const Tensor& tensor) {
  const bool text = tensor.datatype == "BYTES";
  if (feature.category == text) return {};
  return user_error("infer.datatype", fmt::format("input '{}' has datatype {}, expected {}", feature.name,
                                                  tensor.datatype, feature.category ? "BYTES" : "a number"));
}

/// XGBoost's models see floats: what is finite and yet none is refused, as training refuses it.
Result<void> check_range(const forest::Feature& feature, const Cell& cell, double encoded) {
  if (!std::isinf(encoded) || cell.kind != Cell::Kind::Number || std::isinf(cell.number)) return {};
  return user_error("infer.range",
                    fmt::format("input '{}' has the value {}, which the model's floats cannot hold",
                                feature.name, cell.number));
}

Result<Encoded> encode(const forest::Predictor& predictor, const std::vector<Tensor>& inputs) {
  const auto& features = predictor.package().features;
  if (inputs.empty()) return user_error("infer.no_inputs", "the request has no inputs");
  for (const Tensor& tensor : inputs) {
    TM_TRY(const size_t values, values_of_shape(tensor));
    TM_CHECK(check_count(tensor, values));
  }
  Encoded encoded;
  encoded.rows = static_cast<size_t>(inputs[0].shape[0]);
  if (encoded.rows * features.size() > kMaxValuesPerRequest)
    return user_error("infer.too_large",
                      fmt::format("{} rows of {} features in one request (limit {} values)", encoded.rows,
                                  features.size(), kMaxValuesPerRequest));
  encoded.values.assign(encoded.rows * features.size(), std::numeric_limits<double>::quiet_NaN());

  const bool matrix =
      inputs.size() == 1 && inputs[0].shape.size() == 2 &&
      std::none_of(features.begin(), features.end(), [&](const auto& f) { return f.name == inputs[0].name; });
  if (matrix) {
    const Tensor& tensor = inputs[0];
    if (static_cast<size_t>(tensor.shape[1]) != features.size())
      return user_error("infer.shape", fmt::format("input '{}' has {} columns, the model has {} features",
                                                   tensor.name, tensor.shape[1], features.size()));
    for (size_t f = 0; f < features.size(); ++f) TM_CHECK(check_kind(features[f], tensor));
    for (size_t i = 0; i < encoded.values.size(); ++i) {
      const Cell cell = cell_of(tensor, i);
      encoded.values[i] = predictor.encode(i % features.size(), cell, encoded.counts);
      TM_CHECK(check_range(features[i % features.size()], cell, encoded.values[i]));
    }
    return encoded;
  }

  std::unordered_map<std::string_view, size_t> index;
  std::vector<std::string> names;
  for (size_t f = 0; f < features.size(); ++f) {
    index.emplace(features[f].name, f);
    names.push_back(features[f].name);
  }
  std::vector<bool> given(features.size(), false);
  for (const Tensor& tensor : inputs) {
    const auto found = index.find(tensor.name);
    if (found == index.end())
      return user_error("infer.unknown_input", fmt::format("the model has no input '{}'", tensor.name), {},
                        did_you_mean(tensor.name, names));
    const size_t f = found->second;
    if (given[f])
      return user_error("infer.duplicate_input", fmt::format("input '{}' is given twice", tensor.name));
    given[f] = true;
    if (static_cast<size_t>(tensor.shape[0]) != encoded.rows ||
        (tensor.shape.size() == 2 && tensor.shape[1] != 1))
      return user_error(
          "infer.shape",
          fmt::format("input '{}' has another number of rows than '{}', or more than one column", tensor.name,
                      inputs[0].name));
    TM_CHECK(check_kind(features[f], tensor));
    for (size_t r = 0; r < encoded.rows; ++r) {
      const Cell cell = cell_of(tensor, r);
      double& value = encoded.values[r * features.size() + f];
      value = predictor.encode(f, cell, encoded.counts);
      TM_CHECK(check_range(features[f], cell, value));
    }
  }
  for (size_t f = 0; f < features.size(); ++f)
    if (!given[f]) encoded.counts.missing += static_cast<int64_t>(encoded.rows);
  return encoded;
}

std::vector<Tensor> answers(const forest::Package& package, size_t outputs, size_t rows,
                            const std::vector<double>& scores) {
  std::vector<Tensor> out;
  for (const TensorInfo& info : output_tensors(package)) {
    Tensor tensor{info.name, info.datatype, info.shape};
    tensor.shape[0] = static_cast<int64_t>(rows);
    for (size_t r = 0; r < rows; ++r) {
      const double* row = scores.data() + r * outputs;
      if (info.name == "decision") {
        tensor.numbers.push_back(row[0] >= package.threshold.value_or(0.5) ? 1.0 : 0.0);
      } else if (info.name == "label") {
        const auto best = static_cast<size_t>(std::max_element(row, row + outputs) - row);
        tensor.texts.add(best < package.classes.size() ? package.classes[best] : std::to_string(best));
      } else if (info.name == "low") {
        tensor.numbers.push_back(row[0] - *package.conformal_half_width);
      } else if (info.name == "high") {
        tensor.numbers.push_back(row[0] + *package.conformal_half_width);
      } else {
        tensor.numbers.insert(tensor.numbers.end(), row, row + outputs);
      }
    }
    out.push_back(std::move(tensor));
  }
  return out;
}

}  // namespace

std::optional<std::string_view> TextColumn::at(size_t i) const {
  if (missing_[i]) return std::nullopt;
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(bytes_).substr(begin, ends_[i] - begin);
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
  const forest::Predictor& predictor = *live.predictor;
  TM_TRY(const Encoded encoded, encode(predictor, request.inputs));
  std::vector<double> scores(encoded.rows * predictor.outputs());
  predictor.predict(encoded.values, scores);

  InferResponse response{live.deployment, live.version, request.id, {}, encoded.rows, encoded.counts};
  response.outputs = answers(predictor.package(), predictor.outputs(), encoded.rows, scores);
  if (request.outputs.empty()) return response;
  std::vector<Tensor> chosen;
  std::vector<std::string> names;
  for (const Tensor& tensor : response.outputs) names.push_back(tensor.name);
  for (const std::string& name : request.outputs) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end())
      return user_error("infer.unknown_output", fmt::format("the model has no output '{}'", name), {},
                        did_you_mean(name, names));
    if (std::any_of(chosen.begin(), chosen.end(), [&](const Tensor& t) { return t.name == name; }))
      return user_error("infer.duplicate_output", fmt::format("output '{}' is asked for twice", name));
    chosen.push_back(response.outputs[static_cast<size_t>(at - names.begin())]);
  }
  response.outputs = std::move(chosen);
  return response;
}

}  // namespace tidemill::serving
