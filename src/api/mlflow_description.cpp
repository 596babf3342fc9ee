#include "api/mlflow_description.hpp"

namespace tidemill::api {

namespace {

constexpr const char* kSchemas = R"json({
  "MlflowError": {
    "type": "object",
    "required": ["error_code", "message"],
    "additionalProperties": false,
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}}
  },
  "Predictions": {
    "type": "object",
    "required": ["predictions"],
    "additionalProperties": false,
    "properties": {"predictions": {"description": "Of each row the model's first output.", "type": "array",
                                   "items": {"type": ["number", "array"], "items": {"type": "number"}}}}
  }
})json";

constexpr std::string_view kText =
    "A table in exactly one of MLflow's forms: dataframe_split, dataframe_records, instances or inputs; or "
    "as CSV with a line of names first. A column that is absent is missing, one that is unknown an error. "
    "Columns of the key of the deployment's rows may stand beside the features: they go into its log.";

// Names and values of the columns: of any model, or of one.
struct Table {
  Json name{{"type", "string"}};
  Json record{{"type", "object"}};
  Json list{{"type", "array"}};
  Json columns{{"type", "object"}, {"additionalProperties", {{"type", "array"}}}};
  bool one_column = true;  // a row may be its only value
};

Json value_of(const forest::Feature& feature) {
  Json types = Json::array({"number", "boolean", "null"});
  if (feature.category) types.push_back("string");
  return Json{{"type", std::move(types)}};
}

Table table_of(const serving::LiveModel& live) {
  const forest::Package& package = live.predictor->package();
  Table table;
  Json names = Json::array(), properties = Json::object(), items = Json::array(), columns = Json::object();
  for (const forest::Feature& feature : package.features) {
    names.push_back(feature.name);
    properties[feature.name] = value_of(feature);
    columns[feature.name] = Json{{"type", "array"}, {"items", value_of(feature)}};
    items.push_back(value_of(feature));
  }
  for (const std::string& column : live.key) {
    if (live.predictor->find_feature(column)) continue;
    const Json value{{"type", Json::array({"string", "number", "boolean", "null"})},
                     {"description", "Of the key of the row, for the log; null in every row: not sent."}};
    names.push_back(column);
    properties[column] = value;
    columns[column] = Json{{"type", "array"}, {"items", value}};
  }
  const size_t width = package.features.size();
  table.name = Json{{"enum", std::move(names)}};
  table.record = Json{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  table.list = Json{{"type", "array"}, {"prefixItems", items}, {"minItems", width}, {"maxItems", width}};
  table.columns = Json{{"type", "object"}, {"properties", columns}, {"additionalProperties", false}};
  table.one_column = width == 1;
  return table;
}

Json form(std::string_view name, Json schema) {
  return Json{{"type", "object"},
              {"required", Json::array({name})},
              {"properties",
               {{std::string(name), std::move(schema)},
                {"params", {{"description", "None are known."}, {"type", "object"}, {"maxProperties", 0}}}}},
              {"additionalProperties", false}};
}

Json request_of(const Table& table) {
  Json row = Json::array({table.record, table.list});
  if (table.one_column) row.push_back(Json{{"type", Json::array({"number", "string", "boolean", "null"})}});
  const Json rows{{"type", "array"}, {"items", {{"anyOf", row}}}};
  const Json split{{"type", "object"},
                   {"required", Json::array({"columns", "data"})},
                   {"properties",
                    {{"columns", {{"type", "array"}, {"uniqueItems", true}, {"items", table.name}}},
                     {"data",
                      {{"description", "As many values a row as columns."},
                       {"type", "array"},
                       {"items", {{"type", "array"}}}}}}}};
  return Json{{"oneOf", Json::array({form("dataframe_split", split), form("dataframe_records", rows),
                                     form("instances", rows),
                                     form("inputs", Json{{"anyOf", Json::array({rows, table.columns})}})})}};
}

Description invocations(std::string operation, const Table& table) {
  Description out{.operation = std::move(operation),
                  .group = "MLflow",
                  .summary = "Predictions for a table in one of MLflow's forms.",
                  .text = kText};
  out.takes = {{"application/json", request_of(table)}, {"text/csv", Json{{"type", "string"}}}};
  Outcome answered{200, "A prediction for each row.", json_media(schema_named("Predictions"))};
  answered.headers = {prediction_id_header()};
  out.outcomes = {std::move(answered)};
  out.errors = {404};
  out.form = ErrorForm::Mlflow;
  return out;
}

}  // namespace

Json mlflow_schemas() { return Json::parse(kSchemas); }

Description describe_invocations(std::string operation) { return invocations(std::move(operation), {}); }

Description describe_invocations_of(const serving::LiveModel& live) {
  return invocations("invocations", table_of(live));
}

Description describe_version() {
  Description out{.operation = "version", .group = "MLflow", .summary = "The server's version."};
  out.outcomes = {{200, "The version.", {{"text/plain", Json{{"type", "string"}}}}}};
  return out;
}

}  // namespace tidemill::api
