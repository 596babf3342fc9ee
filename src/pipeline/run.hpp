// Plan → run → report: steps side by side, write-audit-publish, retries, time limits, one release at the end.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "pipeline/plan.hpp"

namespace tidemill::pipeline {

/// What happens while a run goes on; called from several threads, one at a time.
struct RunEvent {
  enum class Kind { RunStarted, StepStarted, StepProgress, StepRetry, StepEnded, RunEnded };
  Kind kind = Kind::RunStarted;
  std::string run;
  std::string step;
  std::optional<double> share;  // StepProgress
  std::optional<registry::StepStatus> status;
  Json report = Json::object();  // StepEnded: rows, bytes, seconds, checks; RunEnded: the run's report
  std::optional<Error> error;
  std::string message;
};

/// What becomes of a version that passes its gate.
enum class Promotion {
  Declared,  // it is champion, unless there is one already and a rollout stands before its place
  AtOnce,    // it is champion
  Recorded,  // it is recorded, and waits
};

struct RunOptions {
  std::vector<std::string> selection;
  bool force = false;
  std::shared_ptr<const Clock> clock;  // what steps take for now
  std::optional<Instant> as_of;  // the same, when it is not the system's time: written down with the run
  std::string by;
  registry::RunCause cause;
  Promotion promotion = Promotion::Declared;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const RunEvent&)> on_event;
};

struct StepOutcome {
  std::string step;
  registry::StepStatus status = registry::StepStatus::Done;
  Json report = Json::object();
  std::optional<Error> error;
};
struct RunResult {
  std::string run;
  std::string status;  // "done" | "failed" | "interrupted": cut short; without a release nothing went live
  std::vector<StepOutcome> steps;  // in the plan's order, but for those not selected
  std::optional<int64_t> release;
  std::optional<Error> error;  // of the run itself: it could not be ended as it should
  Instant started_at, ended_at;
  int exit_code = 0;  // 0, or the gravest step's: 1, 3, 4, 6, 130
};
Json to_json(const RunResult& result);

/// Errors are those that keep a run from starting (project, plan, lock); all else is in the result.
std::expected<RunResult, Errors> run(const project::Project& project, registry::Registry& registry,
                                     const RunOptions& options);

}  // namespace tidemill::pipeline
