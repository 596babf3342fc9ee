#include "api/change_description.hpp"

namespace tidemill::api {

namespace {

constexpr std::string_view kGroup = "Deployments";

Json text(std::string_view description, size_t most = 4'000) {
  return Json{{"type", "string"}, {"maxLength", most}, {"description", description}};
}

Json version(std::string_view description) {
  return Json{{"type", "integer"}, {"minimum", 1}, {"maximum", 2147483647}, {"description", description}};
}

Json object(Json properties, Json required = Json::array()) {
  return Json{{"type", "object"},
              {"properties", std::move(properties)},
              {"required", std::move(required)},
              {"additionalProperties", false}};
}

Json moved(Json more) {
  more.update(Json{{"model", Json{{"type", "string"}}},
                   {"alias", Json{{"type", "string"}}},
                   {"version", version("What the alias names now.")},
                   {"deployments", Json{{"type", "array"}, {"items", schema_named("Deployment")}}}});
  return Json{{"type", "object"}, {"properties", std::move(more)}};
}

Description describe(std::string operation, std::string_view summary, Json answer) {
  Description out{.operation = std::move(operation), .group = kGroup, .summary = summary};
  out.outcomes = {{200, std::string(summary), json_media(std::move(answer))}};
  return out;
}

Description describe_change(std::string operation, std::string_view summary, Json takes, Json answer) {
  Description out = describe(std::move(operation), summary, std::move(answer));
  out.text = "Written to the audit trail with the token's name and the caller's address.";
  out.takes = json_media(std::move(takes));
  out.errors = {409};
  return out;
}

}  // namespace

Json change_schemas() {
  const Json nullable_text{{"type", Json::array({"string", "null"})}};
  return Json{
      {"Deployment",
       {{"type", "object"},
        {"required", Json::array({"deployment", "model", "alias", "champion", "problem", "challenger"})},
        {"properties",
         {{"deployment", {{"type", "string"}}},
          {"model", {{"type", "string"}}},
          {"alias", {{"type", "string"}}},
          {"champion", {{"type", Json::array({"object", "null"})}}},
          {"problem", nullable_text},
          {"challenger", {{"type", Json::array({"object", "null"})}}}}}}}};
}

Description describe_promote() {
  return describe_change("promote", "Moves an alias to a version.",
                         object({{"version", version("Of the model.")},
                                 {"alias", text("What is to name it; champion unless said.")},
                                 {"reason", text("For the audit trail.")},
                                 {"force", Json{{"type", "boolean"},
                                                {"description",
                                                 "Also when its features are of other kinds, or its task is "
                                                 "another, than of the version that it replaces, or a "
                                                 "deployment could not serve it."}}}},
                                Json::array({"version"})),
                         moved(Json::object()));
}

Description describe_rollback() {
  Description out = describe_change(
      "rollback", "Moves an alias back, and holds promotion of the model.",
      object({{"alias", text("Champion unless said.")}, {"reason", text("For the audit trail.")}}),
      moved(Json{{"hold", {{"type", "boolean"}}}}));
  out.needs_body = false;
  return out;
}

Description describe_rollout() {
  return describe_change(
      "rollout", "Begins, changes or ends a deployment's rollout.",
      object({{"shadow", version("It predicts the same requests, and nobody sees its answers.")},
              {"canary", version("It answers some of the requests.")},
              {"percent", Json{{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 100}}},
              {"end", Json{{"type", "boolean"}}},
              {"reason", text("For the audit trail.")}}),
      schema_named("Deployment"));
}

Description describe_deployments() {
  return describe(
      "deployments", "What every deployment serves, and what is wrong.",
      Json{{"type", "object"},
           {"properties", {{"deployments", {{"type", "array"}, {"items", schema_named("Deployment")}}}}}});
}

Description describe_deployment() {
  return describe("deployment", "What a deployment serves, and what is wrong.", schema_named("Deployment"));
}

}  // namespace tidemill::api
