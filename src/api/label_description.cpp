#include "api/label_description.hpp"

namespace tidemill::api {

namespace {

constexpr std::string_view kText =
    "By prediction id and row, or by the key of the deployment's request source. Of several labels of one "
    "prediction the newest counts; one that is known already changes nothing, so a request may be sent "
    "again. "
    "All of a request's labels are taken or none, and are on the disk when it is answered. As CSV: a line of "
    "names (prediction_id, row or the key's columns, and value) first.";

constexpr const char* kSchemas = R"json({
  "Label": {
    "type": "object",
    "required": ["value"],
    "additionalProperties": false,
    "properties": {
      "prediction_id": {"type": "string", "minLength": 1, "maxLength": 200},
      "row": {"type": "integer", "minimum": 0, "default": 0, "description": "Of the prediction, from 0."},
      "key": {"type": "object", "description": "The key's columns, instead of prediction_id.", "additionalProperties": {"type": ["string", "number", "boolean"]}},
      "value": {"type": ["string", "number", "boolean"], "description": "What turned out to be true."}
    }
  },
  "LabelsTaken": {
    "type": "object",
    "required": ["deployment", "labels", "new", "same", "changed", "strangers", "early"],
    "additionalProperties": false,
    "properties": {
      "deployment": {"type": "string"},
      "labels": {"type": "integer", "minimum": 0, "description": "That came: the next three together."},
      "new": {"type": "integer", "minimum": 0, "description": "The first of their predictions."},
      "same": {"type": "integer", "minimum": 0, "description": "Known already."},
      "changed": {"type": "integer", "minimum": 0, "description": "Another was known before."},
      "strangers": {"type": "integer", "minimum": 0, "description": "Of the first three: no such prediction is in the log yet. They are kept."},
      "early": {"type": "integer", "minimum": 0, "description": "Of the first three: their predictions are younger than matures_after."}
    }
  }
})json";

}  // namespace

Json label_schemas() { return Json::parse(kSchemas); }

Description describe_labels() {
  Description out{.operation = "labels",
                  .group = "Labels",
                  .summary = "What turned out to be true of predictions that were served.",
                  .text = kText};
  out.takes = {
      {"application/json",
       Json{{"type", "object"},
            {"required", Json::array({"labels"})},
            {"additionalProperties", false},
            {"properties",
             {{"labels", {{"type", "array"}, {"maxItems", 100'000}, {"items", schema_named("Label")}}}}}}},
      {"text/csv", Json{{"type", "string"}}}};
  out.outcomes = {{200, "What became of them.", json_media(schema_named("LabelsTaken"))}};
  out.errors = {409};
  return out;
}

}  // namespace tidemill::api
