#include "api/inference.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/http.hpp"
#include "api/replies.hpp"
#include "base/id.hpp"
#include "serving/rollout.hpp"

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

struct Made {
  const serving::LiveModel& live;
  std::string_view prediction_id, request_id;
  const serving::InferRequest& request;
  const Result<void>& done;
  const serving::InferResponse& response;
  Instant at;
};
serving::PredictionRecord record_of(const Made& made, double seconds) {
  constexpr double kMicros = 1e6;
  const Error* error = made.done ? nullptr : &made.done.error();
  return {.prediction_id = made.prediction_id,
          .request_id = made.request_id,
          .deployment = made.live.deployment,
          .model = made.live.model,
          .version = made.live.version,
          .package = made.live.predictor->package(),
          .role = made.live.role,
          .at = made.at,
          .latency = {static_cast<int64_t>(seconds * kMicros)},
          .status = error == nullptr ? 200 : http_status(*error),
          .error = error == nullptr ? std::string_view() : std::string_view(error->code),
          .request = made.request,
          .response = error == nullptr ? &made.response : nullptr};
}

}  // namespace

void Flight::move_to(InferenceSeries& series) {
  if (&series == series_) return;
  series_->leave();
  series_ = &series;
  series.begin();
}

void Flight::queue() {
  queued_ = Clock::now();
  waits_ = true;
  series_->waits();
}

void Flight::taken() {
  request_.queue_seconds += seconds_since(queued_);
  waits_ = false;
  series_->waits_no_more();
}

void Flight::computed(Clock::time_point begun, const serving::InferResponse& response) {
  computed_ = Clock::now();
  request_.compute_seconds = std::chrono::duration<double>(computed_ - begun).count();
  request_.input_seconds =
      std::max(0.0, std::chrono::duration<double>(begun - begun_).count() - request_.queue_seconds);
  request_.rows = response.rows;
  request_.unseen_categories = response.counts.unseen_categories;
}

void Flight::count(int code) {
  if (counted_) return;
  counted_ = true;
  if (waits_) series_->waits_no_more();
  const auto now = Clock::now();
  const auto seconds_from = [now](Clock::time_point then) {
    return std::chrono::duration<double>(now - then).count();
  };
  if (request_.rows > 0) request_.output_seconds = seconds_from(computed_);
  request_.code = code;
  request_.seconds = seconds_from(begun_);
  series_->end(request_);
}

Inference::Call Inference::begin(const std::string& deployment, std::string_view protocol,
                                 Flight::Clock::time_point deadline) {
  auto all = deployments_.live(deployment);
  const serving::LiveModel* live = all == nullptr ? nullptr : all->champion.get();
  // A name that no deployment has is not a label: strangers must not grow the metrics.
  InferenceSeries& series = live != nullptr
                                ? series_of(*live, protocol)
                                : metrics_.series(all != nullptr ? deployment : "", 0, "", protocol);
  return {deployment, std::move(all), live, false, protocol, std::make_shared<Flight>(series, deadline)};
}

Result<void> Inference::check(Call& call, std::string_view version) {
  TM_TRY(call.live, check(call.deployment, call.all.get(), version));
  call.named = !version.empty();
  if (call.named) call.flight->move_to(series_of(*call.live, call.protocol));
  return {};
}

Result<const serving::LiveModel*> Inference::check(const std::string& deployment,
                                                   const serving::LiveDeployment* all,
                                                   std::string_view version) const {
  if (all == nullptr) {
    Error error = not_found(fmt::format("there is no deployment '{}'", deployment));
    error.hint = did_you_mean(deployment, deployments_.names());
    return std::unexpected(std::move(error));
  }
  if (all->champion == nullptr) return user_error("http.not_ready", deployments_.problem(deployment));
  if (version.empty()) return all->champion.get();
  if (const serving::LiveModel* live = all->find(version)) return live;
  const std::string also = all->challenger == nullptr ? "" : fmt::format(" and {}", all->challenger->version);
  return std::unexpected(not_found(fmt::format("deployment '{}' serves version {}{}, not {}", deployment,
                                               all->champion->version, also, version)));
}

Result<std::shared_ptr<const serving::LiveModel>> Inference::look(const std::string& deployment,
                                                                  std::string_view version) const {
  const auto all = deployments_.live(deployment);
  TM_TRY(const serving::LiveModel* live, check(deployment, all.get(), version));
  return live == all->champion.get() ? all->champion : all->challenger;
}

bool Inference::takes_long(const Call& call, const serving::InferRequest& request) {
  const serving::LiveModel* other = call.all->challenger.get();
  const size_t most = std::max(serving::tree_walks(*call.live, request),
                               other == nullptr ? 0 : serving::tree_walks(*other, request));
  return most > kMostWalksAtOnce;
}

