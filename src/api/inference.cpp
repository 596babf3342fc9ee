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

void Flight::computed(std::chrono::steady_clock::time_point begun, const serving::InferResponse& response) {
  request_.compute_seconds = seconds_since(begun);
  request_.rows = response.rows;
  request_.unseen_categories = response.counts.unseen_categories;
}

void Flight::count(int code) {
  if (counted_) return;
  counted_ = true;
  request_.code = code;
  request_.seconds = seconds_since(begun_);
  series_.end(request_);
}

Inference::Call Inference::begin(const std::string& deployment, std::string_view protocol) {
  const auto live = deployments_.find(deployment);
  // A name that no deployment has is not a label: strangers must not grow the metrics.
  InferenceSeries& series =
      live != nullptr ? metrics_.series(deployment, live->version, live->role, protocol)
                      : metrics_.series(deployments_.has(deployment) ? deployment : "", 0, "", protocol);
  return {deployment, live, std::make_shared<Flight>(series)};
}

Result<void> Inference::check(const Call& call, std::string_view version) const {
  return check(call.deployment, call.live.get(), version);
}

Result<void> Inference::check(const std::string& deployment, const serving::LiveModel* live,
                              std::string_view version) const {
  if (!deployments_.has(deployment)) {
    Error error = not_found(fmt::format("there is no deployment '{}'", deployment));
    error.hint = did_you_mean(deployment, deployments_.names());
    return std::unexpected(std::move(error));
  }
  if (live == nullptr) return user_error("http.not_ready", deployments_.problem(deployment));
  if (!version.empty() && version != std::to_string(live->version))
    return std::unexpected(not_found(
        fmt::format("deployment '{}' serves version {}, not {}", deployment, live->version, version)));
  return {};
}

Result<std::shared_ptr<const serving::LiveModel>> Inference::look(const std::string& deployment,
                                                                  std::string_view version) const {
  auto live = deployments_.find(deployment);
  TM_CHECK(check(deployment, live.get(), version));
  return live;
}

std::string Inference::prediction_id(std::string_view callers) {
  return is_safe_id(callers) ? std::string(callers) : random_id();
}

bool Inference::takes_long(const Call& call, const serving::InferRequest& request) {
  return serving::tree_walks(*call.live, request) > kMostWalksAtOnce;
}

Result<serving::InferResponse> Inference::predict(const Call& call,
                                                  const serving::InferRequest& request) const {
  const auto begun = std::chrono::steady_clock::now();
  TM_TRY(serving::InferResponse response, serving::infer(*call.live, request));
  call.flight->computed(begun, response);
  if (sink_ != nullptr) sink_->predicted(*call.live, request, response, system_clock()->now());
  return response;
}

bool Inference::ready(const std::string& deployment, std::string_view version) const {
  const auto live = deployments_.find(deployment);
  return accepting_.load() && live != nullptr &&
         (version.empty() || version == std::to_string(live->version));
}

std::string Inference::metrics_text() const {
  std::vector<Metrics::Deployment> deployments;
  const Instant now = system_clock()->now();
  for (const std::string& name : deployments_.names()) {
    Metrics::Deployment& deployment = deployments.emplace_back();
    deployment.model = name;
    deployment.current = deployments_.problem(name).empty();
    deployment.load_failures = deployments_.load_failures(name);
    if (const auto live = deployments_.find(name)) {
      deployment.registry_model = live->model;
      deployment.version = live->version;
      deployment.role = live->role;
      for (const registry::Table& table : live->tables)
        deployment.tables.push_back({table.name, Duration{now.micros - table.made_at.micros}.seconds()});
    }
  }
  return metrics_.text(deployments);
}

}  // namespace tidemill::api
