#include "api/routes.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "api/v2.hpp"
#include "base/id.hpp"

namespace tidemill::api {

namespace {

// What a serving thread does itself: about a millisecond of reading, some of walking trees. More is a
// worker's, so that a long request holds up no other connection.
constexpr size_t kMostBytesAtOnce = size_t{256} << 10;
constexpr size_t kMostWalksAtOnce = 100'000;

Response json_response(const Json& json) { return Response{200, "application/json", to_text(json), {}}; }
Response empty_response(int status) { return Response{status, "application/json", "", {}}; }
Response error_response(const Error& error) {
  std::string text = error.message;
  if (!error.hint.empty()) text += " (" + error.hint + ")";
  return Response{http_status(error), "application/json", to_text(Json{{"error", text}}), {}};
}
Response not_found(std::string message) {
  return error_response(Error{ErrorKind::User, "http.not_found", std::move(message)});
}

// "127.0.0.1:8080" → "127.0.0.1"; "[::1]:8080" → "::1"; what is not host[:port] → "".
std::string host_part(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  if (bracketed) authority.remove_prefix(1);
  const size_t end = authority.find(bracketed ? ']' : ':');
  if (bracketed && end == authority.npos) return "";
  std::string_view port = end == authority.npos ? "" : authority.substr(end + (bracketed ? 1 : 0));
  if (!port.empty() && port.front() != ':') return "";
  if (!port.empty()) port.remove_prefix(1);
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::string(authority.substr(0, end)) : "";
}

Result<void> check_origin(const Request& request) {
  const auto refuse = [](std::string_view name, std::string_view value) {
    return user_error(
        "http.forbidden",
        fmt::format("{} '{}' is foreign: without tokens this server answers its own machine only", name,
                    value));
  };
  if (const auto host = request.header("host"); !host.empty() && !is_loopback(host_part(host)))
    return refuse("Host", host);
  if (const auto origin = request.header("origin"); !origin.empty()) {
    const size_t scheme = origin.find("://");
    if (scheme == origin.npos || !is_loopback(host_part(origin.substr(scheme + 3))))
      return refuse("Origin", origin);
  }
  return {};
}

// A caller's id goes back in a header: only what cannot break one.
bool is_safe_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

bool is_reading(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

Response wrong_verb(const Request& request, std::string_view allowed) {
  Response response = error_response(Error{ErrorKind::User, "http.method",
                                           fmt::format("{} does not take {}", request.path, request.method)});
  response.headers.emplace_back("Allow", allowed);
  return response;
}

Error no_deployment(const serving::Deployments& deployments, const std::string& name) {
  Error error{ErrorKind::User, "http.not_found", fmt::format("there is no deployment '{}'", name)};
  error.hint = did_you_mean(name, deployments.names());
  return error;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    if (slash == path.npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

}  // namespace

// A request for a prediction, from its arrival to its metrics.
struct Routes::Call {
  std::string deployment;
  std::shared_ptr<const serving::LiveModel> live;
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
};

Answer Routes::answer(const Request& request) {
  if (options_.loopback_only)
    if (const auto allowed = check_origin(request); !allowed) return error_response(allowed.error());
  return route(request);
}

Answer Routes::route(const Request& request) {
  constexpr std::string_view kModels = "/v2/models/";
  const std::string_view path = request.path;
  if (path.starts_with(kModels)) return model_route(request, split_path(path.substr(kModels.size())));
  const bool known = path == "/v2" || path == "/v2/health/live" || path == "/v2/health/ready" ||
                     path == "/metrics" || path == "/";
  if (!known) return not_found(fmt::format("there is nothing at {}", path));
  if (!is_reading(request)) return wrong_verb(request, "GET");
  if (path == "/v2") return json_response(server_metadata());
  if (path == "/v2/health/live") return empty_response(200);
  if (path == "/v2/health/ready")
    return empty_response(accepting_.load() && deployments_.ready() ? 200 : 503);
  if (path == "/metrics") return metrics();
  Json index{{"name", "tidemill"},
             {"deployments", deployments_.names()},
             {"paths", {"/v2/health/ready", "/v2/models/{deployment}", "/metrics"}}};
  return json_response(index);
}

Answer Routes::model_route(const Request& request, const std::vector<std::string>& parts) {
  std::string version;
  size_t next = 1;
  if (parts.size() >= 3 && parts[1] == "versions") {
    version = parts[2];
    next = 3;
  }
  if (parts.empty() || parts.size() > next + 1)
    return not_found(fmt::format("there is nothing at {}", request.path));
  const std::string& deployment = parts[0];
  const std::string verb = parts.size() > next ? parts[next] : "";
  if (verb == "infer")
    return request.method == "POST" ? infer(request, deployment, version) : wrong_verb(request, "POST");

  if (!is_reading(request)) return wrong_verb(request, "GET");
  if (!deployments_.has(deployment)) return error_response(no_deployment(deployments_, deployment));
  const auto live = deployments_.find(deployment);
  const bool ready = live != nullptr && (version.empty() || version == std::to_string(live->version));
  if (verb == "ready") return empty_response(ready && accepting_.load() ? 200 : 503);
  if (!verb.empty()) return not_found(fmt::format("there is nothing at {}", request.path));
  if (live == nullptr)
    return error_response(Error{ErrorKind::User, "http.not_ready", deployments_.problem(deployment)});
  if (!ready)
    return not_found(
        fmt::format("deployment '{}' serves version {}, not {}", deployment, live->version, version));
  return json_response(model_metadata(*live));
}

Answer Routes::infer(const Request& request, const std::string& deployment, const std::string& version) {
  const Call call{deployment, deployments_.find(deployment)};
  const auto refuse = [&](const Error& error) { return finish(call, error_response(error)); };
  if (!deployments_.has(deployment)) return refuse(no_deployment(deployments_, deployment));
  if (call.live == nullptr)
    return refuse(Error{ErrorKind::User, "http.not_ready", deployments_.problem(deployment)});
  if (!version.empty() && version != std::to_string(call.live->version))
    return refuse(Error{
        ErrorKind::User, "http.not_found",
        fmt::format("deployment '{}' serves version {}, not {}", deployment, call.live->version, version)});
  if (const auto encoding = request.header("content-encoding"); !encoding.empty() && encoding != "identity")
    return refuse(Error{ErrorKind::User, "http.media_type",
                        fmt::format("the body has Content-Encoding '{}'; send it as it is", encoding)});
  if (!request.header("inference-header-content-length").empty())
    return refuse(Error{ErrorKind::User, "http.not_implemented", "binary tensors are not spoken here yet"});
  if (request.body.size() <= kMostBytesAtOnce) return read(call, request.body, false);
  return Work([this, call, &body = request.body] { return std::get<Response>(read(call, body, true)); });
}

Answer Routes::read(const Call& call, const std::string& body, bool may_block) {
  auto parsed = parse_infer_request(body);
  if (!parsed) return finish(call, error_response(parsed.error()));
  if (may_block || serving::tree_walks(*call.live, *parsed) <= kMostWalksAtOnce)
    return predict(call, *parsed);
  return Work([this, call, request = std::make_shared<const serving::InferRequest>(std::move(*parsed))] {
    return predict(call, *request);
  });
}

Response Routes::predict(const Call& call, const serving::InferRequest& request) {
  const auto response = serving::infer(*call.live, request);
  if (!response) return finish(call, error_response(response.error()));
  if (options_.sink != nullptr)
    options_.sink->predicted(*call.live, request, *response, system_clock()->now());
  Response answer{200, "application/json", infer_response_json(*response), {}};
  answer.headers.emplace_back("X-Prediction-Id", is_safe_id(request.id) ? request.id : random_id());
  return finish(call, std::move(answer), &*response);
}

Response Routes::finish(const Call& call, Response response, const serving::InferResponse* predicted) {
  Metrics::Inference inference;
  // A name that no deployment has is not a label: strangers must not grow the metrics.
  if (deployments_.has(call.deployment)) inference.model = call.deployment;
  if (call.live != nullptr) {
    inference.version = call.live->version;
    inference.role = call.live->role;
  }
  inference.protocol = "v2";
  inference.code = response.status;
  if (predicted != nullptr) {
    inference.rows = predicted->rows;
    inference.unseen_categories = predicted->counts.unseen_categories;
  }
  inference.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - call.begun).count();
  metrics_.count(inference);
  return response;
}

Response Routes::metrics() const {
  std::vector<Metrics::Deployment> deployments;
  for (const std::string& name : deployments_.names()) {
    Metrics::Deployment& deployment = deployments.emplace_back();
    deployment.model = name;
    deployment.current = deployments_.problem(name).empty();
    deployment.load_failures = deployments_.load_failures(name);
    if (const auto live = deployments_.find(name)) {
      deployment.registry_model = live->model;
      deployment.version = live->version;
      deployment.role = live->role;
    }
  }
  return Response{200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text(deployments), {}};
}

}  // namespace tidemill::api
