#include "forest/package.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tidemill::forest {

namespace {

constexpr size_t kMaxPackageFeatures = 1 << 20;
constexpr uint32_t kMaxPackageRounds = 1'000'000;
constexpr double kClosestToCertain = 0x1p-30;

std::unexpected<Error> invalid(std::string_view name, std::string_view why) {
  return data_error("package.invalid", fmt::format("the model package's '{}' {}", name, why));
}

// Each reads a member into `to`; a missing one leaves it alone.
Result<void> read(const Json& json, const char* name, std::string& to) {
  if (!json.contains(name)) return {};
  if (!json[name].is_string()) return invalid(name, "is not a text");
  to = json[name].get<std::string>();
  return {};
}
Result<void> read(const Json& json, const char* name, bool& to) {
  if (!json.contains(name)) return {};
  if (!json[name].is_boolean()) return invalid(name, "is not true or false");
  to = json[name].get<bool>();
  return {};
}
Result<void> read(const Json& json, const char* name, double& to) {
  if (!json.contains(name)) return {};
  if (!json[name].is_number()) return invalid(name, "is not a number");
  to = json[name].get<double>();
  return {};
}
Result<void> read(const Json& json, const char* name, std::optional<double>& to) {
  if (!json.contains(name) || json[name].is_null()) return {};
  return read(json, name, to.emplace());
}
Result<void> read(const Json& json, const char* name, std::vector<std::string>& to) {
  if (!json.contains(name)) return {};
  if (!json[name].is_array()) return invalid(name, "is not a list");
  for (const Json& item : json[name]) {
    if (!item.is_string()) return invalid(name, "is not a list of texts");
    to.push_back(item.get<std::string>());
  }
  return {};
}
Result<void> read(const Json& json, const char* name, std::vector<double>& to) {
  if (!json.contains(name)) return {};
  if (!json[name].is_array()) return invalid(name, "is not a list");
  for (const Json& item : json[name]) {
    if (!item.is_number()) return invalid(name, "is not a list of numbers");
    to.push_back(item.get<double>());
  }
  return {};
}
Result<void> read(const Json& json, const char* name, Json& to, Json::value_t type) {
  if (!json.contains(name)) return {};
  if (json[name].type() != type)
    return invalid(name, type == Json::value_t::array ? "is not a list" : "is not an object");
  to = json[name];
  return {};
}

bool rises_strictly(const auto& values) {
  return std::adjacent_find(values.begin(), values.end(),
                            [](const auto& a, const auto& b) { return !(a < b); }) == values.end();
}

Result<Feature> feature_from_json(const Json& json) {
  if (!json.is_object()) return invalid("features", "is not a list of objects");
  Feature feature;
  TM_CHECK(read(json, "name", feature.name));
  TM_CHECK(read(json, "type", feature.sql_type));
  TM_CHECK(read(json, "category", feature.category));
  TM_CHECK(read(json, "levels", feature.levels));
  TM_CHECK(read(json, "other_level", feature.other_level));
  TM_CHECK(read(json, "folded", feature.folded));
  TM_CHECK(read(json, "refuses_unknown", feature.refuses_unknown));
  if (feature.name.empty()) return invalid("features", "has one without a name");
  std::vector<std::string> sorted = feature.levels;
  std::sort(sorted.begin(), sorted.end());
  if (!rises_strictly(sorted)) return invalid("levels", fmt::format("of {} has one twice", feature.name));
  if (!rises_strictly(feature.folded))
    return invalid("folded", fmt::format("of {} is not sorted", feature.name));
  const bool has_other = std::binary_search(sorted.begin(), sorted.end(), feature.other_level);
  if (!feature.other_level.empty() && !has_other)
    return invalid("other_level", fmt::format("of {} is not one of its levels", feature.name));
  if (!feature.folded.empty() && feature.other_level.empty())
    return invalid("folded", fmt::format("of {} has no other_level", feature.name));
  return feature;
}

Result<Calibration> calibration_from_json(const Json& json) {
  if (!json.is_object()) return invalid("calibration", "is not an object");
  Calibration calibration;
  TM_CHECK(read(json, "kind", calibration.kind));
  TM_CHECK(read(json, "x", calibration.x));
  TM_CHECK(read(json, "y", calibration.y));
  TM_CHECK(read(json, "a", calibration.a));
  TM_CHECK(read(json, "b", calibration.b));
  const bool known =
      calibration.kind.empty() || calibration.kind == "isotonic" || calibration.kind == "platt";
  if (!known) return invalid("calibration", fmt::format("has the unknown kind '{}'", calibration.kind));
  if (calibration.kind == "isotonic") {
    if (calibration.x.empty() || calibration.x.size() != calibration.y.size())
      return invalid("calibration", "has no points");
    if (!rises_strictly(calibration.x) || !std::is_sorted(calibration.y.begin(), calibration.y.end()))
      return invalid("calibration", "does not rise");
  }
  return calibration;
}

Json to_json(const Feature& feature) {
  Json json = {{"name", feature.name}, {"type", feature.sql_type}, {"category", feature.category}};
  if (feature.category) json["levels"] = feature.levels;
  if (!feature.other_level.empty()) json["other_level"] = feature.other_level;
  if (!feature.folded.empty()) json["folded"] = feature.folded;
  if (feature.refuses_unknown) json["refuses_unknown"] = true;
  return json;
}

Json to_json(const Calibration& calibration) {
  Json json = {{"kind", calibration.kind}};
  if (calibration.kind == "isotonic") {
    json["x"] = calibration.x;
    json["y"] = calibration.y;
  } else if (calibration.kind == "platt") {
    json["a"] = calibration.a;
    json["b"] = calibration.b;
  }
  return json;
}

Json or_null(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

}  // namespace

Result<std::string> model_object(const Package& package) {
  for (const char* name : {"model.ubj", "model.json", "model.txt"})
    if (const auto file = package.files.find(name); file != package.files.end()) return file->second;
  return data_error("package.no_model", fmt::format("the package of {} names no model file", package.model));
}

std::string_view to_text(Task task) {
  switch (task) {
    case Task::Regression:
      return "regression";
    case Task::Binary:
      return "binary";
    case Task::Multiclass:
      return "multiclass";
  }
  return "?";
}

double Calibration::log_odds(double score) {
  const double p = std::clamp(score, kClosestToCertain, 1 - kClosestToCertain);
  return std::log(p / (1 - p));
}

double Calibration::apply(double score) const {
  if (kind == "platt") return 1 / (1 + std::exp(a * log_odds(score) + b));
  if (kind != "isotonic" || std::isnan(score)) return score;
  if (score <= x.front()) return y.front();
  if (score >= x.back()) return y.back();
  const size_t right = static_cast<size_t>(std::upper_bound(x.begin(), x.end(), score) - x.begin());
  const double share = (score - x[right - 1]) / (x[right] - x[right - 1]);
  return std::min(y[right], y[right - 1] + share * (y[right] - y[right - 1]));
}

Json to_json(const Package& package) {
  Json features = Json::array();
  for (const Feature& feature : package.features) features.push_back(to_json(feature));
  Json files = Json::object();
  for (const auto& [name, id] : package.files) files[name] = id;
  return {{"format", kPackageFormat},
          {"model", package.model},
          {"task", to_text(package.task)},
          {"key", package.key},
          {"target", package.target},
          {"classes", package.classes},
          {"features", std::move(features)},
          {"calibration", to_json(package.calibration)},
          {"threshold", or_null(package.threshold)},
          {"conformal_half_width", or_null(package.conformal_half_width)},
          {"conformal_coverage", or_null(package.conformal_coverage)},
          {"metrics", package.metrics},
          {"importance", package.importance},
          {"baseline", package.baseline},
          {"split", package.split},
          {"provenance", package.provenance},
          {"pipeline", package.pipeline},
          {"files", std::move(files)},
          {"rounds", package.rounds ? Json(*package.rounds) : Json(nullptr)}};
}

Result<Package> package_from_json(const Json& json) {
  if (!json.is_object()) return data_error("package.invalid", "a model package is a JSON object");
  if (!json.contains("format") || !json["format"].is_number_integer()) return invalid("format", "is missing");
  if (json["format"].get<int64_t>() > kPackageFormat)
    return data_error("package.newer_format",
                      fmt::format("the model package has format {}, this program reads up to {}",
                                  json["format"].get<int64_t>(), kPackageFormat),
                      {}, "update Tidemill");
  Package package;
  std::string task;
  TM_CHECK(read(json, "model", package.model));
  TM_CHECK(read(json, "task", task));
  if (task == "regression")
    package.task = Task::Regression;
  else if (task == "binary")
    package.task = Task::Binary;
  else if (task == "multiclass")
    package.task = Task::Multiclass;
  else
    return invalid("task", fmt::format("is the unknown '{}'", task));
  TM_CHECK(read(json, "key", package.key));
  TM_CHECK(read(json, "target", package.target));
  TM_CHECK(read(json, "classes", package.classes));
  if (!json.contains("features") || !json["features"].is_array()) return invalid("features", "is not a list");
  if (json["features"].size() > kMaxPackageFeatures)
    return invalid("features",
                   fmt::format("has {} (limit {})", json["features"].size(), kMaxPackageFeatures));
  std::vector<std::string> names;
  for (const Json& item : json["features"]) {
    TM_TRY(Feature feature, feature_from_json(item));
    names.push_back(feature.name);
    package.features.push_back(std::move(feature));
  }
  std::sort(names.begin(), names.end());
  if (!rises_strictly(names)) return invalid("features", "has a name twice");
  if (json.contains("calibration")) {
    TM_TRY(package.calibration, calibration_from_json(json["calibration"]));
  }
  TM_CHECK(read(json, "threshold", package.threshold));
  TM_CHECK(read(json, "conformal_half_width", package.conformal_half_width));
  TM_CHECK(read(json, "conformal_coverage", package.conformal_coverage));
  TM_CHECK(read(json, "metrics", package.metrics, Json::value_t::object));
  TM_CHECK(read(json, "importance", package.importance, Json::value_t::array));
  TM_CHECK(read(json, "baseline", package.baseline, Json::value_t::object));
  TM_CHECK(read(json, "split", package.split, Json::value_t::object));
  TM_CHECK(read(json, "provenance", package.provenance, Json::value_t::object));
  TM_CHECK(read(json, "pipeline", package.pipeline, Json::value_t::object));
  if (const auto rounds = json.find("rounds"); rounds != json.end() && !rounds->is_null()) {
    if (!rounds->is_number_unsigned() || *rounds == 0U || *rounds > kMaxPackageRounds)
      return invalid("rounds", "is no number of rounds");
    package.rounds = rounds->get<uint32_t>();
  }
  Json files = Json::object();
  TM_CHECK(read(json, "files", files, Json::value_t::object));
  for (const auto& [name, id] : files.items()) {
    if (!id.is_string()) return invalid("files", "does not name objects");
    package.files[name] = id.get<std::string>();
  }
  return package;
}

}  // namespace tidemill::forest
