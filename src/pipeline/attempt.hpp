// One step from begin to end: attempts with exponential backoff and jitter for what may pass (networks,
// locks), never for what cannot; then its durable record.
#pragma once

#include <functional>

#include "pipeline/step.hpp"

namespace tidemill::pipeline {

/// Where a step's log lies, under the run's folder.
Path log_path(const Path& run_folder, const std::string& step);

using EventSink = std::function<void(RunEvent)>;

struct StepEnd {
  registry::StepStatus status = registry::StepStatus::Failed;
  StepWork work;  // numbers and ids filled in by the registry
  std::optional<Error> error;
};

/// Does the work and records it. Thread-safe for different steps of one run.
StepEnd execute(Execution& run, const StepOutline& outline, const PlannedStep& planned,
                Cancellation& cancellation, StepLog& log, const EventSink& event);

/// The step's own time limit.
std::optional<Duration> limit_of(const project::Project& project, const StepOutline& step);

/// Whether the same step may succeed a little later. `through_network`: it reads or writes a database.
bool may_pass(const Error& error, bool through_network);
/// How long to wait before attempt `next` (2 is the first repetition): first_wait × 2^(next-2), at most a
/// minute, ± a quarter.
Duration backoff(Duration first_wait, int next, double jitter_between_0_and_1);

}  // namespace tidemill::pipeline
