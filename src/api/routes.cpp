#include "api/routes.hpp"

#include <algorithm>
#include <iterator>

#include "api/mlflow_endpoints.hpp"
#include "api/openapi.hpp"
#include "api/openmetrics.hpp"
#include "api/predict_endpoints.hpp"
#include "api/replies.hpp"
#include "api/v2_endpoints.hpp"

namespace tidemill::api {

namespace {

Response index(const Inference& inference) {
  return json_reply(Json{{"name", "tidemill"},
                         {"deployments", inference.deployments().names()},
                         {"paths",
                          {"/v2/health/ready", "/v2/models/{deployment}", "/predict/{deployment}", "/metrics",
                           "/openapi.json"}}});
}

Response metrics(const Inference& inference, const Routes::Options& options, const Request& request) {
  std::string text = inference.metrics_text(options.names);
  if (options.more_metrics) text += options.more_metrics();
  if (prefers_openmetrics(request.header("accept")))
    return Response{200, kOpenMetricsType, to_openmetrics(text), {}};
  return Response{200, "text/plain; version=0.0.4; charset=utf-8", std::move(text), {}};
}

Description describe_metrics() {
  Description out{
      .operation = "metrics",
      .group = "Watching",
      .summary = "Metrics in Prometheus' text format, or as OpenMetrics where Accept asks for it."};
  const Json text{{"type", "string"}};
  out.outcomes = {{200, "The metrics.", {{"text/plain", text}, {"application/openmetrics-text", text}}}};
  return out;
}

Description describe_json(std::string operation, std::string_view summary) {
  Description out{.operation = std::move(operation), .group = "Watching", .summary = summary};
  out.outcomes = {{200, std::string(summary), json_media(Json{{"type", "object"}})}};
  return out;
}

std::vector<Endpoint> all_endpoints(Inference& inference, const Access& access,
                                    const Routes::Options& options, const Routes& routes) {
  std::vector<Endpoint> endpoints = v2_endpoints(inference);
  std::ranges::move(mlflow_endpoints(inference), std::back_inserter(endpoints));
  std::ranges::move(predict_endpoints(inference), std::back_inserter(endpoints));
  if (options.changes != nullptr)
    std::ranges::move(change_endpoints(*options.changes), std::back_inserter(endpoints));
  if (options.labels != nullptr)
    std::ranges::move(label_endpoints(*options.labels, inference.deployments(), inference.clock()),
                      std::back_inserter(endpoints));
  endpoints.emplace_back("GET", "/", Scope::Read,
                         describe_json("index", "What is deployed, and where to ask."),
                         [&](const Request&, const Parameters&) { return Answer(index(inference)); });
  endpoints.emplace_back("GET", "/metrics", Scope::Read, describe_metrics(),
                         [&inference, options](const Request& request, const Parameters&) {
                           return Answer(metrics(inference, options, request));
                         });
  endpoints.emplace_back(
      "GET", "/openapi.json", Scope::Read,
      describe_json("openapi", "This description: every path, what it takes and answers."),
      [&inference, &access, &routes](const Request&, const Parameters&) -> Answer {
        // A thousand columns are a megabyte of schemas: a worker's.
        return Work([&inference, &access, &routes] {
          return json_reply(openapi(routes.endpoints(), inference,
                                    access.demands_token() ? Tokens::Demanded : Tokens::NotDemanded));
        });
      });
  return endpoints;
}

}  // namespace

Routes::Routes(Inference& inference, const Access& access, const Options& options)
    : router_(all_endpoints(inference, access, options, *this), access) {}

}  // namespace tidemill::api
