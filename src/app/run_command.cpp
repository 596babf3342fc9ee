// tidemill plan, run, explain, diff.

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/progress.hpp"
#include "app/stop_signals.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/run.hpp"
#include "project/scalar.hpp"

namespace tidemill::app {

namespace {

/// What a scheduler said of it.
Result<registry::RunCause> cause_of(const RunOptions& options) {
  registry::RunCause cause;
  if (!options.schedule.empty()) {
    TM_TRY(const Instant at, parse_instant(options.tick));
    cause.tick = registry::Tick{options.schedule, at};
  }
  if (!options.attempt.empty()) {
    const size_t colon = options.attempt.find(':');
    const auto number = colon == std::string::npos
                            ? std::nullopt
                            : project::parse_number(std::string_view(options.attempt).substr(colon + 1));
    if (!number || *number < 1 || *number > 1e9)
      return user_error("usage.arguments",
                        fmt::format("--attempt '{}' is not MODEL:NUMBER", options.attempt));
    cause.attempt = registry::Attempt{options.attempt.substr(0, colon), static_cast<int>(*number)};
  }
  return cause;
}

std::string who_runs(const registry::RunCause& cause) {
  if (cause.tick) return "schedule " + cause.tick->schedule;
  if (cause.attempt) return fmt::format("retraining {} of {}", cause.attempt->number, cause.attempt->model);
  const char* user = std::getenv("USER");
  return user != nullptr ? user : "";
}

std::string_view word_of(pipeline::StepState state) {
  switch (state) {
    case pipeline::StepState::UpToDate:
      return "up to date";
    case pipeline::StepState::WillRun:
      return "run";
    case pipeline::StepState::DependsOn:
      return "run if needed";
    case pipeline::StepState::Withdrawn:
      return "withdrawn";
    case pipeline::StepState::NotSelected:
      return "not selected";
  }
  return "";
}

/// A version that passed its gate and is not champion: what comes next.
void say_what_waits(const Session& session, const pipeline::StepOutcome& step) {
  const std::string model = step.step.substr(step.step.find(':') + 1);
  const int version = step.report.value("version", 0);
  const auto aliases = session.registry->aliases(model);
  const auto champion = aliases ? aliases->find("champion") : std::map<std::string, int>::const_iterator();
  const bool stays = aliases && champion != aliases->end();
  const project::Deployment* deployment = session.project.rollout_of(model);
  std::string next;
  if (const auto now = session.registry->challenger_of_champion(model); now && *now)
    next = fmt::format("version {} challenges in {} already", (*now)->version, (*now)->deployment);
  else if (deployment != nullptr)
    next = fmt::format("next: tidemill rollout {} --{} {}", deployment->name,
                       deployment->rollout->shadow > 0 ? "shadow" : "canary", version);
  fmt::print(stderr, "{}: version {} passed its gate and waits{}; {}{}at once: tidemill promote {} {}\n",
             model, version, stays ? fmt::format(", version {} stays champion", champion->second) : "", next,
             next.empty() ? "" : "; ", model, version);
}

}  // namespace

int plan(const GlobalOptions& global, const SelectOptions& options) {
  auto session = open_session_to_look(global);
  if (!session) return report(global, session.error());
  warn_of_idle_keys(global, session->project);
  warn_of_idle_deployments(global, *session);
  warn_of_lost_features(global, *session);
  const Instant now = session->clock->now();
  auto fingerprints = pipeline::fingerprint(session->project, *session->registry, now);
  if (!fingerprints) return report(global, fingerprints.error());
  const auto planned = pipeline::plan({&session->project, session->registry.get(), std::move(*fingerprints),
                                       options.selection, options.force, now});
  if (!planned) return report(global, planned.error());
  if (global.json) {
    print_json(pipeline::to_json(*planned));
    return 0;
  }
  TextTable table({{"step"}, {"plan"}, {"why"}});
  size_t to_do = 0;
  for (const pipeline::PlannedStep& step : planned->steps) {
    if (step.state == pipeline::StepState::NotSelected) continue;
    to_do += step.state == pipeline::StepState::WillRun || step.state == pipeline::StepState::DependsOn;
    table.add({step.id, std::string(word_of(step.state)), step.reason});
  }
  print(table.text());
  if (!global.quiet) fmt::print(stderr, "{} of {} steps to do\n", to_do, planned->steps.size());
  return 0;
}

int run(const GlobalOptions& global, const RunOptions& options) {
  auto cause = cause_of(options);
  if (!cause) return report(global, cause.error());
  auto session = open_session(global, registry::Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  warn_of_idle_keys(global, session->project);
  warn_of_idle_deployments(global, *session);
  warn_of_lost_features(global, *session);
  const std::atomic<bool>& stop_asked = end_in_order_on_signals();
  pipeline::RunOptions run_options;
  run_options.selection = options.selection;
  run_options.force = options.force;
  run_options.clock = session->clock;
  run_options.as_of = global.as_of;
  run_options.by = who_runs(*cause);
  run_options.cause = *std::move(cause);
  run_options.promotion = options.promote      ? pipeline::Promotion::AtOnce
                          : options.no_promote ? pipeline::Promotion::Recorded
                                               : pipeline::Promotion::Declared;
  run_options.stop = &stop_asked;
  std::expected<pipeline::RunResult, Errors> result;
  {
    Progress progress(global);
    run_options.on_event = [&](const pipeline::RunEvent& event) { progress.show(event); };
    result = pipeline::run(session->project, *session->registry, run_options);
  }
  if (!result) return report(global, result.error());
  if (global.json) {
    print_json(pipeline::to_json(*result));
    return result->exit_code;
  }
  std::map<std::string_view, size_t> counts;
  for (const pipeline::StepOutcome& step : result->steps) ++counts[registry::to_text(step.status)];
  std::string summary = fmt::format("run {}: {} steps", result->run, result->steps.size());
  std::string sep = ": ";
  for (const auto& [status, count] : counts) {
    summary += fmt::format("{}{} {}", sep, count, status);
    sep = ", ";
  }
  if (result->release) summary += fmt::format("; release {}", *result->release);
  if (result->status == "interrupted" && !result->release) summary += "; nothing went live";
  print(summary);
  if (!global.quiet)
    for (const pipeline::StepOutcome& step : result->steps)
      if (step.report.value("waits", false)) say_what_waits(*session, step);
  return result->exit_code;
}

}  // namespace tidemill::app
