#include "api/label_request.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "serving/csv_lines.hpp"

namespace tidemill::api {

namespace {

using monitoring::GivenLabel;
using monitoring::kMaxLabels;

constexpr size_t kMaxBytes = size_t{16} << 20;
constexpr size_t kMostProblemsTold = 10;

std::unexpected<Error> malformed(std::string message, std::string hint = {}) {
  return user_error("label.malformed", std::move(message), {}, std::move(hint));
}

std::unexpected<Error> too_many() {
  return user_error("label.too_many", fmt::format("more than {} labels at a time", kMaxLabels), {},
                    "send several requests");
}

/// What is wrong with labels, the first of it in words.
class Problems {
 public:
  void add(size_t label, const Error& error) {
    if (told_.size() < kMostProblemsTold) told_.push_back(fmt::format("label {}: {}", label, error.message));
    ++count_;
  }
  Result<void> check() const {
    if (count_ == 0) return {};
    const std::string more = count_ > told_.size() ? fmt::format("; and {} more", count_ - told_.size()) : "";
    return malformed(fmt::format("{}{}", fmt::join(told_, "; "), more), "none of them was taken");
  }

 private:
  std::vector<std::string> told_;
  size_t count_ = 0;
};

Result<void> take_member(const std::string& name, const Json& value, GivenLabel& label) {
  if (name == "prediction_id") {
    if (!value.is_string()) return malformed("'prediction_id' is no text");
    label.prediction_id = value.get<std::string>();
  } else if (name == "row") {
    if (!value.is_number_integer() || value < 0) return malformed("'row' is no number of a row, from 0");
    label.row = value.get<int64_t>();
  } else if (name == "key") {
    if (!value.is_object()) return malformed("'key' is no object of columns and values");
    label.key = value;
  } else if (name == "value") {
    if (value.is_null()) return malformed("'value' is null: a label that nobody knows is not sent");
    if (value.is_structured()) return malformed("'value' is neither text, number nor truth");
    label.value = monitoring::label_text(value);
  } else {
    static const std::vector<std::string> kNames{"prediction_id", "row", "key", "value"};
    const std::string near = did_you_mean(name, kNames);
    return malformed(fmt::format("'{}' is not known here{}{}", name, near.empty() ? "" : ": ", near));
  }
  return {};
}

Result<GivenLabel> label_of(const Json& json) {
  if (!json.is_object()) return malformed("it is no object");
  GivenLabel label;
  for (const auto& [name, value] : json.items()) TM_CHECK(take_member(name, value, label));
  if (!json.contains("value")) return malformed("'value' is missing");
  return label;
}

/// 1.0 is 1, as in JSON.
std::string value_of(const serving::CsvField& field) {
  double number = 0;
  const char* end = field.text.data() + field.text.size();
  const auto read = std::from_chars(field.text.data(), end, number);
  if (field.quoted || read.ec != std::errc() || read.ptr != end || !std::isfinite(number))
    return monitoring::label_text(std::string_view(field.text));
  int64_t whole = 0;
  const auto exact = std::from_chars(field.text.data(), end, whole);
  if (exact.ec == std::errc() && exact.ptr == end) return monitoring::label_text(Json(whole));
  return monitoring::label_text(Json(number));
}

Result<void> take_field(const std::string& name, const serving::CsvField& field, GivenLabel& label) {
  if (name == "value") {
    if (field.missing()) return malformed("'value' is missing");
    label.value = value_of(field);
  } else if (name == "prediction_id") {
    label.prediction_id = field.text;
  } else if (name == "row") {
    const char* end = field.text.data() + field.text.size();
    const auto read = std::from_chars(field.text.data(), end, label.row);
    if (field.missing()) return {};
    if (read.ec != std::errc() || read.ptr != end || label.row < 0)
      return malformed("'row' is no number of a row, from 0");
  } else if (!field.missing()) {
    label.key[name] = field.text;
  }
  return {};
}

Result<std::vector<std::string>> names_of(const std::vector<serving::CsvField>& fields,
                                          const std::vector<std::string>& key) {
  std::vector<std::string> known{"prediction_id", "row", "value"}, names;
  known.insert(known.end(), key.begin(), key.end());
  for (const serving::CsvField& field : fields) {
    if (std::ranges::find(known, field.text) == known.end()) {
      const std::string near = did_you_mean(field.text, known);
      return malformed(fmt::format("a column '{}' is not known here", field.text),
                       near.empty() ? fmt::format("there is {}", fmt::join(known, ", ")) : near);
    }
    if (std::ranges::find(names, field.text) != names.end())
      return malformed(fmt::format("column '{}' is there twice", field.text));
    names.push_back(field.text);
  }
  if (std::ranges::find(names, "value") == names.end()) return malformed("there is no column 'value'");
  return names;
}

}  // namespace

Result<std::vector<GivenLabel>> labels_from_json(std::string_view body) {
  TM_TRY(const Json json, parse_json(body, {}, kMaxBytes));
  constexpr std::string_view kExample = R"({"labels": [{"prediction_id": "…", "row": 0, "value": true}]})";
  if (!json.is_object() || json.size() != 1 || !json.contains("labels") || !json["labels"].is_array())
    return malformed("the body must be an object with a list 'labels'", std::string(kExample));
  if (json["labels"].size() > kMaxLabels) return too_many();
  std::vector<GivenLabel> labels;
  Problems problems;
  size_t number = 0;
  for (const Json& one : json["labels"]) {
    ++number;
    auto label = label_of(one);
    if (label)
      labels.push_back(std::move(*label));
    else
      problems.add(number, label.error());
  }
  TM_CHECK(problems.check());
  return labels;
}

Result<std::vector<GivenLabel>> labels_from_csv(std::string_view body, const std::vector<std::string>& key) {
  if (body.size() > kMaxBytes)
    return user_error("json.too_large", fmt::format("{} bytes of labels (limit {})", body.size(), kMaxBytes));
  TM_TRY(serving::CsvLines lines, serving::CsvLines::open(body));
  std::vector<serving::CsvField> fields;
  if (lines.done()) return malformed("there is no line of names");
  TM_CHECK(lines.next(fields));
  TM_TRY(const std::vector<std::string> names, names_of(fields, key));
  std::vector<GivenLabel> labels;
  Problems problems;
  for (;;) {
    TM_TRY(const bool more, lines.next_row(fields, names.size()));
    if (!more) break;
    if (labels.size() == kMaxLabels) return too_many();
    GivenLabel& label = labels.emplace_back();
    for (size_t f = 0; f < names.size(); ++f)
      if (const auto taken = take_field(names[f], fields[f], label); !taken) {
        problems.add(labels.size(), taken.error());
        break;
      }
  }
  TM_CHECK(problems.check());
  return labels;
}

}  // namespace tidemill::api
