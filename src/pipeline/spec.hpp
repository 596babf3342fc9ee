// What the user declared, as canonical JSON for the keys of steps: everything that changes what a step makes,
// nothing that does not (places, retries, time limits). Secrets appear by name.
#pragma once

#include "base/json.hpp"
#include "project/project.hpp"

namespace tidemill::pipeline {

/// How a source is read: enough to tell its columns.
Json reading_spec(const project::Source& source);
/// All of a source but freshness, which time changes and not the key.
Json spec_of(const project::Source& source);
Json spec_of(const project::Transform& transform);
/// All of a model but its gate.
Json spec_of(const project::Model& model);
Json gate_spec(const project::Model& model);
Json spec_of(const project::Export& target);
Json spec_of(const project::Check& check);

}  // namespace tidemill::pipeline