std::string_view Inference::sticky(const Call& call) {
  const auto& all = *call.all;
  const bool matters = !call.named && all.has_canary();
  return matters ? std::string_view(all.sticky) : "";
}

Inference::Chosen Inference::choose(const Call& call, const Asked& asked,
                                    const std::optional<std::string>& key) {
  Chosen chosen{call.live, is_safe_id(asked.prediction_id) ? std::string(asked.prediction_id) : random_id(),
                asked.request_id};
  const auto& all = *call.all;
  if (call.named || !all.has_canary()) return chosen;
  const double place = serving::place_of_key(call.deployment, all.challenger->version,
                                             key ? std::string_view(*key) : chosen.prediction_id);
  if (!serving::is_taken_by_canary(place, all.rollout.percent)) return chosen;
  chosen.live = all.challenger.get();
  call.flight->move_to(series_of(*chosen.live, call.protocol));
  return chosen;
}

Result<void> Inference::predict(const Call& call, const Chosen& chosen, const serving::InferRequest& request,
                                serving::InferResponse& response) const {
  const auto begun = Flight::Clock::now();
  auto done = serving::infer(*chosen.live, request, response);
  if (done) call.flight->computed(begun, response);
  if (is_heard())
    sink_->predicted(record_of(
        {*chosen.live, chosen.prediction_id, chosen.request_id, request, done, response, clock_->now()},
        call.flight->seconds()));
  return done;
}

Result<Inference::Predicted> Inference::predict(const Call& call, const Asked& asked,
                                                const serving::InferRequest& request) {
  Predicted predicted;
  TM_CHECK(predict(call, asked, request, predicted));
  return predicted;
}

Result<void> Inference::predict(const Call& call, const Asked& asked, const serving::InferRequest& request,
                                Predicted& predicted) {
  std::optional<std::string> key;
  const forest::Package& champion = call.live->predictor->package();
  if (const std::string_view column = sticky(call); !column.empty())
    key = serving::key_of(request, champion, column);
  predicted.chosen = choose(call, asked, key);
  const serving::LiveModel& live = *predicted.chosen.live;
  const forest::Package& package = live.predictor->package();
  const bool takes_it = &live == call.live || serving::same_inputs(champion, package);
  TM_CHECK(takes_it ? predict(call, predicted.chosen, request, predicted.response)
                    : predict(call, predicted.chosen, serving::adapted(request, champion, package),
                              predicted.response));
  if (!call.all->has_shadow()) return {};  // nobody asks how large it is
  shadow(call, predicted.chosen, serving::bytes_of(request), [&] {
    return [request, all = call.all](const serving::LiveModel& shadow) -> Result<serving::InferRequest> {
      return serving::adapted(request, all->champion->predictor->package(), shadow.predictor->package());
    };
  });
  return {};
}

void Inference::predict_as_shadow(const Shadowed& shadowed) const {
  const serving::LiveModel& live = *shadowed.all->challenger;
  Flight flight(*shadowed.series, Flight::Clock::time_point::max());
  const auto request = shadowed.make(live);
  if (!request) return flight.count(http_status(request.error()));
  serving::InferResponse response;
  const auto done = serving::infer(live, *request, response);
  if (done) flight.computed(flight.begun(), response);
  flight.count(done ? 200 : http_status(done.error()));
  if (is_heard())
    sink_->predicted(record_of(
        {live, shadowed.prediction_id, shadowed.request_id, *request, done, response, clock_->now()},
        flight.seconds()));
}

bool Inference::ready(const std::string& deployment, std::string_view version) const {
  const auto all = deployments_.live(deployment);
  return accepting_.load() && all != nullptr && all->champion != nullptr &&
         (version.empty() || all->find(version) != nullptr);
}

std::string Inference::metrics_text(MetricNames names) const {
  std::vector<Metrics::Deployment> deployments;
  const Instant now = clock_->now();
  for (const std::string& name : deployments_.names()) {
    Metrics::Deployment& deployment = deployments.emplace_back();
    deployment.model = name;
    deployment.current = deployments_.problem(name).empty();
    deployment.load_failures = deployments_.load_failures(name);
    const auto all = deployments_.live(name);
    for (const auto& live : {all->champion, all->challenger})
      if (live != nullptr) deployment.live.push_back({live->model, live->version, live->role});
    if (all->rollout.version > 0)
      deployment.challenger = {.current = deployments_.challenger_problem(name).empty(),
                               .canary_share = all->has_canary() ? all->rollout.percent / 100 : 0};
    if (all->champion == nullptr) continue;
    for (const registry::Table& table : all->champion->tables)
      deployment.tables.push_back({table.name, Duration{now.micros - table.made_at.micros}.seconds()});
  }
  return metrics_.text(deployments, names);
}

}  // namespace tidemill::api
