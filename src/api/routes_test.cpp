#include "api/routes.hpp"

#include <functional>

#include <gtest/gtest.h>

#include "api/replies.hpp"

namespace tidemill::api {
namespace {

Response done(const Answer& answer) {
  const auto* work = std::get_if<Work>(&answer);
  return work != nullptr ? (*work)() : std::get<Response>(answer);
}

int status_for(std::string_view header, std::string_view value) {
  serving::Deployments none;
  Inference inference(none);
  const Access access({});
  const Routes routes(inference, access);
  Request request;
  request.method = "GET";
  request.path = "/v2/health/live";
  request.headers.emplace_back(header, value);
  return std::get<Response>(routes.answer(request)).status;
}

TEST(Routes, answer_this_machine_only_by_the_names_it_has_itself) {
  for (const char* host : {"127.0.0.1:8080", "127.0.0.1", "localhost:8080", "[::1]:8080", "[::1]"})
    EXPECT_EQ(status_for("host", host), 200) << host;
  for (const char* host : {"127.attacker.com", "127.0.0.1.evil.com", "evil.com:80", "localhost:80@evil.com",
                           "[::1]evil.com", "[::1", "127.0.0.1:x", "::1", ":80", "user@localhost"})
    EXPECT_EQ(status_for("host", host), 403) << host;
}

TEST(Routes, answer_no_page_of_a_foreign_origin) {
  for (const char* origin : {"http://127.0.0.1:3000", "http://localhost", "https://[::1]:1"})
    EXPECT_EQ(status_for("origin", origin), 200) << origin;
  for (const char* origin : {"http://127.0.0.1.evil.com", "http://127.attacker.com", "null", "localhost",
                             "http://localhost/x", "http://localhost:80.evil.com"})
    EXPECT_EQ(status_for("origin", origin), 403) << origin;
}

Endpoint endpoint_at(std::string_view path) {
  return {"GET", path, Scope::Open, Description{},
          [](const Request&, const Parameters&) { return Answer(Response{}); }};
}

TEST(Routes, match_whole_parts_of_a_path) {
  const Endpoint root = endpoint_at("/"), v2 = endpoint_at("/v2");
  const Endpoint infer = endpoint_at("/v2/models/{deployment}/versions/{version}/infer");
  const Endpoint all = endpoint_at("/v2/models/all"), one = endpoint_at("/v2/models/{deployment}");
  PathTree tree;
  for (const Endpoint* endpoint : {&root, &v2, &infer, &all, &one}) tree.add(*endpoint);
  const auto at = [&](std::string_view path) {
    Parameters parts;
    const auto* found = tree.find(path, parts);
    return std::pair(found == nullptr ? nullptr : found->front(), parts.deployment + "|" + parts.version);
  };
  EXPECT_EQ(at("/"), std::pair(&root, std::string("|")));
  EXPECT_EQ(at("/v2"), std::pair(&v2, std::string("|")));
  EXPECT_EQ(at("/v2/models/all"), std::pair(&all, std::string("|")));
  EXPECT_EQ(at("/v2/models/al"), std::pair(&one, std::string("al|")));
  EXPECT_EQ(at("/v2/models/infer/versions/3/infer"), std::pair(&infer, std::string("infer|3")));
  EXPECT_EQ(at("/v2/models/all/versions/3/infer"), std::pair(&infer, std::string("all|3")));
  for (const char* path :
       {"", "/v2/", "/v2x", "/v", "/v2/models", "v2", "//v2", "/v2/models/", "/v2/models//versions/3/infer",
        "/v2/models/a/versions/3/infer/", "/v2/models/a/versions/3", "/v2/models/a/b/infer"})
    EXPECT_EQ(at(path).first, nullptr) << path;
}

Response answer_at(std::string_view method, std::string_view path) {
  serving::Deployments none;
  Inference inference(none);
  const Access access({});
  const Routes routes(inference, access);
  Request request;
  request.method = method;
  request.path = path;
  return done(routes.answer(request));
}

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

TEST(Routes, tell_which_verbs_a_path_takes) {
  for (const char* method : {"OPTIONS", "DELETE", "TRACE", "get"})
    EXPECT_EQ(answer_at(method, "/v2").status, 405) << method;
  EXPECT_EQ(header_of(answer_at("OPTIONS", "/v2"), "Allow"), "GET, HEAD");
  EXPECT_EQ(header_of(answer_at("GET", "/invocations"), "Allow"), "POST");
  EXPECT_EQ(answer_at("HEAD", "/v2").status, 200);
}

TEST(Routes, let_no_page_of_another_origin_read_what_they_answer) {
  for (const char* method : {"GET", "OPTIONS"})
    for (const auto& [name, value] : answer_at(method, "/v2").headers)
      EXPECT_FALSE(name.starts_with("Access-Control")) << name;
}

TEST(Routes, refuse_in_the_words_of_the_protocol_that_the_path_belongs_to) {
  for (const char* path : {"/invocations", "/invocations/a", "/invocations/a/b"}) {
    const Json body = Json::parse(answer_at("GET", path).body);
    EXPECT_TRUE(body.contains("error_code") && body.contains("message")) << body;
  }
  const auto word = [](const char* code) {
    const Error error{ErrorKind::User, code, "no"};
    return Json::parse(error_reply(error, ErrorForm::Mlflow).body)["error_code"].get<std::string>();
  };
  EXPECT_EQ(word("http.unauthorized"), "UNAUTHENTICATED");
  EXPECT_EQ(word("http.deadline"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(word("http.media_type"), "BAD_REQUEST");
  for (const char* path : {"/v2/models/a/b/c", "/predict", "/nothing"})
    EXPECT_TRUE(Json::parse(answer_at("GET", path).body).contains("error")) << path;
}

// What each endpoint answers to this caller: its status, by scope.
void each_status(const Access& access, std::string_view authorization,
                 const std::function<void(const Endpoint&, int)>& see) {
  serving::Deployments none;
  Inference inference(none);
  Changes changes(none, "/nowhere");
  monitoring::Labels labels;
  const Routes routes(inference, access, {.changes = &changes, .labels = &labels});
  ASSERT_FALSE(routes.endpoints().empty());
  for (const Endpoint& endpoint : routes.endpoints()) {
    Request request;
    request.method = endpoint.method();
    request.path = endpoint.path();
    if (!authorization.empty()) request.headers.emplace_back("authorization", authorization);
    see(endpoint, done(routes.answer(request)).status);
  }
}

TEST(Routes, change_nothing_on_loopback_without_tokens) {
  const Access access({});
  each_status(access, "", [](const Endpoint& endpoint, int status) {
    EXPECT_EQ(status == 403, endpoint.scope() > Scope::Predict) << endpoint.path();
    EXPECT_NE(status, 401);
  });
}

TEST(Routes, say_by_the_head_what_they_say_of_the_whole_request) {
  serving::Deployments none;
  Inference inference(none);
  const Access access({.loopback_only = false});
  const Routes routes(inference, access);
  Request request;
  request.method = "POST";
  for (const char* path : {"/v2/models/late/infer", "/invocations", "/nothing", "/metrics"}) {
    request.path = path;
    const auto begun = routes.begin(request);
    const Response whole = done(routes.answer(request)), *refusal = std::get_if<Response>(&begun);
    ASSERT_NE(refusal, nullptr) << path;
    EXPECT_EQ(std::pair(refusal->status, refusal->body), std::pair(whole.status, whole.body)) << path;
  }
  request.method = "GET";
  request.path = "/v2/health/live";
  const auto begun = routes.begin(request);
  ASSERT_TRUE(std::holds_alternative<Handler>(begun));
  EXPECT_EQ(done(std::get<Handler>(begun)(request)).status, 200);
}

TEST(Routes, show_nobody_more_than_that_they_live_where_tokens_are_demanded) {
  const Access access({.loopback_only = false});
  for (const char* authorization : {"", "Bearer x", "Basic eA==", "Bearer tmk_"})
    each_status(access, authorization, [](const Endpoint& endpoint, int status) {
      EXPECT_EQ(status == 401, endpoint.scope() != Scope::Open) << endpoint.path();
    });
}

}  // namespace
}  // namespace tidemill::api
