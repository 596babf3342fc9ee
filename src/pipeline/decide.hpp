// Whether a step must run, once the hashes of its inputs are known: the plan decides so for what it can know,
// the run for the rest.
#pragma once

#include <map>
#include <string>

#include "pipeline/outline.hpp"

namespace tidemill::pipeline {

/// Content of what a step reads.
struct InputHashes {
  std::map<std::string, std::string> tables;  // name → logical hash
  std::map<std::string, std::string> models;  // "late@champion" → package
  std::string withdrawn;                      // an input that a rollback took back, or empty
};

/// State UpToDate (with its output), Withdrawn or WillRun; key, key_parts and reason. Reads the registry
/// only.
Result<PlannedStep> decide(const StepOutline& step, const InputHashes& inputs,
                           const project::Project& project, registry::Registry& registry, bool force);
/// The same step without a decision.
PlannedStep planned_of(const StepOutline& step);

/// The newest verdict on a version: {"passed", "champion", "held", "gate", "run"}; see gate.hpp. The
/// version's own, or a later one.
Result<Json> latest_verdict(registry::Registry& registry, const registry::Version& version);
Result<void> keep_verdict(registry::Registry& registry, const std::string& model, int version,
                          const Json& verdict);

}  // namespace tidemill::pipeline
