#include "api/routes.hpp"

#include <algorithm>
#include <iterator>

#include "api/mlflow_endpoints.hpp"
#include "api/predict_endpoints.hpp"
#include "api/replies.hpp"
#include "api/v2_endpoints.hpp"

namespace tidemill::api {

namespace {

Response index(const Inference& inference) {
  return json_reply(
      Json{{"name", "tidemill"},
           {"deployments", inference.deployments().names()},
           {"paths", {"/v2/health/ready", "/v2/models/{deployment}", "/predict/{deployment}", "/metrics"}}});
}

Response metrics(const Inference& inference) {
  return Response{200, "text/plain; version=0.0.4; charset=utf-8", inference.metrics_text(), {}};
}

std::vector<Endpoint> all_endpoints(Inference& inference, Changes* changes) {
  std::vector<Endpoint> endpoints = v2_endpoints(inference);
  std::ranges::move(mlflow_endpoints(inference), std::back_inserter(endpoints));
  std::ranges::move(predict_endpoints(inference), std::back_inserter(endpoints));
  if (changes != nullptr) std::ranges::move(change_endpoints(*changes), std::back_inserter(endpoints));
  endpoints.emplace_back("GET", "/", Scope::Read, "What is deployed, and where to ask.",
                         [&](const Request&, const Parameters&) { return Answer(index(inference)); });
  endpoints.emplace_back("GET", "/metrics", Scope::Read, "Metrics in Prometheus' text format.",
                         [&](const Request&, const Parameters&) { return Answer(metrics(inference)); });
  return endpoints;
}

}  // namespace

Routes::Routes(Inference& inference, const Access& access, Changes* changes)
    : router_(all_endpoints(inference, changes), access) {}

}  // namespace tidemill::api
