#include "api/grpc_methods.hpp"

#include <fmt/format.h>

#include "api/grpc_replies.hpp"
#include "api/grpc_request.hpp"
#include "api/replies.hpp"
#include "api/repository.hpp"
#include "api/turn.hpp"
#include "api/v2.hpp"
#include "api/wire.hpp"
#include "serving/request_keys.hpp"

namespace tidemill::api {

namespace {

GrpcReply message(std::string bytes) { return {grpc_status::kOk, "", std::move(bytes)}; }

/// A message whose only field is its first, a bool.
GrpcReply truth(bool value) { return message(wire::Writer().whole(1, value ? 1 : 0).take()); }

// Of a prediction: what it answers, or why it does not. A stream goes on after an error, and says it in a
// message.
using Outcome = Result<std::string>;
GrpcReply unary_reply(const Outcome& outcome) {
  return outcome ? message(*outcome) : grpc_error(outcome.error());
}
GrpcReply stream_reply(const Outcome& outcome) {
  wire::Writer out;
  return message(outcome ? out.element(2, *outcome).take()
                         : out.text(1, grpc_error(outcome.error()).text).take());
}
using ToReply = GrpcReply (*)(const Outcome&);

GrpcReply refuse(const Inference::Call& call, const Error& error, ToReply reply) {
  call.flight->count(http_status(error));
  return reply(std::unexpected(error));
}

GrpcReply predict(Inference& inference, const Inference::Call& call, const V2Request& request,
                  ToReply reply) {
  if (const auto in_time = check_time(call, request.timeout); !in_time)
    return refuse(call, in_time.error(), reply);
  const std::string& id = request.infer.id;
  auto predicted = inference.predict(call, {.prediction_id = id, .request_id = id}, request.infer);
  if (!predicted) return refuse(call, predicted.error(), reply);
  const Inference::Chosen& chosen = predicted->chosen;
  GrpcReply answer =
      reply(infer_response_message(request, std::move(predicted->response),
                                   chosen.live->predictor->package().classes, chosen.prediction_id));
  call.flight->count(200);
  return answer;
}

GrpcAnswer infer(Inference& inference, const Parameters& parameters, std::string_view bytes, ToReply reply) {
  Inference::Call call = inference.begin(parameters.deployment, "grpc", parameters.deadline);
  if (const auto can = inference.check(call, parameters.version); !can)
    return refuse(call, can.error(), reply);
  return in_turn<GrpcReply, V2Request>(
      call, bytes.size(),
      [bytes, live = call.live](V2Request& into) -> Result<void> {
        TM_TRY(into, read_infer_request(bytes));
        return serving::take_keys(into.infer, *live);
      },
      [&inference, reply](const Inference::Call& asking, const V2Request& read) {
        return predict(inference, asking, read, reply);
      },
      [reply](const Inference::Call& refused, const Error& error) { return refuse(refused, error, reply); });
}

GrpcReply look(const Inference& inference, const Parameters& parameters, Reply reply,
               Json (*describe)(const serving::LiveModel&)) {
  const auto live = inference.look(parameters.deployment, parameters.version);
  return live ? message(reply_message(reply, describe(**live))) : grpc_error(live.error());
}

GrpcReply json_message(Reply reply, const Result<Json>& json) {
  return json ? message(reply_message(reply, *json)) : grpc_error(json.error());
}

/// RepositoryIndexRequest's `ready`.
Listed asks_for(std::string_view bytes) {
  wire::Reader reader(bytes);
  wire::Field field;
  Listed listed = Listed::All;
  for (auto more = reader.next(field); more && *more; more = reader.next(field))
    if (field.number == 2) listed = field.value != 0 ? Listed::ReadyOnly : Listed::All;
  return listed;
}

// grpc.health.v1.HealthCheckResponse.ServingStatus; nothing where no such service is known.
enum class Health : uint64_t { Unknown = 0, Serving = 1, NotServing = 2, ServiceUnknown = 3 };
constexpr std::string_view kInferenceService = "inference.GRPCInferenceService";

Health health_of(const Inference& inference, std::string_view service) {
  if (!service.empty() && service != kInferenceService && service != "grpc.health.v1.Health")
    return Health::ServiceUnknown;
  return inference.ready() ? Health::Serving : Health::NotServing;
}

GrpcReply health_reply(Health health) {
  return message(wire::Writer().whole(1, static_cast<uint64_t>(health)).take());
}

GrpcAnswer not_implemented(std::string_view why) {
  return grpc_error(Error{ErrorKind::User, "http.not_implemented", std::string(why)});
}

void add_health(std::vector<GrpcMethod>& methods, const Inference& inference) {
  // The service stands where requests name a deployment.
  methods.emplace_back(
      "/grpc.health.v1.Health/Check", GrpcShape::Unary, Scope::Open, NamedBy{1, 0},
      [&](const Parameters& named, std::string_view) -> GrpcAnswer {
        const Health health = health_of(inference, named.deployment);
        if (health != Health::ServiceUnknown) return health_reply(health);
        return grpc_error(not_found(fmt::format("there is no service '{}'", named.deployment)));
      });
  methods.emplace_back("/grpc.health.v1.Health/Watch", GrpcShape::Watch, Scope::Open, NamedBy{1, 0},
                       [&](const Parameters& named, std::string_view) -> GrpcAnswer {
                         return health_reply(health_of(inference, named.deployment));
                       });
}

}  // namespace

std::vector<GrpcMethod> grpc_methods(Inference& inference) {
  std::vector<GrpcMethod> methods;
  const auto add = [&](std::string_view path, Scope scope, NamedBy named_by, GrpcMethod::Handler handler,
                       GrpcShape shape = GrpcShape::Unary) {
    methods.emplace_back(path, shape, scope, named_by, std::move(handler));
  };
  constexpr NamedBy kNobody{}, kModel{1, 2}, kSecond{2, 0};

  // Asked most often: first.
  add("/inference.GRPCInferenceService/ModelInfer", Scope::Predict, kModel,
      [&](const Parameters& named, std::string_view bytes) {
        return infer(inference, named, bytes, unary_reply);
      });
  add(
      "/inference.GRPCInferenceService/ModelStreamInfer", Scope::Predict, kModel,
      [&](const Parameters& named, std::string_view bytes) {
        return infer(inference, named, bytes, stream_reply);
      },
      GrpcShape::Stream);
  add("/inference.GRPCInferenceService/ServerLive", Scope::Open, kNobody,
      [](const Parameters&, std::string_view) { return truth(true); });
  add("/inference.GRPCInferenceService/ServerReady", Scope::Open, kNobody,
      [&](const Parameters&, std::string_view) { return truth(inference.ready()); });
  add("/inference.GRPCInferenceService/ModelReady", Scope::Open, kModel,
      [&](const Parameters& named, std::string_view) {
        return truth(inference.ready(named.deployment, named.version));
      });
  add("/inference.GRPCInferenceService/ServerMetadata", Scope::Open, kNobody,
      [](const Parameters&, std::string_view) {
        return message(reply_message(Reply::ServerMetadata, server_metadata()));
      });
  add("/inference.GRPCInferenceService/ModelMetadata", Scope::Read, kModel,
      [&](const Parameters& named, std::string_view) {
        return json_message(Reply::ModelMetadata,
                            repository_metadata(inference, named.deployment, named.version));
      });
  add("/inference.GRPCInferenceService/ModelConfig", Scope::Read, kModel,
      [&](const Parameters& named, std::string_view) {
        return look(inference, named, Reply::ModelConfig,
                    [](const serving::LiveModel& live) { return Json{{"config", model_config(live)}}; });
      });
  add("/inference.GRPCInferenceService/ModelStatistics", Scope::Read, kModel,
      [&](const Parameters& named, std::string_view) {
        return json_message(Reply::ModelStatistics,
                            repository_statistics(inference, named.deployment, named.version));
      });
  add("/inference.GRPCInferenceService/RepositoryIndex", Scope::Read, kNobody,
      [&](const Parameters&, std::string_view bytes) {
        return message(reply_message(Reply::RepositoryIndex,
                                     Json{{"models", repository_index(inference, asks_for(bytes))}}));
      });
  const auto load = [](const Parameters&, std::string_view) { return not_implemented(kLoadUnsupported); };
  add("/inference.GRPCInferenceService/RepositoryModelLoad", Scope::Predict, kSecond, load);
  add("/inference.GRPCInferenceService/RepositoryModelUnload", Scope::Predict, kSecond, load);
  add_health(methods, inference);
  return methods;
}

}  // namespace tidemill::api
