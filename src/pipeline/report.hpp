// What a run tells at its end: exit code, report.
#pragma once

#include "pipeline/run.hpp"

namespace tidemill::pipeline {

/// The exit code of one step's error: 3 check, 4 gate, 6 time, 70 ours, 130 interrupted, else 1.
int step_exit(const Error& error);
/// The gravest of two exit codes: 130, 70, 6, 1, 3, 4, 0.
int gravest(int a, int b);
Json to_json(const StepOutcome& outcome);

}  // namespace tidemill::pipeline
