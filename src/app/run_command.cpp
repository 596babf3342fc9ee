// tidemill plan, run, explain, diff.
#include <atomic>
#include <csignal>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/progress.hpp"
#include "base/process.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/run.hpp"

namespace tidemill::app {

namespace {

std::atomic<bool> stop_asked{false};

// The first Ctrl-C ends the run in order; a second one ends the program and its commands the hard way, which
// a home survives too.
void on_signal(int signal) {
  if (!stop_asked.exchange(true)) return;
  kill_children();
  std::_Exit(128 + signal);
}

void end_in_order_on_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A terminal that goes away; who started us with nohup wants the run to go on.
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

std::string who_runs() {
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

}  // namespace

int plan(const GlobalOptions& global, const SelectOptions& options) {
  auto session = open_session_to_look(global);
  if (!session) return report(global, session.error());
  warn_of_idle_keys(global, session->project);
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

int run(const GlobalOptions& global, const SelectOptions& options) {
  auto session = open_session(global, registry::Options::Mode::ReadWrite);
  if (!session) return report(global, session.error());
  warn_of_idle_keys(global, session->project);
  end_in_order_on_signals();
  pipeline::RunOptions run_options;
  run_options.selection = options.selection;
  run_options.force = options.force;
  run_options.clock = session->clock;
  run_options.as_of = global.as_of;
  run_options.by = who_runs();
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
  return result->exit_code;
}

}  // namespace tidemill::app
