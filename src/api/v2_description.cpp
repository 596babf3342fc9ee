#include "api/v2_description.hpp"

#include <algorithm>

#include "serving/infer.hpp"

namespace tidemill::api {

namespace {

// Members that are not named are let through unread, as the protocol's extensions may add some; parameters
// would change the answer, and are held to those that are known.
constexpr const char* kSchemas = R"json({
  "Datatype": {"type": "string", "enum": ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64", "BYTES"]},
  "Data": {
    "description": "Row by row, flat or nested as the shape says; null is missing.",
    "type": "array",
    "items": {"type": ["number", "boolean", "string", "null", "array"], "items": {"type": ["number", "boolean", "string", "null"]}}
  },
  "Shape": {"description": "Rows, or rows and columns.", "type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer", "minimum": 0}},
  "InferInput": {
    "type": "object",
    "required": ["name", "datatype", "shape", "data"],
    "properties": {
      "name": {"type": "string"},
      "datatype": {"$ref": "#/components/schemas/Datatype"},
      "shape": {"$ref": "#/components/schemas/Shape"},
      "data": {"$ref": "#/components/schemas/Data"}
    }
  },
  "OutputParameters": {
    "type": "object",
    "additionalProperties": false,
    "properties": {
      "binary_data": {"description": "Whether it is to come behind the JSON.", "type": "boolean"},
      "classification": {"description": "So many of the highest values, as score:index:label.", "type": "integer", "minimum": 0, "maximum": 18446744073709551615}
    }
  },
  "InferOutput": {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "parameters": {"$ref": "#/components/schemas/OutputParameters"}}
  },
  "InferParameters": {
    "type": "object",
    "additionalProperties": false,
    "properties": {
      "binary_data_output": {"description": "Whether all outputs are to come behind the JSON.", "type": "boolean"},
      "timeout": {"description": "So many microseconds after its last byte the request is not computed any more; 0: no matter when.", "type": "integer", "minimum": 0, "maximum": 18446744073709551615}
    }
  },
  "InferRequest": {
    "type": "object",
    "required": ["inputs"],
    "properties": {
      "id": {"description": "Echoed; names the prediction if it can stand in a header.", "type": "string"},
      "parameters": {"$ref": "#/components/schemas/InferParameters"},
      "inputs": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/InferInput"}},
      "outputs": {"description": "Which outputs; without it, all.", "type": "array", "items": {"$ref": "#/components/schemas/InferOutput"}}
    }
  },
  "OutputTensor": {
    "type": "object",
    "required": ["name", "datatype", "shape", "data"],
    "additionalProperties": false,
    "properties": {
      "name": {"type": "string"},
      "datatype": {"$ref": "#/components/schemas/Datatype"},
      "shape": {"$ref": "#/components/schemas/Shape"},
      "data": {"type": "array", "items": {"type": ["number", "boolean", "string", "null"]}}
    }
  },
  "InferResponse": {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "additionalProperties": false,
    "properties": {
      "model_name": {"type": "string"},
      "model_version": {"type": "string"},
      "id": {"type": "string"},
      "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/OutputTensor"}}
    }
  },
  "TensorInfo": {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "additionalProperties": false,
    "properties": {
      "name": {"type": "string"},
      "datatype": {"$ref": "#/components/schemas/Datatype"},
      "shape": {"description": "-1: any number.", "type": "array", "items": {"type": "integer", "minimum": -1}}
    }
  },
  "ModelMetadata": {
    "type": "object",
    "required": ["name", "versions", "platform", "inputs", "outputs"],
    "additionalProperties": false,
    "properties": {
      "name": {"type": "string"},
      "versions": {"type": "array", "items": {"type": "string"}},
      "platform": {"type": "string"},
      "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorInfo"}},
      "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorInfo"}}
    }
  },
  "ConfiguredTensor": {
    "type": "object",
    "required": ["name", "data_type", "dims"],
    "additionalProperties": false,
    "properties": {
      "name": {"type": "string"},
      "data_type": {"type": "string", "pattern": "^TYPE_"},
      "dims": {"type": "array", "items": {"type": "integer"}}
    }
  },
  "ModelConfig": {
    "type": "object",
    "required": ["name", "platform", "backend", "max_batch_size", "input", "output"],
    "properties": {
      "name": {"type": "string"},
      "platform": {"type": "string"},
      "backend": {"type": "string"},
      "max_batch_size": {"type": "integer", "minimum": 1},
      "input": {"type": "array", "items": {"$ref": "#/components/schemas/ConfiguredTensor"}},
      "output": {"type": "array", "items": {"$ref": "#/components/schemas/ConfiguredTensor"}}
    }
  },
  "Duration": {
    "type": "object",
    "required": ["count", "ns"],
    "additionalProperties": false,
    "properties": {"count": {"type": "integer", "minimum": 0}, "ns": {"type": "integer", "minimum": 0}}
  },
  "ModelStatistics": {
    "type": "object",
    "required": ["name", "version", "inference_count", "execution_count", "inference_stats"],
    "properties": {
      "name": {"type": "string"},
      "version": {"type": "string"},
      "inference_count": {"description": "Rows.", "type": "integer", "minimum": 0},
      "execution_count": {"type": "integer", "minimum": 0},
      "inference_stats": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Duration"}},
      "batch_stats": {"type": "array"}
    }
  },
  "Statistics": {
    "type": "object",
    "required": ["model_stats"],
    "additionalProperties": false,
    "properties": {"model_stats": {"type": "array", "items": {"$ref": "#/components/schemas/ModelStatistics"}}}
  },
  "ServerMetadata": {
    "type": "object",
    "required": ["name", "version", "extensions"],
    "additionalProperties": false,
    "properties": {
      "name": {"type": "string"},
      "version": {"type": "string"},
      "extensions": {"type": "array", "items": {"type": "string"}}
    }
  },
  "RepositoryIndex": {
    "type": "array",
    "items": {
      "type": "object",
      "required": ["name", "state", "reason"],
      "additionalProperties": false,
      "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "state": {"type": "string", "enum": ["READY", "UNAVAILABLE"]},
        "reason": {"type": "string"}
      }
    }
  },
  "RepositoryIndexRequest": {
    "type": "object",
    "properties": {"ready": {"description": "Only what is ready.", "type": "boolean"}}
  }
})json";

