#include "api/openapi.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "api/change_description.hpp"
#include "api/label_description.hpp"
#include "api/mlflow_description.hpp"
#include "api/predict_description.hpp"
#include "api/v2_description.hpp"
#include "base/version.hpp"

namespace tidemill::api {

namespace {

constexpr std::string_view kAbout =
    "Predictions over the Open Inference Protocol V2, MLflow's scoring protocol and raw rows of a source. "
    "What stands here with {deployment} stands once more for each deployment that is live, with its own "
    "columns. A message that is no HTTP or beyond the limits is refused before its path is looked at, with "
    "400, 408, 413, 417, 431, 501 or 505.";

struct Refusal {
  int status;
  std::string_view name;
  std::string_view text;
};
constexpr std::array kRefusals{
    Refusal{400, "BadRequest", "The request is not what is taken here."},
    Refusal{401, "Unauthorized", "No token, or one that this server does not know or that has ended."},
    Refusal{403, "Forbidden", "Not with this token; without any, not from there."},
    Refusal{404, "NotFound", "There is no such deployment or version."},
    Refusal{409, "Conflict", "It does not go with how things are now; the text says why."},
    Refusal{413, "TooLarge", "The body, its rows or its values are more than one request may have."},
    Refusal{415, "UnsupportedMedia", "The body has a media type or a coding that is not taken here."},
    Refusal{429, "TooManyRequests", "More than the token's rate."},
    Refusal{501, "NotSupported", "What was asked for is not supported; the text says what to do instead."},
    Refusal{503, "NotReady", "Not ready to predict, or too much to do already."},
    Refusal{504, "TooLate", "The request's time was over before it was computed."}};

std::string_view schema_of(ErrorForm form) { return form == ErrorForm::Mlflow ? "MlflowError" : "Error"; }

std::string component_of(const Refusal& refusal, ErrorForm form) {
  return (form == ErrorForm::Mlflow ? "Mlflow" : "") + std::string(refusal.name);
}

Json media_json(const std::vector<Media>& media) {
  Json out = Json::object();
  for (const Media& each : media) out[std::string(each.type)] = Json{{"schema", each.schema}};
  return out;
}

Json header_json(const Field& field) { return Json{{"description", field.text}, {"schema", field.schema}}; }

Json outcome_json(const Outcome& outcome) {
  Json out{{"description", outcome.text}};
  for (const Field& header : outcome.headers) out["headers"][std::string(header.name)] = header_json(header);
  if (!outcome.media.empty()) out["content"] = media_json(outcome.media);
  return out;
}

Json refusal_json(const Refusal& refusal, ErrorForm form) {
  Outcome outcome{refusal.status, std::string(refusal.text), {}, {}};
  // What the server refuses before it looks at the path has the plain form everywhere.
  Json schema = schema_named(schema_of(form));
  if (form != ErrorForm::Plain &&
      (refusal.status == 413 || refusal.status == 503 || refusal.status == 504 || refusal.status == 400))
    schema = Json{{"anyOf", Json::array({schema, schema_named(schema_of(ErrorForm::Plain))})}};
  outcome.media = json_media(std::move(schema));
  if (refusal.status == 401) outcome.headers.push_back({"WWW-Authenticate", "The scheme of a token."});
  if (refusal.status == 429 || refusal.status == 503)
    outcome.headers.push_back(
        {"Retry-After", "Seconds after which to ask again.", Json{{"type", "integer"}, {"minimum", 1}}});
  return outcome_json(outcome);
}

// What may be refused follows from what an endpoint is, and need not be said by each.
std::set<int> refusals_of(const Endpoint& endpoint, const Description& description, std::string_view path) {
  std::set<int> statuses{400, 403, 415};
  statuses.insert(description.errors.begin(), description.errors.end());
  if (endpoint.scope() != Scope::Open) statuses.insert({401, 429});
  if (!description.takes.empty()) statuses.insert({413, 503, 504});
  if (path.starts_with("/v2/models/") || endpoint.path().find('{') != std::string_view::npos)
    statuses.insert(404);
  for (const Outcome& outcome : description.outcomes) statuses.erase(outcome.status);
  return statuses;
}

Json responses_of(const Endpoint& endpoint, const Description& description, std::string_view path) {
  std::map<int, Json> by_status;
  for (const Outcome& outcome : description.outcomes) by_status[outcome.status] = outcome_json(outcome);
  for (const int status : refusals_of(endpoint, description, path)) {
    const auto* refusal = std::ranges::find(kRefusals, status, &Refusal::status);
    by_status[status] = Json{{"$ref", "#/components/responses/" + component_of(*refusal, description.form)}};
  }
  Json out = Json::object();
  for (auto& [status, json] : by_status) out[std::to_string(status)] = std::move(json);
  return out;
}

Json security_of(const Endpoint& endpoint, const std::string& deployment, Tokens tokens) {
  if (endpoint.scope() == Scope::Open) return Json::array();
  std::string scope(name_of(endpoint.scope()));
  if (endpoint.scope() == Scope::Predict && !deployment.empty()) scope += ":" + deployment;
  Json ways = Json::array();
  for (const char* scheme : {"bearer", "basic"}) ways.push_back(Json{{scheme, Json::array({scope})}});
  if (tokens == Tokens::NotDemanded && endpoint.scope() <= Scope::Predict) ways.push_back(Json::object());
  return ways;
}

Json path_parameter(std::string_view name, const std::vector<std::string>& deployments) {
  Json schema{{"type", "string"}, {"minLength", 1}};
  std::string_view text = "The name of a shared memory region.";
  if (name == "deployment") {
    text = "The deployment's name in the project file.";
    if (!deployments.empty()) schema = Json{{"type", "string"}, {"enum", deployments}};
  } else if (name == "model") {
    text = "The model's name in the project file.";
  } else if (name == "version") {
    text = "A version that is live: the champion's, or the challenger's.";
    schema = Json{{"type", "string"}, {"pattern", "^[1-9][0-9]*$"}};
  }
  return Json{{"name", name}, {"in", "path"}, {"required", true}, {"description", text}, {"schema", schema}};
}

Json parameters_of(std::string_view path, const Description& description,
                   const std::vector<std::string>& deployments) {
  Json out = Json::array();
  for (size_t open = path.find('{'); open != path.npos; open = path.find('{', open + 1))
    out.push_back(path_parameter(path.substr(open + 1, path.find('}', open) - open - 1), deployments));
  for (const Field& header : description.headers)
    out.push_back(Json{{"name", header.name},
                       {"in", "header"},
                       {"required", false},
                       {"description", header.text},
                       {"schema", header.schema}});
  return out;
}

Json operation(const Endpoint& endpoint, const Description& description, const std::string& path,
               const std::string& deployment, const std::vector<std::string>& deployments, Tokens tokens) {
  Json out{{"operationId", description.operation},
           {"tags", Json::array({description.group})},
           {"summary", description.summary}};
  if (!description.text.empty()) out["description"] = description.text;
  if (Json parameters = parameters_of(path, description, deployments); !parameters.empty())
    out["parameters"] = std::move(parameters);
  if (!description.takes.empty())
    out["requestBody"] =
        Json{{"required", description.needs_body}, {"content", media_json(description.takes)}};
  out["responses"] = responses_of(endpoint, description, path);
  out["security"] = security_of(endpoint, deployment, tokens);
  return out;
}

std::string method_word(std::string_view method) { return method == "POST" ? "post" : "get"; }

Json components() {
  Json schemas{{"Error",
                {{"type", "object"},
                 {"required", Json::array({"error"})},
                 {"properties", {{"error", {{"type", "string"}}}}},
                 {"additionalProperties", false}}}};
  for (const Json& of_protocol :
       {v2_schemas(), mlflow_schemas(), predict_schemas(), change_schemas(), label_schemas()})
    schemas.update(of_protocol);
  Json responses = Json::object();
  for (const ErrorForm form : {ErrorForm::Plain, ErrorForm::Mlflow})
    for (const Refusal& refusal : kRefusals)
      responses[component_of(refusal, form)] = refusal_json(refusal, form);
  return Json{{"schemas", schemas},
              {"responses", responses},
              {"securitySchemes",
               {{"bearer",
                 {{"type", "http"},
                  {"scheme", "bearer"},
                  {"description", "A token of `tidemill tokens create`, with the scope named."}}},
                {"basic",
                 {{"type", "http"},
                  {"scheme", "basic"},
                  {"description", "Any user, and the token as the password."}}}}}};
}

}  // namespace

Json openapi(const std::vector<Endpoint>& endpoints, const Inference& inference, Tokens tokens) {
  const std::vector<std::string> deployments = inference.deployments().names();
  Json paths = Json::object();
  std::set<std::string> groups;
  const auto add = [&](const Endpoint& endpoint, const Description& description, const std::string& path,
                       const std::string& deployment) {
    groups.emplace(description.group);
    paths[path][method_word(endpoint.method())] =
        operation(endpoint, description, path, deployment, deployments, tokens);
  };
  for (const Endpoint& endpoint : endpoints)
    add(endpoint, endpoint.description(), std::string(endpoint.path()), "");
  constexpr std::string_view kOpen = "{deployment}";
  for (const std::string& name : deployments) {
    const auto live = inference.deployments().find(name);
    if (live == nullptr) continue;
    for (const Endpoint& endpoint : endpoints) {
      auto description = endpoint.description_of(*live);
      if (!description) continue;
      description->operation += "_" + name;
      std::string path(endpoint.path());
      path.replace(path.find(kOpen), kOpen.size(), name);
      add(endpoint, *description, path, name);
    }
  }
  Json tags = Json::array();
  for (const std::string& group : groups) tags.push_back(Json{{"name", group}});
  return Json{{"openapi", "3.1.0"},
              {"info", {{"title", "Tidemill"}, {"version", kVersion}, {"description", kAbout}}},
              {"servers", Json::array({Json{{"url", "/"}}})},
              {"tags", tags},
              {"paths", paths},
              {"components", components()}};
}

}  // namespace tidemill::api
