#include "api/mlflow_endpoints.hpp"

#include <fmt/format.h>

#include "api/mlflow.hpp"
#include "api/prediction_headers.hpp"
#include "api/replies.hpp"
#include "api/turn.hpp"
#include "base/version.hpp"

namespace tidemill::api {

namespace {

// MLflow's clients look for these members.
Response mlflow_error(const Error& error) {
  Response response = error_reply(error);
  const char* code = response.status == 404   ? "RESOURCE_DOES_NOT_EXIST"
                     : response.status >= 500 ? "INTERNAL_ERROR"
                                              : "BAD_REQUEST";
  response.body = to_text(Json{{"error_code", code}, {"message", error_text(error)}});
  return response;
}

Response finish(const Inference::Call& call, Response response) {
  call.flight->count(response.status);
  return response;
}

Response score(Inference& inference, const Inference::Call& call, const Inference::Asked& asked,
               const serving::InferRequest& request) {
  const auto predicted = inference.predict(call, asked, request);
  if (!predicted) return finish(call, mlflow_error(predicted.error()));
  Response response{200, "application/json", invocation_reply(predicted->response), {}};
  add_prediction_headers(response, predicted->chosen);
  return finish(call, std::move(response));
}

Answer invoke(Inference& inference, const Request& request, const std::string& deployment) {
  Inference::Call call = inference.begin(deployment, "mlflow", request.deadline);
  const auto refuse = [call](const Error& error) { return finish(call, mlflow_error(error)); };
  if (const auto can = inference.check(call, ""); !can) return refuse(can.error());
  const std::string type = media_type(request);
  if (!type.empty() && type != "application/json")
    return refuse(Error{ErrorKind::User, "http.media_type",
                        fmt::format("the body is '{}'; send application/json", type)});
  return in_turn<Response>(
      call, request.body.size(),
      [&body = request.body, call] { return parse_invocation(body, call.live->predictor->package()); },
      [&inference, call, asked = asked_of(request)](const serving::InferRequest& read) {
        return score(inference, call, asked, read);
      },
      refuse);
}

Answer invoke_the_only_one(Inference& inference, const Request& request) {
  const auto names = inference.deployments().names();
  if (names.size() == 1) return invoke(inference, request, names.front());
  Error error = not_found(fmt::format("there are {} deployments, and /invocations names none", names.size()));
  if (!names.empty())
    error.hint = fmt::format("POST to /invocations/{}", fmt::join(names, " or /invocations/"));
  return mlflow_error(error);
}

}  // namespace

std::vector<Endpoint> mlflow_endpoints(Inference& inference) {
  const auto pings = [&inference](const Request&, const Parameters&) {
    return Answer(Response{inference.ready() ? 200 : 503, "application/json", "\n", {}});
  };
  constexpr std::string_view kInvoke = "Predictions for a table in one of MLflow's forms.";
  std::vector<Endpoint> endpoints;
  endpoints.emplace_back("POST", "/invocations", Scope::Predict, kInvoke,
                         [&inference](const Request& request, const Parameters&) {
                           return invoke_the_only_one(inference, request);
                         });
  endpoints.emplace_back("POST", "/invocations/{deployment}", Scope::Predict, kInvoke,
                         [&inference](const Request& request, const Parameters& parameters) {
                           return invoke(inference, request, parameters.deployment);
                         });
  for (const std::string_view path : {"/ping", "/health"})
    endpoints.emplace_back("GET", path, Scope::Open, "Whether every deployment can predict.", pings);
  endpoints.emplace_back("GET", "/version", Scope::Open, "The server's version.",
                         [](const Request&, const Parameters&) {
                           return Answer(Response{200, "text/plain", std::string(kVersion), {}});
                         });
  return endpoints;
}

}  // namespace tidemill::api
