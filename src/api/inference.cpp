#include "api/inference.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/replies.hpp"
#include "base/id.hpp"

namespace tidemill::api {

namespace {

constexpr size_t kMostWalksAtOnce = 100'000;  // some milliseconds of the plainest engine
constexpr size_t kMaxIdBytes = 64;

bool is_safe_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

}  // namespace

Inference::Call Inference::begin(const std::string& deployment, std::string_view protocol) const {
  return {deployment, protocol, deployments_.find(deployment), std::chrono::steady_clock::now()};
}

Result<void> Inference::check(const Call& call, std::string_view version) const {
  if (!deployments_.has(call.deployment)) {
    Error error = not_found(fmt::format("there is no deployment '{}'", call.deployment));
    error.hint = did_you_mean(call.deployment, deployments_.names());
    return std::unexpected(std::move(error));
  }
  if (call.live == nullptr) return user_error("http.not_ready", deployments_.problem(call.deployment));
  if (!version.empty() && version != std::to_string(call.live->version))
    return std::unexpected(not_found(fmt::format("deployment '{}' serves version {}, not {}", call.deployment,
                                                 call.live->version, version)));
  return {};
}

Result<std::shared_ptr<const serving::LiveModel>> Inference::look(const std::string& deployment,
                                                                  std::string_view version) const {
  const Call call = begin(deployment, "");
  TM_CHECK(check(call, version));
  return call.live;
}

std::string Inference::prediction_id(std::string_view callers) {
  return is_safe_id(callers) ? std::string(callers) : random_id();
}

bool Inference::takes_long(const Call& call, const serving::InferRequest& request) {
  return serving::tree_walks(*call.live, request) > kMostWalksAtOnce;
}

Result<serving::InferResponse> Inference::predict(const Call& call,
                                                  const serving::InferRequest& request) const {
  TM_TRY(serving::InferResponse response, serving::infer(*call.live, request));
  if (sink_ != nullptr) sink_->predicted(*call.live, request, response, system_clock()->now());
  return response;
}

void Inference::count(const Call& call, int code, const serving::InferResponse* response) {
  Metrics::Inference inference;
  // A name that no deployment has is not a label: strangers must not grow the metrics.
  if (deployments_.has(call.deployment)) inference.model = call.deployment;
  if (call.live != nullptr) {
    inference.version = call.live->version;
    inference.role = call.live->role;
  }
  inference.protocol = call.protocol;
  inference.code = code;
  if (response != nullptr) {
    inference.rows = response->rows;
    inference.unseen_categories = response->counts.unseen_categories;
  }
  inference.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - call.begun).count();
  metrics_.count(inference);
}

bool Inference::ready(const std::string& deployment, std::string_view version) const {
  const auto live = deployments_.find(deployment);
  return accepting_.load() && live != nullptr &&
         (version.empty() || version == std::to_string(live->version));
}

std::string Inference::metrics_text() const {
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
  return metrics_.text(deployments);
}

}  // namespace tidemill::api
