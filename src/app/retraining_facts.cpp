#include "app/retraining_facts.hpp"

#include <fmt/format.h>

#include "app/run_trouble.hpp"
#include "monitoring/kept.hpp"
#include "pipeline/decide.hpp"

namespace tidemill::app {

namespace {

using monitoring::Facts;
using monitoring::Trigger;

constexpr size_t kMaxTables = 10'000;  // above a model

/// Checks that the newest data of the model's table, or of what it is made from, did not pass. What a step
/// read stands in its key.
Result<std::vector<std::string>> failed_checks(registry::Registry& registry, const project::Model& model) {
  std::vector<std::string> failed, names{model.from};
  std::set<std::string> seen{model.from};
  for (size_t i = 0; i < names.size() && i < kMaxTables; ++i) {
    std::optional<registry::StepRecord> step;
    for (const char* kind : {"transform:", "source:"})
      if (!step) {
        TM_TRY(step, registry.last_step(kind + names[i]));
      }
    if (!step) continue;
    if (step->error && step->status == registry::StepStatus::Failed) {
      const std::string code = step->error->value("code", "");
      if (code.starts_with("check."))
        failed.push_back(fmt::format("{}: {}", names[i], step->error->value("message", code)));
    }
    const auto inputs = step->key_parts.find("inputs");
    if (inputs == step->key_parts.end() || !inputs->is_object()) continue;
    for (const auto& [name, _] : inputs->items())
      if (seen.insert(name).second) names.push_back(name);
  }
  return failed;
}

int judged_against(const Json& verdict) {
  const auto champion = verdict.find("champion");
  return champion != verdict.end() && champion->is_number_integer() ? champion->get<int>() : 0;
}

std::string why_rejected(const Json& verdict) {
  std::string why;
  for (const Json& rule : verdict.value("rules", Json::array()))
    if (!rule.value("passed", true))
      why += (why.empty() ? "" : "; ") + rule.value("message", rule.value("rule", std::string()));
  return why.empty() ? "it did not pass" : why;
}

Result<Facts::Candidate> candidate_of(registry::Registry& registry, const std::string& model, int number) {
  TM_TRY(const registry::Version version, registry.version(model, std::to_string(number)));
  TM_TRY(const Json verdict, pipeline::latest_verdict(registry, version));
  Facts::Candidate candidate{number, verdict.value("passed", false), judged_against(verdict)};
  if (!candidate.accepted) candidate.reason = why_rejected(verdict);
  return candidate;
}

/// What the run found up to date of the model.
std::optional<int> version_in_report(const registry::Run& run, const std::string& step_id) {
  for (const Json& step : run.report.value("steps", Json::array()))
    if (step.value("step", "") == step_id && step.contains("version") && step["version"].is_number_integer())
      return step["version"].get<int>();
  return std::nullopt;
}

/// When the last run began that learned from what was known then: it made the champion or another version, or
/// as a retraining it found that there is nothing else to learn from. What failed has learned nothing.
Result<Instant> learned_at(registry::Registry& registry, const std::string& model, const Facts& facts,
                           const std::optional<registry::AttemptRun>& attempt) {
  TM_TRY(const registry::Version champion, registry.version(model, std::to_string(*facts.champion)));
  Instant newest{0};
  const auto began = [&](const std::string& id) -> Result<bool> {
    TM_TRY(const auto run, registry.run(id));
    if (run) newest = std::max(newest, run->started_at);
    return run.has_value();
  };
  TM_TRY(const bool known, began(champion.run));
  if (!known) newest = champion.made_at;
  TM_TRY(const auto step, registry.last_step("model:" + model));
  if (step && step->version) TM_CHECK(began(step->run));
  using Status = Facts::Run::Status;
  if (attempt && facts.run && (facts.run->status == Status::Done || facts.run->status == Status::Running))
    TM_CHECK(began(attempt->run));
  return newest;
}

}  // namespace

Result<Facts::Run> run_facts(registry::Registry& registry, const std::string& model,
                             const registry::AttemptRun& attempt, std::optional<int> champion) {
  Facts::Run facts;
  facts.attempt = attempt.attempt;
  const bool in_use =
      registry.is_in_use();  // before the row is read: what ends meanwhile is not taken for dead
  TM_TRY(const auto run, registry.run(attempt.run));
  if (!run) {
    facts.status = Facts::Run::Status::Interrupted;
    return facts;
  }
  using Status = Facts::Run::Status;
  facts.status = run->status == "running" && in_use ? Status::Running
                 : run->status == "done"            ? Status::Done
                 : run->status == "failed"          ? Status::Failed
                                                    : Status::Interrupted;
  if (run->by.starts_with("schedule ")) facts.trigger = Trigger{Trigger::Kind::Schedule, run->by, 0};
  TM_TRY(const auto steps, registry.steps(attempt.run));
  const std::string id = "model:" + model;
  for (const registry::StepRecord& step : steps)
    if (step.step == id && step.version) {
      TM_TRY(facts.candidate, candidate_of(registry, model, step.version->number));
    }
  if (const auto number = version_in_report(*run, id); number && !facts.candidate && number != champion) {
    TM_TRY(const Facts::Candidate found, candidate_of(registry, model, *number));
    if (found.accepted) facts.candidate = found;  // a rejection has been counted
  }
  // The version was made and recorded, whatever else of the run failed.
  if (facts.status == Status::Failed && facts.candidate) facts.status = Status::Done;
  if (facts.status == Status::Failed) {
    facts.error = trouble_of(*run);
    if (facts.error.empty()) facts.error = "see tidemill runs show " + run->id;
  }
  for (const registry::StepRecord& step : steps)
    facts.snapshot_taken = facts.snapshot_taken || step.table.has_value();
  return facts;
}

Result<Facts> gather_facts(const project::Project& project, registry::Registry& registry,
                           const monitoring::Policy& policy, const RetrainingSources& sources) {
  const std::string& model = policy.model;
  Facts facts;
  TM_TRY(const auto aliases, registry.aliases(model));
  if (const auto champion = aliases.find(policy.alias); champion != aliases.end())
    facts.champion = champion->second;
  TM_TRY(facts.hold, registry.hold(model));
  TM_TRY(facts.withdrawn, registry.withdrawn_versions(model));
  TM_TRY(const auto attempt, registry.newest_attempt(model));
  if (attempt) {
    TM_TRY(facts.run, run_facts(registry, model, *attempt, facts.champion));
  }
  TM_TRY(const auto rollouts, registry.rollouts());
  if (const auto rollout = rollouts.find(policy.deployment);
      rollout != rollouts.end() && rollout->second.model == model)
    facts.rollout = rollout->second;
  if (sources.challenger && !policy.deployment.empty())
    facts.challenger = sources.challenger(policy.deployment, facts.rollout ? &*facts.rollout : nullptr);
  TM_TRY(facts.failed_checks, failed_checks(registry, project.models.at(model)));
  TM_TRY(const auto requests, registry.retraining_requests(model));
  for (const registry::RetrainingRequest& request : requests)
    facts.requests.push_back(
        {Trigger::Kind::Person,
         fmt::format("asked for by {}{}", request.who, request.reason.empty() ? "" : ": " + request.reason),
         request.id});
  const auto deployment = project.deployments.find(policy.deployment);
  if (deployment == project.deployments.end()) return facts;
  TM_TRY(const auto alerts, monitoring::kept_alerts(registry));
  const auto monitors = project.monitors.find(policy.deployment);
  if (alerts && monitors != project.monitors.end()) {
    auto wishes = monitoring::wishes_of(*alerts, policy.deployment, monitors->second, facts.champion);
    facts.standing = std::move(wishes.retrain);
    facts.rollback = std::move(wishes.rollback);
    facts.bad_data = std::move(wishes.bad_data);
  }
  if (sources.new_labels && facts.champion && (policy.every_labels || policy.min_new_labels > 0)) {
    TM_TRY(const Instant since, learned_at(registry, model, facts, attempt));
    const auto counted = sources.new_labels(policy.deployment, since);
    facts.new_labels = counted.value_or(0);
    // Not known is neither enough nor too few, which would be told: who binds on it waits until it is.
    if (!counted && policy.min_new_labels > 0) facts.standing.clear();
  }
  return facts;
}

}  // namespace tidemill::app
