#include "api/openapi.hpp"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "api/change_endpoints.hpp"
#include "api/routes.hpp"

namespace tidemill::api {
namespace {

class OpenApi : public ::testing::Test {
 protected:
  serving::Deployments none_;
  Inference inference_{none_};
  Access access_{{}};
  Changes changes_{none_, {}};
  monitoring::Labels labels_;
  Routes routes_{inference_, access_, {.changes = &changes_, .labels = &labels_}};
  Json document_ = openapi(routes_.endpoints(), inference_, Tokens::Demanded);

  const Json& operation(const Endpoint& endpoint) const {
    return document_["paths"]
        .at(std::string(endpoint.path()))
        .at(endpoint.method() == "GET" ? "get" : "post");
  }
};

TEST_F(OpenApi, describes_every_endpoint_under_a_name_of_its_own) {
  std::set<std::string> names;
  for (const Endpoint& endpoint : routes_.endpoints()) {
    const Json& described = operation(endpoint);
    ASSERT_TRUE(described.is_object()) << endpoint.path();
    EXPECT_TRUE(names.insert(described["operationId"].get<std::string>()).second) << endpoint.path();
    EXPECT_FALSE(described["summary"].get<std::string>().empty()) << endpoint.path();
    EXPECT_FALSE(described["tags"].at(0).get<std::string>().empty()) << endpoint.path();
    EXPECT_EQ(described.contains("requestBody"), !endpoint.description().takes.empty()) << endpoint.path();
    const Json& responses = described["responses"];
    EXPECT_TRUE(responses.contains("200") || responses.contains("501")) << endpoint.path();
    EXPECT_TRUE(responses.contains("400")) << endpoint.path();
  }
  EXPECT_GT(names.size(), 20U);
}

TEST_F(OpenApi, says_which_scope_a_path_needs) {
  for (const Endpoint& endpoint : routes_.endpoints()) {
    const Json& described = operation(endpoint);
    const bool open = endpoint.scope() == Scope::Open;
    EXPECT_EQ(described["security"].empty(), open) << endpoint.path();
    for (const char* status : {"401", "429"})
      EXPECT_EQ(described["responses"].contains(status), !open) << endpoint.path();
    if (open) continue;
    EXPECT_EQ(described["security"].at(0)["bearer"].at(0), name_of(endpoint.scope())) << endpoint.path();
  }
  const Json without = openapi(routes_.endpoints(), inference_, Tokens::NotDemanded);
  EXPECT_EQ(without["paths"]["/metrics"]["get"]["security"].back(), Json::object());
}

// A reference to what is not there would be found by whoever reads the document only.
void each_reference(const Json& json, const std::function<void(const std::string&)>& see) {
  if (json.is_object() && json.contains("$ref")) see(json["$ref"].get<std::string>());
  if (json.is_structured())
    for (const Json& inner : json) each_reference(inner, see);
}

TEST_F(OpenApi, refers_to_what_is_there) {
  std::set<std::string> targets;
  each_reference(document_, [&](const std::string& target) {
    targets.insert(target);
    ASSERT_TRUE(target.starts_with("#/")) << target;
    EXPECT_TRUE(document_.contains(Json::json_pointer(target.substr(1)))) << target;
  });
  for (const auto& [name, schema] : document_["components"]["schemas"].items())
    EXPECT_TRUE(targets.contains("#/components/schemas/" + name)) << name << " is used nowhere";
}

}  // namespace
}  // namespace tidemill::api
