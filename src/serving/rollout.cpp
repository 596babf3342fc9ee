#include "serving/rollout.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/sha256.hpp"
#include "serving/request_time.hpp"

namespace tidemill::serving {

namespace {

using forest::Feature;

/// The shortest text that is read back as the number; whole ones without a point.
std::string text_of(double number) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: up to there each whole number has its own double
  if (number == std::floor(number) && std::abs(number) <= kExact)
    return fmt::format("{}", static_cast<int64_t>(number));
  return fmt::format("{}", number);
}

std::optional<std::string> first_value(const Tensor& tensor, size_t at) {
  if (tensor.datatype == "BYTES") {
    if (at >= tensor.texts.size()) return std::nullopt;
    const auto text = tensor.texts.at(at);
    return text ? std::optional(std::string(*text)) : std::nullopt;
  }
  if (at >= tensor.numbers.size() || std::isnan(tensor.numbers[at])) return std::nullopt;
  return text_of(tensor.numbers[at]);
}

/// Of the first row's key, where it has the column.
std::optional<std::string> member_of_key(const std::vector<std::string>& keys, std::string_view column) {
  if (keys.empty()) return std::nullopt;
  const auto key = parse_json("{" + keys.front() + "}");
  if (!key) return std::nullopt;
  const auto found = key->find(column);
  if (found == key->end()) return std::nullopt;
  if (found->is_number()) return text_of(found->get<double>());
  return found->is_string() ? found->get<std::string>() : to_text(*found);
}

const Feature* find(const forest::Package& package, std::string_view name) {
  const auto found = std::ranges::find(package.features, name, &Feature::name);
  return found == package.features.end() ? nullptr : &*found;
}

/// One tensor [rows, features] in the order of the signature.
bool is_matrix(const std::vector<Tensor>& inputs, const forest::Package& package) {
  return inputs.size() == 1 && inputs[0].shape.size() == 2 && find(package, inputs[0].name) == nullptr;
}

/// A column of a matrix under its feature's name.
Tensor column_of(const Tensor& matrix, size_t column, const std::string& name) {
  const auto width = static_cast<size_t>(matrix.shape[1]);
  Tensor out{name, matrix.datatype, {matrix.shape[0]}};
  for (size_t at = column; at < matrix.values(); at += width) {
    if (matrix.datatype != "BYTES")
      out.numbers.push_back(matrix.numbers[at]);
    else if (const auto text = matrix.texts.at(at))
      out.texts.add(*text);
    else
      out.texts.add_missing();
  }
  return out;
}

}  // namespace

double place_of_key(std::string_view deployment, int version, std::string_view key) {
  constexpr size_t kDigits = 16;
  constexpr int kCut = 11;  // a double has 53 bits
  const std::string hash = sha256(fmt::format("{}\n{}\n{}", deployment, version, key));
  uint64_t bits = 0;
  std::from_chars(hash.data(), hash.data() + kDigits, bits, 16);
  return std::ldexp(static_cast<double>(bits >> kCut), kCut - 64);
}

std::optional<std::string> key_of(const std::vector<Tensor>& inputs, const forest::Package& package,
                                  std::string_view column) {
  if (is_matrix(inputs, package)) {
    const auto feature = std::ranges::find(package.features, column, &Feature::name);
    if (feature == package.features.end() || inputs[0].shape[0] == 0) return std::nullopt;
    return first_value(inputs[0], static_cast<size_t>(feature - package.features.begin()));
  }
  const auto tensor = std::ranges::find(inputs, column, &Tensor::name);
  return tensor == inputs.end() ? std::nullopt : first_value(*tensor, 0);
}

std::optional<std::string> key_of(const InferRequest& request, const forest::Package& package,
                                  std::string_view column) {
  if (auto of_key = member_of_key(request.keys, column)) return of_key;
  return key_of(request.inputs, package, column);
}

std::optional<std::string> key_of(const RequestRows& rows, const RequestSchema& schema,
                                  std::string_view column) {
  const auto found = schema.find(column);
  if (!found || rows.rows == 0) return std::nullopt;
  const engine::GivenValues& values = rows.columns[*found];
  if (values.missing[0] != 0) return std::nullopt;
  const engine::GivenKind kind = schema.columns()[*found].kind;
  switch (kind) {
    case engine::GivenKind::Boolean:
      return values.wholes[0] != 0 ? "true" : "false";
    case engine::GivenKind::Integer:
      return std::to_string(values.wholes[0]);
    case engine::GivenKind::Real:
      return text_of(values.reals[0]);
    case engine::GivenKind::Text:
      return values.texts[0];
    case engine::GivenKind::Date:
    case engine::GivenKind::Timestamp:
    case engine::GivenKind::TimestampTz:
      return text_of_time(kind, values.wholes[0]);
  }
  return std::nullopt;
}

bool same_inputs(const forest::Package& a, const forest::Package& b) {
  return std::ranges::equal(a.features, b.features, [](const Feature& one, const Feature& other) {
    return one.name == other.name && one.category == other.category;
  });
}

Result<void> check_answers_as(const forest::Package& champion, const forest::Package& challenger) {
  if (champion.task == challenger.task) return {};
  return user_error("serving.task",
                    fmt::format("the challenger's task is {} and the champion's {}: callers would get two "
                                "kinds of answers",
                                forest::to_text(challenger.task), forest::to_text(champion.task)),
                    {}, "give a version of another task an alias and a deployment of its own");
}

Result<void> check_takes_inputs_of(const forest::Package& champion, const forest::Package& challenger) {
  const auto kind = [](const Feature& feature) { return feature.category ? "text" : "a number"; };
  bool any = champion.features.empty();
  for (const Feature& feature : champion.features) {
    const Feature* other = find(challenger, feature.name);
    any |= other != nullptr;
    if (other != nullptr && other->category != feature.category)
      return user_error(
          "serving.inputs",
          fmt::format("feature '{}' is {} to the challenger and {} to the champion, whose callers do "
                      "not know which of them answers",
                      feature.name, kind(*other), kind(feature)),
          {}, "give the feature another name, or promote the version at once");
  }
  if (!any)
    return user_error("serving.inputs",
                      "the challenger takes none of the champion's features, so that no caller's request "
                      "would have an input",
                      {}, "give a version of other features an alias and a deployment of its own");
  return {};
}

InferRequest adapted(const InferRequest& request, const forest::Package& champion,
                     const forest::Package& challenger) {
  if (same_inputs(champion, challenger)) return request;
  InferRequest out{request.id, {}, request.outputs, request.keys};
  if (is_matrix(request.inputs, champion) &&
      static_cast<size_t>(request.inputs[0].shape[1]) == champion.features.size()) {
    for (size_t f = 0; f < champion.features.size(); ++f)
      if (find(challenger, champion.features[f].name) != nullptr)
        out.inputs.push_back(column_of(request.inputs[0], f, champion.features[f].name));
    return out;
  }
  for (const Tensor& tensor : request.inputs)
    if (find(challenger, tensor.name) != nullptr || find(champion, tensor.name) == nullptr)
      out.inputs.push_back(tensor);
  return out;
}

}  // namespace tidemill::serving