constexpr std::string_view kInferSummary = "Predictions for the rows of the input tensors.";
constexpr std::string_view kInferText =
    "One tensor a feature by name, or one tensor of rows and features in the order of the signature. A "
    "feature that is absent is missing. Columns of the key of the deployment's rows may stand beside the "
    "features, a value a row: they go into its log. With Inference-Header-Content-Length the JSON is "
    "followed by binary "
    "tensors: its inputs then have parameters {binary_data_size} in place of data.";

Json object_of(Json properties, Json required) {
  return Json{{"type", "object"}, {"required", std::move(required)}, {"properties", std::move(properties)}};
}

Json input_of(const forest::Feature& feature) {
  const Json number = Json::array(
      {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"});
  const Json value =
      feature.category ? Json::array({"string", "null"}) : Json::array({"number", "boolean", "null"});
  const Json row{{"type", "array"}, {"minItems", 1}, {"maxItems", 1}, {"items", {{"type", value}}}};
  Json shape{
      {"type", "array"},
      {"minItems", 1},
      {"maxItems", 2},
      {"prefixItems",
       Json::array({Json{{"type", "integer"}, {"minimum", 0}, {"maximum", serving::kMaxRowsPerRequest}},
                    Json{{"const", 1}}})}};
  return object_of(
      {{"name", {{"const", feature.name}}},
       {"datatype", {{"enum", feature.category ? Json::array({"BYTES"}) : number}}},
       {"shape", shape},
       {"data", {{"type", "array"}, {"items", {{"anyOf", Json::array({Json{{"type", value}}, row})}}}}}},
      Json::array({"name", "datatype", "shape", "data"}));
}

// All features in one tensor; nothing where some are texts and some numbers.
std::optional<Json> matrix_of(const forest::Package& package) {
  const auto texts = std::ranges::count_if(package.features, &forest::Feature::category);
  const auto features = static_cast<std::ptrdiff_t>(package.features.size());
  if (texts != 0 && texts != features) return std::nullopt;
  Json names = Json::array();
  for (const forest::Feature& feature : package.features) names.push_back(feature.name);
  return object_of({{"name", {{"type", "string"}, {"not", {{"enum", names}}}}},
                    {"datatype", schema_named("Datatype")},
                    {"shape",
                     {{"type", "array"},
                      {"minItems", 2},
                      {"maxItems", 2},
                      {"prefixItems",
                       Json::array({Json{{"type", "integer"}, {"minimum", 0}}, Json{{"const", features}}})}}},
                    {"data", schema_named("Data")}},
                   Json::array({"name", "datatype", "shape", "data"}));
}

/// A column that names the rows, beside the features.
Json input_of_key(const std::string& column) {
  return object_of({{"name", {{"const", column}, {"description", "Of the key of each row, for the log."}}},
                    {"datatype", schema_named("Datatype")},
                    {"shape", schema_named("Shape")},
                    {"data", schema_named("Data")}},
                   Json::array({"name", "datatype", "shape", "data"}));
}

Json request_of(const serving::LiveModel& live) {
  const forest::Package& package = live.predictor->package();
  Json inputs = Json::array(), outputs = Json::array();
  for (const forest::Feature& feature : package.features) inputs.push_back(input_of(feature));
  if (auto matrix = matrix_of(package)) inputs.push_back(std::move(*matrix));
  for (const std::string& column : live.key)
    if (!live.predictor->find_feature(column)) inputs.push_back(input_of_key(column));
  for (const serving::TensorInfo& output : serving::output_tensors(package)) outputs.push_back(output.name);
  Json output = object_of({{"name", {{"enum", outputs}}}, {"parameters", schema_named("OutputParameters")}},
                          Json::array({"name"}));
  return object_of({{"id", {{"type", "string"}}},
                    {"parameters", schema_named("InferParameters")},
                    {"inputs", {{"type", "array"}, {"minItems", 1}, {"items", {{"anyOf", inputs}}}}},
                    {"outputs", {{"type", "array"}, {"items", output}}}},
                   Json::array({"inputs"}));
}

Description infer(std::string operation, Json request) {
  Description out{.operation = std::move(operation),
                  .group = "Open Inference Protocol V2",
                  .summary = kInferSummary,
                  .text = kInferText};
  out.takes = {{"application/json", std::move(request)}, {"application/octet-stream"}};
  out.headers = {{"Inference-Header-Content-Length", "Bytes of the JSON, where binary tensors follow it.",
                  Json{{"type", "integer"}, {"minimum", 0}}}};
  Outcome answered{200, "The outputs, in JSON or with binary tensors behind it."};
  answered.media = {{"application/json", schema_named("InferResponse")}, {"application/octet-stream"}};
  answered.headers = {prediction_id_header()};
  out.outcomes = {std::move(answered)};
  out.errors = {501};
  return out;
}

}  // namespace

Json v2_schemas() { return Json::parse(kSchemas); }

Description describe_infer(std::string operation) {
  return infer(std::move(operation), schema_named("InferRequest"));
}

Description describe_infer_of(const serving::LiveModel& live) { return infer("infer", request_of(live)); }

Description describe_look(std::string operation, std::string_view summary, std::string_view schema) {
  Description out{
      .operation = std::move(operation), .group = "Open Inference Protocol V2", .summary = summary};
  out.outcomes = {{200, std::string(summary), json_media(schema_named(schema))}};
  out.errors = {503};
  return out;
}

Description describe_health(std::string operation, std::string_view summary) {
  Description out{.operation = std::move(operation), .group = "Health", .summary = summary};
  out.outcomes = {{200, "Yes."}, {503, "Not now."}};
  return out;
}

Description describe_repository_index() {
  Description out =
      describe_look("repositoryIndex", "The deployments and what they serve.", "RepositoryIndex");
  out.takes = json_media(schema_named("RepositoryIndexRequest"));
  out.needs_body = false;
  return out;
}

Description describe_unsupported(std::string operation, std::string_view why) {
  Description out{.operation = std::move(operation), .group = "Not supported", .summary = why};
  out.errors = {501};
  return out;
}

}  // namespace tidemill::api
