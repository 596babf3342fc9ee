// What an endpoint says of itself, in OpenAPI's words (3.1, so that schemas are JSON Schema 2020-12): what it
// takes, what it answers, and in which form it refuses. A plain value; openapi.cpp makes a document of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/replies.hpp"
#include "base/json.hpp"

namespace tidemill::api {

struct Media {
  std::string_view type;
  Json schema = Json::object();  // {}: anything
};

/// A header, of a request or of an answer.
struct Field {
  std::string_view name;
  std::string_view text;
  Json schema = Json{{"type", "string"}};
};

struct Outcome {
  int status = 200;
  std::string text;
  std::vector<Media> media = {};  // none: its body says nothing
  std::vector<Field> headers = {};
};

struct Description {
  std::string operation;  // stable: programs that are generated call it so
  std::string_view group;
  std::string_view summary;
  std::string_view text = {};
  std::vector<Media> takes = {};  // none: it reads no body
  bool needs_body = true;         // when it takes one
  std::vector<Field> headers = {};
  std::vector<Outcome> outcomes;
  /// Statuses of errors, beside those that follow from its path, scope and body: openapi.cpp knows these.
  std::vector<int> errors = {};
  ErrorForm form = ErrorForm::Plain;
};

/// {"$ref": …} of one of the document's schemas.
inline Json schema_named(std::string_view name) {
  return Json{{"$ref", "#/components/schemas/" + std::string(name)}};
}

inline std::vector<Media> json_media(Json schema) { return {{"application/json", std::move(schema)}}; }

inline Field prediction_id_header() {
  return {"X-Prediction-Id", "Names the prediction: under it its label comes back later."};
}

}  // namespace tidemill::api
