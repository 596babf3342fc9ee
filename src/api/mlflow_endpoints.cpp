#include "api/mlflow_endpoints.hpp"

#include <fmt/format.h>

#include "api/mlflow.hpp"
#include "api/mlflow_description.hpp"
#include "api/prediction_headers.hpp"
#include "api/replies.hpp"
#include "api/turn.hpp"
#include "api/v2_description.hpp"
#include "base/version.hpp"
#include "serving/request_keys.hpp"

namespace tidemill::api {

namespace {

Response mlflow_error(const Error& error) { return error_reply(error, ErrorForm::Mlflow); }

Response finish(const Inference::Call& call, Response response) {
  call.flight->count(response.status);
  return response;
}

Response score(Inference& inference, const Inference::Call& call, const Inference::Asked& asked,
               const serving::InferRequest& request) {
  auto predicted = inference.predict(call, asked, request);
  if (!predicted) return finish(call, mlflow_error(predicted.error()));
  Response response{200, "application/json", invocation_reply(predicted->response), {}};
  add_prediction_headers(response, std::move(predicted->chosen));
  return finish(call, std::move(response));
}

Answer invoke(Inference& inference, const Request& request, const std::string& deployment) {
  Inference::Call call = inference.begin(deployment, "mlflow", request.deadline);
  const auto refuse = [](const Inference::Call& refused, const Error& error) {
    return finish(refused, mlflow_error(error));
  };
  if (const auto can = inference.check(call, ""); !can) return refuse(call, can.error());
  const std::string type = media_type(request);
  const bool csv = type == "text/csv";
  if (!csv && !type.empty() && type != "application/json") return refuse(call, other_media_type(type));
  return in_turn<Response, serving::InferRequest>(
      call, request.body.size(),
      [&body = request.body, live = call.live, csv](serving::InferRequest& into) -> Result<void> {
        const forest::Package& package = live->predictor->package();
        TM_TRY(into, csv ? parse_invocation_csv(body, package, live->key)
                         : parse_invocation(body, package, live->key));
        return serving::take_keys(into, *live);
      },
      [&inference, asked = asked_of(request)](const Inference::Call& asking,
                                              const serving::InferRequest& read) {
        return score(inference, asking, asked, read);
      },
      refuse);
}

std::string the_only_one(const Inference& inference) {
  const auto names = inference.deployments().names();
  return names.size() == 1 ? names.front() : "";
}

Response none_is_meant(const Inference& inference) {
  const auto names = inference.deployments().names();
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
  const auto invokes = [&inference](const Request& request, const Parameters& parameters) -> Answer {
    if (parameters.deployment.empty()) return none_is_meant(inference);
    return invoke(inference, request, parameters.deployment);
  };
  std::vector<Endpoint> endpoints;
  endpoints.push_back(Endpoint("POST", "/invocations", Scope::Predict,
                               describe_invocations("invocationsOfTheOnlyDeployment"), invokes)
                          .when_unnamed([&inference] { return the_only_one(inference); }));
  endpoints.emplace_back("POST", "/invocations/{deployment}", Scope::Predict,
                         describe_invocations("invocations"), invokes, describe_invocations_of);
  constexpr std::string_view kReady = "Whether every deployment can predict.";
  endpoints.emplace_back("GET", "/ping", Scope::Open, describe_health("ping", kReady), pings);
  endpoints.emplace_back("GET", "/health", Scope::Open, describe_health("health", kReady), pings);
  endpoints.emplace_back("GET", "/version", Scope::Open, describe_version(),
                         [](const Request&, const Parameters&) {
                           return Answer(Response{200, "text/plain", std::string(kVersion), {}});
                         });
  return endpoints;
}

}  // namespace tidemill::api
