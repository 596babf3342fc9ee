// The description as JSON Schema, for editors. A value with ${…} is allowed wherever a single value is, since
// only the loader knows what it becomes.
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "project/form.hpp"

namespace tidemill::project {

namespace {

using Kind = Scalar::Kind;

constexpr const char* kDuration = R"(^([0-9]+(w|d|h|m|s|ms|us))+$)";
constexpr const char* kPercent = R"(^[0-9]+(\.[0-9]+)? *%$)";
constexpr const char* kIdentifier = "^[a-z_][a-z0-9_]*$";

std::string definition_name(const Object& object) {
  std::string name = object.name;
  for (char& c : name)
    if (c == ' ') c = '_';
  return name;
}

Json text_schema() { return {{"type", "string"}, {"minLength", 1}}; }
Json pattern_schema(const char* pattern, const std::vector<Json>& examples = {}) {
  Json schema{{"type", "string"}, {"pattern", pattern}};
  if (!examples.empty()) schema["examples"] = examples;
  return schema;
}
Json interpolated() { return {{"$ref", "#/$defs/interpolated"}}; }
Json words_schema(const std::vector<std::string>& words) { return {{"enum", words}}; }

Json number_schema(const char* type, const Scalar& scalar) {
  Json schema{{"type", type}};
  const auto bound = [](double value) {
    return std::floor(value) == value ? Json(static_cast<int64_t>(value)) : Json(value);
  };
  if (std::isfinite(scalar.min)) schema["minimum"] = bound(scalar.min);
  if (std::isfinite(scalar.max)) schema["maximum"] = bound(scalar.max);
  return schema;
}

/// Without the ${…} alternative. Several, where a value may be of several JSON types.
std::vector<Json> alternatives(const Scalar& scalar) {
  switch (scalar.kind) {
    case Kind::Text:
    case Kind::Sql:
    case Kind::Path:
    case Kind::Column:
    case Kind::ColumnType:
      return {text_schema()};
    case Kind::ProjectName:
      return {pattern_schema("^[A-Za-z0-9_-]{1,100}$")};
    case Kind::Identifier:
    case Kind::Reference:
      return {pattern_schema(kIdentifier)};
    case Kind::Bool:
      return {Json{{"type", "boolean"}}};
    case Kind::Integer:
      return {number_schema("integer", scalar)};
    case Kind::Number:
      return {number_schema("number", scalar)};
    case Kind::Share: {
      Scalar bounds = scalar;
      bounds.min = std::max(bounds.min, 0.0);
      bounds.max = std::min(bounds.max, 1.0);
      return {number_schema("number", bounds), pattern_schema(kPercent, {"1%", "20%"})};
    }
    case Kind::Duration:
      return {pattern_schema(kDuration, {"90s", "15m", "24h", "28d"})};
    case Kind::Bytes:
      return {pattern_schema(R"(^[0-9.]+ *([KMGT]i?)?B$)", {"512MB", "4GB"})};
    case Kind::Url:
      return {pattern_schema("^https?://[^/]", {"https://example.org/hook"})};
    case Kind::Cron:
      return {pattern_schema(R"(^(@[a-z]+|\S+(\s+\S+){4})$)", {"0 6 * * *", "*/15 * * * *", "0 0 * * mon"})};
    case Kind::TimeZone:
      return {pattern_schema(R"(^[A-Z][A-Za-z0-9_+/-]*$)", {"UTC", "America/New_York", "Europe/Berlin"})};
    case Kind::FailLimit:
      return {Json{{"type", "integer"}, {"minimum", 0}},
              pattern_schema(R"(^(> *)?[0-9]+(\.[0-9]+ *%| *%)?$)", {"> 10", "> 1%"})};
    case Kind::Metric:
      return {words_schema(metric_names())};
    case Kind::Objective:
      return {words_schema({"regression", "binary", "multiclass"}),
              pattern_schema("^(reg|binary|multi|count|survival|rank):")};
    case Kind::DecisionRule:
      return {words_schema({"f1", "youden", "accuracy"}),
              pattern_schema(R"(^(precision|recall) *>= *[0-9.]+$)", {"precision>=0.9"})};
    case Kind::Rate:
      return {pattern_schema("^[0-9]+ per (minute|hour|day|week)$", {"100 per day"})};
    case Kind::Selector:
      return {
          pattern_schema(R"(^\+?[a-z_][a-z0-9_]*\+?( +\+?[a-z_][a-z0-9_]*\+?)*$)", {"+late", "features+"})};
    case Kind::Word:
      return {words_schema(scalar.words)};
    case Kind::Value:
      return {Json{{"type", {"string", "number", "boolean", "null"}}}};
    case Kind::ModelReference:
      return {pattern_schema("^[a-z_][a-z0-9_]*(@([a-z_][a-z0-9_]*|[1-9][0-9]*))?$", {"late@champion"})};
    case Kind::TableColumn:
      return {pattern_schema(R"(^[^.]+\..+$)", {"airports.faa"})};
  }
  return {};
}

bool takes_any_text(const Scalar& scalar) {
  return scalar.kind == Kind::Text || scalar.kind == Kind::Sql || scalar.kind == Kind::Path ||
         scalar.kind == Kind::Column || scalar.kind == Kind::ColumnType || scalar.kind == Kind::Value;
}

Json schema_of(const Form& form) {
  std::vector<Json> any;
  bool any_text = false;
  for (const Scalar& scalar : form.scalars) {
    for (Json& one : alternatives(scalar)) any.push_back(std::move(one));
    any_text = any_text || takes_any_text(scalar);
  }
  if (!any.empty() && !any_text) any.push_back(interpolated());
  if (form.item) {
    Json list{{"type", "array"}, {"items", schema_of(*form.item)}};
    if (form.min_items > 0) list["minItems"] = form.min_items;
    if (form.max_items < Form::kMaxItems) list["maxItems"] = form.max_items;
    any.push_back(std::move(list));
  }
  if (form.object != nullptr) any.push_back({{"$ref", "#/$defs/" + definition_name(*form.object)}});
  if (form.values) {
    Json map{{"type", "object"}, {"additionalProperties", schema_of(*form.values)}};
    if (form.names && !takes_any_text(*form.names)) map["propertyNames"] = alternatives(*form.names).front();
    any.push_back(std::move(map));
  }
  if (form.nullable) any.push_back({{"type", "null"}});
  if (any.size() == 1) return any.front();
  return {{"anyOf", any}};
}

Json needs(const std::vector<std::string>& keys) {
  Json any = Json::array();
  for (const std::string& key : keys) any.push_back({{"required", {key}}});
  return {{"anyOf", any}};
}

/// No two of the keys together.
Json excludes(const std::vector<std::string>& keys) {
  Json pairs = Json::array();
  for (size_t a = 0; a < keys.size(); ++a)
    for (size_t b = a + 1; b < keys.size(); ++b) pairs.push_back({{"required", {keys[a], keys[b]}}});
  return {{"not", {{"anyOf", pairs}}}};
}

Json schema_of(const Object& object) {
  Json schema{{"type", "object"},
              {"description", object.doc},
              {"properties", Json::object()},
              {"additionalProperties", false}};
  Json required = Json::array();
  for (const Key& key : object.keys) {
    Json value = schema_of(key.form);
    value["description"] =
        key.standard.empty() ? key.doc : fmt::format("{} Default: {}.", key.doc, key.standard);
    schema["properties"][key.name] = std::move(value);
    if (key.need == Key::Need::Required) required.push_back(key.name);
  }
  if (!required.empty() && object.alone.empty()) schema["required"] = required;
  if (!object.alone.empty()) {
    schema["if"] = {{"properties", {{object.alone, {{"const", true}}}}}, {"required", {object.alone}}};
    schema["then"] = {{"maxProperties", 1}};
    schema["else"] = {{"required", required}};
  }
  Json all = Json::array();
  for (const auto& group : object.at_least_one) all.push_back(needs(group));
  for (const auto& group : object.at_most_one)
    if (group.size() > 1) all.push_back(excludes(group));
  if (!all.empty()) schema["allOf"] = all;
  for (const Dependence& need : object.needs) schema["dependentSchemas"][need.key] = needs(need.others);
  return schema;
}

}  // namespace

Json json_schema() {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "tidemill.yaml"}};
  const Json root = schema_of(project_object());
  for (const auto& [key, value] : root.items()) schema[key] = value;
  Json definitions{{"interpolated",
                    {{"type", "string"},
                     {"pattern", R"(\$\{(env|file|param):)"},
                     {"description", "A value from a parameter, the environment or a file."}}}};
  for (const Object* object : all_objects())
    if (object != &project_object()) definitions[definition_name(*object)] = schema_of(*object);
  schema["$defs"] = std::move(definitions);
  return schema;
}

}  // namespace tidemill::project
