#include "app/retraining_status.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/output.hpp"
#include "monitoring/declared.hpp"
#include "monitoring/kept.hpp"

namespace tidemill::app {

namespace {

using monitoring::Policy;
using monitoring::Retraining;
using monitoring::Stage;

/// What moves it on.
std::string waits_for(const Policy& policy, const Retraining& state) {
  const auto limits = [&] {
    return policy.max_errors || policy.max_p99 || policy.max_score_drift ? " within its limits" : "";
  };
  switch (state.stage) {
    case Stage::Triggered:
      return "its run to begin";
    case Stage::Snapshot:
      return "the model's table";
    case Stage::Train:
      return "a version to be trained";
    case Stage::Gate:
      return "its run to be over";
    case Stage::Shadow:
      return fmt::format("{} predictions{}", std::max(policy.shadow, monitoring::kMinStagePredictions),
                         limits());
    case Stage::Canary:
      return fmt::format("{} of {:g} % of the requests, and {} predictions{}", to_text(policy.stage),
                         state.percent, monitoring::kMinStagePredictions, limits());
    case Stage::Idle:
    case Stage::Promoted:
    case Stage::Rejected:
    case Stage::RolledBack:
      break;
  }
  if (state.rejections >= policy.stop_after)
    return fmt::format("a person: {} retrainings in a row were rejected", state.rejections);
  return {};
}

constexpr size_t kMostBadDataTold = 3;

/// What holds it up while it challenges: monitors of live data quality that fire.
Result<std::string> held_up_by(const project::Project& project, const registry::Registry& registry,
                               const Policy& policy, const Retraining& state) {
  const auto monitors = project.monitors.find(policy.deployment);
  if (state.stage != Stage::Shadow && state.stage != Stage::Canary) return std::string();
  if (monitors == project.monitors.end()) return std::string();
  TM_TRY(const auto alerts, monitoring::kept_alerts(registry));
  if (!alerts) return std::string();
  const std::vector<std::string> bad =
      monitoring::wishes_of(*alerts, policy.deployment, monitors->second, std::nullopt).bad_data;
  std::string text;
  for (size_t i = 0; i < std::min(bad.size(), kMostBadDataTold); ++i) text += (i == 0 ? "" : "; ") + bad[i];
  if (bad.size() > kMostBadDataTold) text += fmt::format("; and {} more", bad.size() - kMostBadDataTold);
  return text.empty() ? text : fmt::format("live data to be as they should be ({}), then ", text);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json number_or_null(int number) { return number != 0 ? Json(number) : Json(); }

}  // namespace

Result<Json> retraining_status(const project::Project& project, registry::Registry& registry,
                               const std::string& model, size_t steps) {
  const Policy policy =
      monitoring::policy_of(project.models.at(model), monitoring::deployment_of(project, model));
  Retraining state;
  TM_TRY(const auto kept, registry.retraining(model));
  if (kept) {
    TM_TRY(state, monitoring::retraining_from_json(*kept));
  }
  Json requests = Json::array(), taken = Json::array();
  TM_TRY(const auto asked, registry.retraining_requests(model));
  for (const registry::RetrainingRequest& request : asked)
    requests.push_back({{"request", request.id},
                        {"at", to_text(request.at)},
                        {"by", request.who},
                        {"reason", request.reason}});
  TM_TRY(const auto rows, registry.retraining_steps(model, steps));
  for (const registry::RetrainingStep& step : rows)
    taken.push_back({{"at", to_text(step.at)},
                     {"attempt", step.attempt},
                     {"from", step.from},
                     {"to", step.to},
                     {"version", number_or_null(step.version)},
                     {"reason", step.reason}});
  const bool begun = state.attempt > 0;
  TM_TRY(const std::string held_up, held_up_by(project, registry, policy, state));
  return Json{
      {"model", model},
      {"deployment", text_or_null(policy.deployment)},
      {"stage", to_text(state.stage)},
      {"since", begun ? Json(to_text(state.since)) : Json()},
      {"attempt", number_or_null(state.attempt)},
      {"version", number_or_null(state.candidate)},
      {"percent", state.stage == Stage::Canary ? Json(state.percent) : Json()},
      {"trigger",
       begun ? Json{{"kind", to_text(state.trigger.kind)}, {"reason", state.trigger.reason}} : Json()},
      {"waits_for", text_or_null(held_up + waits_for(policy, state))},
      {"rejections", state.rejections},
      {"refusal", text_or_null(state.refusal)},
      {"requests", std::move(requests)},
      {"steps", std::move(taken)}};
}

std::string retraining_text(const Json& status) {
  const auto text = [&](const char* name) {
    return status[name].is_null() ? std::string() : status[name].get<std::string>();
  };
  std::string out = fmt::format("retraining of {}: ", text("model"));
  if (status["attempt"].is_null()) {
    out += "none yet";
  } else {
    out += fmt::format("{}, attempt {}", text("stage"), status["attempt"].get<int>());
    if (!status["version"].is_null()) out += fmt::format(", version {}", status["version"].get<int>());
    if (!status["percent"].is_null()) out += fmt::format(", {:g} %", status["percent"].get<double>());
    out += fmt::format(", since {}", human_time(*parse_instant(text("since"))));
    out += fmt::format("\n  because: {}", status["trigger"]["reason"].get<std::string>());
  }
  if (!status["waits_for"].is_null()) out += "\n  waits for: " + text("waits_for");
  if (!status["refusal"].is_null()) out += "\n  last refusal: " + text("refusal");
  for (const Json& request : status["requests"])
    out += fmt::format("\n  request {}, not answered yet, by {}{}", request["request"].get<int64_t>(),
                       request["by"].get<std::string>(),
                       request["reason"] == "" ? "" : ": " + request["reason"].get<std::string>());
  for (const Json& step : status["steps"])
    out +=
        fmt::format("\n  {}  {} → {}{}: {}", human_time(*parse_instant(step["at"].get<std::string>())),
                    step["from"].get<std::string>(), step["to"].get<std::string>(),
                    step["version"].is_null() ? "" : fmt::format(" (version {})", step["version"].get<int>()),
                    step["reason"].get<std::string>());
  return out;
}

}  // namespace tidemill::app
