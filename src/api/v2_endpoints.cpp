#include "api/v2_endpoints.hpp"

#include <fmt/format.h>

#include "api/replies.hpp"
#include "api/v2.hpp"

namespace tidemill::api {

namespace {

// A serving thread reads that much itself, in about a millisecond; more is a worker's, so that a long request
// holds up no other connection.
constexpr size_t kMostBytesAtOnce = size_t{256} << 10;

Response finish(Inference& inference, const Inference::Call& call, Response response,
                const serving::InferResponse* predicted = nullptr) {
  inference.count(call, response.status, predicted);
  return response;
}

Response predict(Inference& inference, const Inference::Call& call, const serving::InferRequest& request) {
  const auto predicted = inference.predict(call, request);
  if (!predicted) return finish(inference, call, error_reply(predicted.error()));
  Response response{200, "application/json", infer_response_json(*predicted), {}};
  response.headers.emplace_back("X-Prediction-Id", Inference::prediction_id(request.id));
  return finish(inference, call, std::move(response), &*predicted);
}

enum class On { ServingThread, Worker };

Answer read(Inference& inference, const Inference::Call& call, const std::string& body, On on) {
  auto request = parse_infer_request(body);
  if (!request) return finish(inference, call, error_reply(request.error()));
  if (on == On::Worker || !Inference::takes_long(call, *request)) return predict(inference, call, *request);
  return Work(
      [&inference, call, request = std::make_shared<const serving::InferRequest>(std::move(*request))] {
        return predict(inference, call, *request);
      });
}

Answer infer(Inference& inference, const Request& request, const Parameters& parameters) {
  const Inference::Call call = inference.begin(parameters.deployment, "v2");
  const auto refuse = [&](const Error& error) { return finish(inference, call, error_reply(error)); };
  if (const auto can = inference.check(call, parameters.version); !can) return refuse(can.error());
  if (!request.header("inference-header-content-length").empty())
    return refuse(Error{ErrorKind::User, "http.not_implemented", "binary tensors are not spoken here yet"});
  if (request.body.size() <= kMostBytesAtOnce) return read(inference, call, request.body, On::ServingThread);
  return Work([&inference, call, &body = request.body] {
    return std::get<Response>(read(inference, call, body, On::Worker));
  });
}

Answer metadata(const Inference& inference, const Parameters& parameters) {
  const auto live = inference.look(parameters.deployment, parameters.version);
  return live ? json_reply(model_metadata(**live)) : error_reply(live.error());
}

Answer ready(const Inference& inference, const Parameters& parameters) {
  if (inference.ready(parameters.deployment, parameters.version)) return empty_reply(200);
  if (inference.deployments().has(parameters.deployment)) return empty_reply(503);
  return error_reply(inference.look(parameters.deployment, "").error());
}

}  // namespace

std::vector<Endpoint> v2_endpoints(Inference& inference) {
  const auto answers = [&inference](auto function) {
    return [&inference, function](const Request&, const Parameters& parameters) -> Answer {
      return function(inference, parameters);
    };
  };
  const auto infers = [&inference](const Request& request, const Parameters& parameters) {
    return infer(inference, request, parameters);
  };
  const auto is_ready = answers(
      [](const Inference& all, const Parameters&) { return Answer(empty_reply(all.ready() ? 200 : 503)); });
  const auto lives = [](const Request&, const Parameters&) { return Answer(empty_reply(200)); };
  const auto describes = [](const Request&, const Parameters&) {
    return Answer(json_reply(server_metadata()));
  };
  constexpr std::string_view kMetadata = "The model's inputs and outputs.",
                             kReady = "Whether it can predict.";
  constexpr std::string_view kInfer = "Predictions for the rows of the input tensors.";
  return {
      {"POST", "/v2/models/{deployment}/infer", Scope::Predict, kInfer, infers},
      {"POST", "/v2/models/{deployment}/versions/{version}/infer", Scope::Predict, kInfer, infers},
      {"GET", "/v2", Scope::Open, "The server's name, version and extensions.", describes},
      {"GET", "/v2/health/live", Scope::Open, "Whether the server runs.", lives},
      {"GET", "/v2/health/ready", Scope::Open, "Whether every deployment can predict.", is_ready},
      {"GET", "/v2/models/{deployment}", Scope::Read, kMetadata, answers(metadata)},
      {"GET", "/v2/models/{deployment}/versions/{version}", Scope::Read, kMetadata, answers(metadata)},
      {"GET", "/v2/models/{deployment}/ready", Scope::Open, kReady, answers(ready)},
      {"GET", "/v2/models/{deployment}/versions/{version}/ready", Scope::Open, kReady, answers(ready)},
  };
}

}  // namespace tidemill::api
