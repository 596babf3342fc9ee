// Why a step ran, or was skipped: the exact part of its key that differs from the record before. Reads the
// registry only.
#pragma once

#include "base/json.hpp"
#include "pipeline/plan.hpp"

namespace tidemill::pipeline {

/// `step` is an id ("transform:features") or a name. With a plan, what would happen now is explained too.
/// {"step", "last": {"run", "status", "at", "why", "changes": [{part, before, after}]}, "now": {"state",
/// "reason", "changes"}} Error usage.unknown_step with the nearest.
Result<Json> explain(registry::Registry& registry, const std::string& step, const Plan* plan = nullptr);

}  // namespace tidemill::pipeline
