#include "api/predict_description.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "serving/infer.hpp"
#include "serving/row_features.hpp"

namespace tidemill::api {

namespace {

using engine::GivenKind;

constexpr std::string_view kText =
    "Records of the source's columns, as JSON or as CSV with a line of names first. The SQL that made the "
    "version's training features makes theirs. A column that is absent is missing; each answer carries its "
    "row's key.";

constexpr const char* kSchemas = R"json({
  "RowPredictions": {
    "type": "object",
    "required": ["deployment", "version", "prediction_id", "predictions"],
    "additionalProperties": false,
    "properties": {
      "deployment": {"type": "string"},
      "version": {"type": "integer", "minimum": 1},
      "prediction_id": {"type": "string"},
      "predictions": {"description": "In the rows' order: the key and the model's outputs.", "type": "array", "items": {"type": "object"}}
    }
  }
})json";

constexpr std::string_view kTimeOfDay = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?";
constexpr std::string_view kDay = "^[0-9]{4}-[0-9]{2}-[0-9]{2}";

bool is_number(std::string_view type) {
  return type.starts_with("DECIMAL") || type == "HUGEINT" || type == "UHUGEINT" || type == "UBIGINT";
}

Json schema_of(const serving::RequestColumn& column) {
  if (column.nested) return Json{{"type", Json::array({"array", "object"})}};
  switch (column.kind) {
    case GivenKind::Boolean:
      return Json{{"type", "boolean"}};
    case GivenKind::Integer:
      return Json{{"type", "integer"}, {"minimum", column.least}, {"maximum", column.most}};
    case GivenKind::Real:
      return Json{{"type", "number"}};
    case GivenKind::Date:
      return Json{{"type", "string"}, {"format", "date"}};
    case GivenKind::Timestamp:
      return Json{{"type", "string"}, {"pattern", fmt::format("{}([Tt ]{})?$", kDay, kTimeOfDay)}};
    case GivenKind::TimestampTz:
      return Json{{"type", "string"}, {"format", "date-time"}};
    case GivenKind::Text:
      break;
  }
  if (column.cast && is_number(column.type)) return Json{{"type", Json::array({"number", "string"})}};
  return Json{{"type", "string"}};
}

Json or_null(Json schema) {
  Json& type = schema["type"];
  if (!type.is_array()) type = Json::array({type});
  type.push_back("null");
  return schema;
}

Json record_of(const serving::RequestSchema& schema) {
  Json properties = Json::object(), required = Json::array();
  for (size_t c = 0; c < schema.columns().size(); ++c) {
    const serving::RequestColumn& column = schema.columns()[c];
    const bool needed = std::ranges::find(schema.key(), c) != schema.key().end() || schema.needed_time() == c;
    Json one = schema_of(column);
    if (!needed) one = or_null(std::move(one));
    one["description"] = column.type;
    properties[column.name] = std::move(one);
    if (needed) required.push_back(column.name);
  }
  return Json{{"type", "object"},
              {"required", required},
              {"properties", properties},
              {"additionalProperties", false}};
}

Json answer_of(const serving::LiveModel& live) {
  const serving::RequestSchema& schema = live.row_features->schema();
  Json properties = Json::object(), required = Json::array();
  for (const size_t c : schema.key()) {
    properties[schema.columns()[c].name] = Json::object();
    required.push_back(schema.columns()[c].name);
  }
  for (const serving::TensorInfo& output : serving::output_tensors(live.predictor->package())) {
    const Json value{{"type", output.datatype == "BYTES"  ? "string"
                              : output.datatype == "BOOL" ? "boolean"
                                                          : "number"}};
    properties[output.name] = output.shape.size() > 1 ? Json{{"type", "array"}, {"items", value}} : value;
    required.push_back(output.name);
  }
  Json answer = predict_schemas()["RowPredictions"];
  answer["properties"]["predictions"]["items"] =
      Json{{"type", "object"}, {"required", required}, {"properties", properties}};
  return answer;
}

Description predict(Json record, Json answer) {
  Description out{.operation = "predict",
                  .group = "Raw rows",
                  .summary = "Predictions for rows of the deployment's request source.",
                  .text = kText};
  const Json rows{{"type", "array"}, {"minItems", 1}, {"items", record}};
  out.takes = {{"application/json", Json{{"oneOf", Json::array({std::move(record), rows})}}},
               {"text/csv", Json{{"type", "string"}}}};
  out.headers = {{"X-Prediction-Id", "Names the prediction: 64 letters, digits, - _ . or : at most."}};
  Outcome answered{200, "A prediction for each row.", json_media(std::move(answer))};
  answered.headers = {prediction_id_header()};
  out.outcomes = {std::move(answered)};
  return out;
}

}  // namespace

Json predict_schemas() { return Json::parse(kSchemas); }

Description describe_predict() { return predict(Json{{"type", "object"}}, schema_named("RowPredictions")); }

std::optional<Description> describe_predict_of(const serving::LiveModel& live) {
  if (live.row_features == nullptr) return std::nullopt;
  return predict(record_of(live.row_features->schema()), answer_of(live));
}

}  // namespace tidemill::api
