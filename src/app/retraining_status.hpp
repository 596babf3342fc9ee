// What there is to say of the retraining of a model: where it stands, why, what it waits for, and how it came
// there.
#pragma once

#include "base/json.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::app {

/// {"model", "deployment", "stage", "since", "attempt", "version", "percent", "trigger", "waits_for",
/// "rejections", "refusal", "requests": […], "steps": […]}; null where there is nothing to say. Steps are
/// newest first.
Result<Json> retraining_status(const project::Project& project, registry::Registry& registry,
                               const std::string& model, size_t steps);
/// In a few lines, for people.
std::string retraining_text(const Json& status);

}  // namespace tidemill::app
