#include "api/routes.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "api/server.hpp"
#include "api/v2.hpp"
#include "base/id.hpp"

namespace tidemill::api {

namespace {

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

Response Routes::answer(const Request& request) {
  if (options_.loopback_only)
    if (const auto allowed = check_origin(request); !allowed) return error_response(allowed.error());
  return route(request);
}

Response Routes::route(const Request& request) {
  const bool reading = request.method == "GET" || request.method == "HEAD";
  const auto wrong_verb = [&](std::string_view allowed) {
    Response response = error_response(Error{
        ErrorKind::User, "http.method", fmt::format("{} does not take {}", request.path, request.method)});
    response.headers.emplace_back("Allow", allowed);
    return response;
  };
  const std::string_view path = request.path;
  constexpr std::string_view kModels = "/v2/models/";
  if (path.starts_with(kModels)) {
    const bool infers = path.ends_with("/infer");
    if (infers != (request.method == "POST") || (!infers && !reading))
      return wrong_verb(infers ? "POST" : "GET");
    return model_route(request, path.substr(kModels.size()));
  }
  const bool known = path == "/v2" || path == "/v2/health/live" || path == "/v2/health/ready" ||
                     path == "/metrics" || path == "/";
  if (!known) return not_found(fmt::format("there is nothing at {}", path));
  if (!reading) return wrong_verb("GET");
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

Response Routes::model_route(const Request& request, std::string_view rest) {
  const std::vector<std::string> parts = split_path(rest);
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
  if (verb == "infer") return infer(request, deployment, version);

  if (!deployments_.has(deployment))
    return error_response(Error{ErrorKind::User,
                                "http.not_found",
                                fmt::format("there is no deployment '{}'", deployment),
                                {},
                                {},
                                {},
                                did_you_mean(deployment, deployments_.names())});
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

Response Routes::infer(const Request& request, const std::string& deployment, const std::string& version) {
  const auto begun = std::chrono::steady_clock::now();
  const auto live = deployments_.find(deployment);
  const auto done = [&](Response response, size_t rows, int64_t unseen) {
    // A name that no deployment has is not a label: strangers must not grow the metrics.
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
    metrics_.count({deployments_.has(deployment) ? deployment : "", live ? live->version : 0, "v2",
                    response.status, rows, unseen, seconds.count()});
    return response;
  };
  if (!deployments_.has(deployment))
    return done(error_response(Error{ErrorKind::User,
                                     "http.not_found",
                                     fmt::format("there is no deployment '{}'", deployment),
                                     {},
                                     {},
                                     {},
                                     did_you_mean(deployment, deployments_.names())}),
                0, 0);
  if (live == nullptr)
    return done(error_response(Error{ErrorKind::User, "http.not_ready", deployments_.problem(deployment)}), 0,
                0);
  if (!version.empty() && version != std::to_string(live->version))
    return done(not_found(fmt::format("deployment '{}' serves version {}, not {}", deployment, live->version,
                                      version)),
                0, 0);
  if (!request.header("inference-header-content-length").empty())
    return done(error_response(
                    Error{ErrorKind::User, "http.not_implemented", "binary tensors are not spoken here yet"}),
                0, 0);

  const auto parsed = parse_infer_request(request.body);
  if (!parsed) return done(error_response(parsed.error()), 0, 0);
  const auto response = serving::infer(*live, *parsed);
  if (!response) return done(error_response(response.error()), 0, 0);
  if (options_.sink != nullptr) options_.sink->predicted(*live, *parsed, *response, system_clock()->now());
  Response answer{200, "application/json", infer_response_json(*response), {}};
  answer.headers.emplace_back("X-Prediction-Id", is_safe_id(parsed->id) ? parsed->id : random_id());
  return done(std::move(answer), response->rows, response->counts.unseen_categories);
}

Response Routes::metrics() const {
  std::vector<Metrics::Live> live;
  for (const std::string& name : deployments_.names())
    if (const auto model = deployments_.find(name)) live.push_back({name, model->model, model->version});
  return Response{200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text(live), {}};
}

}  // namespace tidemill::api
