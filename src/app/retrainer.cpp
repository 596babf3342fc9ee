#include "app/retrainer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "pipeline/decide.hpp"

namespace tidemill::app {

namespace {

using monitoring::Decision;
using monitoring::Facts;
using monitoring::Policy;
using monitoring::Retraining;
using monitoring::Stage;
using registry::Registry;

constexpr int kLockHeld = 5;

/// Who has no run yet, or one that was interrupted, and is before the stages on live traffic.
bool needs_run(const Retraining& state, const Facts& facts) {
  if (is_resting(state.stage) || state.stage == Stage::Shadow || state.stage == Stage::Canary) return false;
  return !facts.run || facts.run->attempt != state.attempt ||
         facts.run->status == Facts::Run::Status::Interrupted;
}

std::vector<registry::RetrainingStep> steps_of(const Decision& decision) {
  std::vector<registry::RetrainingStep> steps;
  for (const monitoring::Transition& each : decision.transitions)
    steps.push_back({each.at, each.attempt, std::string(to_text(each.from)), std::string(to_text(each.to)),
                     each.version, each.reason});
  return steps;
}

}  // namespace

void Retrainer::look(Instant now, Slot slot) {
  again_ = Again::Later;
  for (const auto& [name, model] : project_.models) {
    if (model.imported) continue;
    const auto looked = look_at(model, now, slot);
    const std::string trouble = looked ? "" : to_text(looked.error());
    if (!trouble.empty() && troubles_[name] != trouble)
      log::error("the retraining of {} waits: {}", name, trouble);
    troubles_[name] = trouble;
  }
}

Result<Retraining> Retrainer::kept(const std::string& model) {
  TM_TRY(const auto json, options_.registry.retraining(model));
  if (!json) return Retraining{};
  return monitoring::retraining_from_json(*json);
}

Result<void> Retrainer::look_at(const project::Model& model, Instant now, Slot slot) {
  const Policy policy = monitoring::policy_of(model, monitoring::deployment_of(project_, model.name));
  TM_TRY(const Retraining state, kept(model.name));
  TM_TRY(Facts facts, gather_facts(project_, options_.registry, policy, options_.sources));
  if (const auto failed = failed_starts_.find(model.name);
      failed != failed_starts_.end() && failed->second.attempt == state.attempt && needs_run(state, facts)) {
    facts.run = Facts::Run();
    facts.run->attempt = state.attempt;
    facts.run->status = Facts::Run::Status::Failed;
    facts.run->error = failed->second.error;
  } else if (slot == Slot::Taken && needs_run(state, facts)) {
    again_ = std::max(again_, Again::WhenARunMayBegin);
    return {};
  }
  const bool unmeasured = options_.sources.challenger && facts.rollout && !facts.challenger.predictions;
  const Decision decision = decide(policy, state, facts, now);
  if (!(decision.state == state) || !decision.transitions.empty())
    TM_CHECK(options_.registry.keep_retraining(
        {model.name, to_json(decision.state), steps_of(decision), decision.state.handled}));
  if (unmeasured || !decision.transitions.empty()) again_ = Again::Soon;
  tell(policy, decision, now);
  if (!decision.act) return {};
  return act(policy, *decision.act);
}

void Retrainer::tell(const Policy& policy, const Decision& decision, Instant now) {
  const auto say = [&](Event::Kind kind, const std::string& text, Json details) {
    details["model"] = policy.model;
    if (options_.tell) options_.tell({kind, now, text, std::move(details)});
  };
  for (const monitoring::Transition& each : decision.transitions) {
    const std::string version = each.version != 0 ? fmt::format(", version {}", each.version) : "";
    const std::string text = fmt::format("retraining {} of {}: {} → {}{}: {}", each.attempt, policy.model,
                                         to_text(each.from), to_text(each.to), version, each.reason);
    log::info("{}", text);
    const Json details{{"attempt", each.attempt},
                       {"version", each.version != 0 ? Json(each.version) : Json()},
                       {"deployment", policy.deployment.empty() ? Json() : Json(policy.deployment)},
                       {"reason", each.reason}};
    // Of those that end in a move of the alias, ChampionMoves tells.
    if (each.to == Stage::Rejected) say(Event::Kind::Rejected, text, details);
  }
  for (const std::string& notice : decision.notices) {
    log::info("{}", notice);
    say(Event::Kind::Refused, notice, Json::object());
  }
}

Result<void> Retrainer::act(const Policy& policy, const monitoring::Act& act) {
  Registry& registry = options_.registry;
  if (const auto* start = std::get_if<monitoring::StartRun>(&act)) {
    if (!due_) due_ = Due{{policy.model, start->attempt}, start->promotes};
    return {};
  }
  if (const auto* stage = std::get_if<monitoring::BeginStage>(&act)) {
    TM_CHECK(registry.set_rollout(stage->rollout));
    return {};
  }
  if (const auto* promote = std::get_if<monitoring::Promote>(&act)) {
    TM_TRY(const registry::Version version, registry.version(policy.model, std::to_string(promote->version)));
    TM_TRY(const Json verdict, pipeline::latest_verdict(registry, version));
    const bool anchor = policy.alias == "champion" && verdict.value("moves_anchor", false);
    return registry.promote_unattended(
        {policy.model, policy.alias, promote->version, promote->reason, promote->expected},
        anchor ? Registry::Anchor::Moves : Registry::Anchor::Stays);
  }
  if (const auto* end = std::get_if<monitoring::EndRollout>(&act))
    return registry.give_up_challenger(
        policy.model, end->version, end->bad ? Registry::Challenger::Withdraw : Registry::Challenger::Spare,
        end->reason);
  if (const auto* back = std::get_if<monitoring::RollBack>(&act)) {
    TM_CHECK(registry.rollback_alias(policy.model, policy.alias, back->reason, back->version));
    return {};
  }
  return registry.release_hold(policy.model);
}

void Retrainer::ended(const registry::Attempt& attempt, const ChildRun::End& end) {
  // Whether it began is in the registry; if not, that is why, unless it was told to end or the home was in
  // use.
  if (end.code == 0 || end.code > 128 || end.stopped || end.code == kLockHeld) return;
  failed_starts_[attempt.model] = {attempt.number, end.last_line()};
}

Result<void> Retrainer::take_up(const registry::Run& run) {
  for (const Json& step : run.report.value("steps", Json::array())) {
    const std::string id = step.value("step", "");
    if (!id.starts_with("model:") || step.value("status", "") != "done") continue;
    const std::string name = id.substr(std::string_view("model:").size());
    const auto model = project_.models.find(name);
    if (model == project_.models.end()) continue;
    const Policy policy = monitoring::policy_of(model->second, monitoring::deployment_of(project_, name));
    if (!policy.has_rollout()) continue;
    TM_TRY(const auto attempt, options_.registry.newest_attempt(name));
    if (attempt && attempt->run == run.id) continue;  // taken up already
    TM_TRY(const Retraining state, kept(name));
    TM_TRY(const Facts facts, gather_facts(project_, options_.registry, policy, options_.sources));
    TM_TRY(const Facts::Run made, run_facts(options_.registry, name, {0, run.id}, facts.champion));
    const auto& candidate = made.candidate;
    const bool can_challenge =
        candidate && candidate->accepted && facts.champion && candidate->judged_against == *facts.champion &&
        candidate->version != *facts.champion && !facts.withdrawn.contains(candidate->version) &&
        !state.refused.contains(candidate->version);
    const bool may_begin = is_resting(state.stage) && state.leftover == 0 && !facts.rollout && !facts.hold &&
                           state.rejections < policy.stop_after;
    if (!can_challenge || !may_begin) continue;
    const int number = std::max(state.attempt, attempt ? attempt->attempt : 0) + 1;
    TM_CHECK(options_.registry.note_attempt({name, number}, run.id));
  }
  return {};
}

}  // namespace tidemill::app
