#include "api/grpc_method.hpp"

#include <map>

#include "api/grpc_methods.hpp"
#include "api/protocol_for_tests.hpp"
#include "api/wire.hpp"

namespace tidemill::api {
namespace {

struct Methods : testing::Test {
  serving::Deployments deployments;
  Inference inference{deployments};
  Access access{{.loopback_only = true}};
  GrpcRouter router{grpc_methods(inference), access};

  static constexpr Access::Claim kLocal{"127.0.0.1:8081", "", ""};
  GrpcReply ask(const std::string& path, const std::string& message = "") {
    const auto method = router.find(path, kLocal);
    if (!method) return grpc_error(method.error());
    GrpcAnswer answer = router.answer(**method, kLocal, message);
    return std::holds_alternative<GrpcReply>(answer) ? std::get<GrpcReply>(answer) : GrpcReply{-1};
  }
};

TEST_F(Methods, are_those_of_the_published_protocol) {
  std::map<std::string, GrpcShape> published, ours;
  Protocol protocol;
  for (const char* service : {"inference.GRPCInferenceService", "grpc.health.v1.Health"}) {
    const auto* descriptor = protocol.pool().FindServiceByName(service);
    ASSERT_NE(descriptor, nullptr);
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const auto* method = descriptor->method(i);
      published[std::string("/") + service + "/" + method->name()] =
          method->client_streaming()   ? GrpcShape::Stream
          : method->server_streaming() ? GrpcShape::Watch
                                       : GrpcShape::Unary;
    }
  }
  for (const GrpcMethod& method : router.methods()) ours[std::string(method.path())] = method.shape();
  EXPECT_EQ(ours, published);
}

TEST_F(Methods, change_nothing_without_a_token) {
  for (const GrpcMethod& method : router.methods())
    EXPECT_TRUE(method.scope() == Scope::Open || method.scope() == Scope::Read ||
                method.scope() == Scope::Predict)
        << method.path();
}

TEST_F(Methods, are_refused_to_callers_without_the_scope) {
  const GrpcRouter guarded({{"/a/Write",
                             GrpcShape::Unary,
                             Scope::Write,
                             {},
                             [](const Parameters&, std::string_view) { return GrpcReply{}; }}},
                           access);
  const auto method = guarded.find("/a/Write", kLocal);
  ASSERT_FALSE(method);
  EXPECT_EQ(grpc_error(method.error()).status, grpc_status::kPermissionDenied);
  const GrpcAnswer answer = guarded.answer(guarded.methods().front(), kLocal, "");
  EXPECT_EQ(std::get<GrpcReply>(answer).status, grpc_status::kPermissionDenied);
}

TEST_F(Methods, demand_a_token_unless_they_are_open) {
  Access beyond({.loopback_only = false});
  const GrpcRouter guarded(grpc_methods(inference), beyond);
  for (const GrpcMethod& method : guarded.methods()) {
    const GrpcAnswer answer = guarded.answer(method, {"example.org", "", ""}, "");
    const bool refused = std::holds_alternative<GrpcReply>(answer) &&
                         std::get<GrpcReply>(answer).status == grpc_status::kUnauthenticated;
    EXPECT_EQ(refused, method.scope() != Scope::Open) << method.path();
  }
}

TEST_F(Methods, refuse_who_has_no_token_before_a_message_is_read) {
  Access beyond({.loopback_only = false});
  const GrpcRouter guarded(grpc_methods(inference), beyond);
  for (const GrpcMethod& method : guarded.methods()) {
    const auto found = guarded.find(method.path(), {"example.org", "", ""});
    ASSERT_EQ(found.has_value(), method.scope() == Scope::Open) << method.path();
    if (found) continue;
    EXPECT_EQ(grpc_error(found.error()).status, grpc_status::kUnauthenticated);
  }
}

TEST_F(Methods, answer_their_own_machine_only_while_there_are_no_tokens) {
  const auto found = router.find("/grpc.health.v1.Health/Check", {"attacker.example:8081", "", ""});
  ASSERT_FALSE(found);
  EXPECT_EQ(grpc_error(found.error()).status, grpc_status::kPermissionDenied);
}

TEST_F(Methods, give_errors_gRPCs_names) {
  EXPECT_EQ(ask("/other.Service/Call").status, grpc_status::kUnimplemented);
  EXPECT_EQ(ask("/inference.GRPCInferenceService/ModelMetadata").status, grpc_status::kNotFound);
  EXPECT_EQ(ask("/inference.GRPCInferenceService/ModelInfer", "\xff").status, grpc_status::kInvalidArgument);
  EXPECT_EQ(ask("/inference.GRPCInferenceService/ModelInfer", wire::Writer().text(1, "\xff").take()).status,
            grpc_status::kInvalidArgument);
  EXPECT_EQ(ask("/inference.GRPCInferenceService/RepositoryModelLoad").status, grpc_status::kUnimplemented);
  const std::map<std::string, int> statuses{
      {"http.too_large", 8}, {"infer.too_many_rows", 8}, {"http.not_ready", 14},
      {"http.forbidden", 7}, {"http.overloaded", 14},    {"v2.unsupported", 12},
      {"v2.datatype", 3},    {"infer.shape", 3},         {"http.not_found", 5}};
  for (const auto& [code, status] : statuses)
    EXPECT_EQ(grpc_error(Error{ErrorKind::User, code, "why"}).status, status) << code;
  EXPECT_EQ(grpc_error(Error{ErrorKind::Internal, "bug", "why"}).status, grpc_status::kInternal);
}

TEST_F(Methods, say_no_more_than_a_header_holds) {
  std::string name(10'000, 'a');
  for (size_t i = 0; i < name.size(); i += 2) name.replace(i, 2, "ü");
  const GrpcReply reply =
      ask("/inference.GRPCInferenceService/ModelMetadata", wire::Writer().text(1, name).take());
  EXPECT_EQ(reply.status, grpc_status::kNotFound);
  EXPECT_LT(reply.text.size(), 2010U);
  EXPECT_TRUE(reply.text.ends_with("ü…")) << reply.text.substr(1990);
}

TEST_F(Methods, end_being_healthy_when_the_server_is_told_to_end) {
  const auto status = [&](const char* service) {
    return ask("/grpc.health.v1.Health/Watch", wire::Writer().text(1, service).take()).message;
  };
  EXPECT_EQ(status(""), "\x08\x01");
  EXPECT_EQ(status("inference.GRPCInferenceService"), "\x08\x01");
  EXPECT_EQ(status("other"), "\x08\x03");
  EXPECT_EQ(ask("/grpc.health.v1.Health/Check", wire::Writer().text(1, "other").take()).status,
            grpc_status::kNotFound);
  inference.stop_being_ready();
  EXPECT_EQ(status(""), "\x08\x02");
}

}  // namespace
}  // namespace tidemill::api
