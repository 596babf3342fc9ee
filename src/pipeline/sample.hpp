// An environment with `sample: 1%` reads part of the data: a row of a source with a key is kept or not by a
// hash of its key, so that the same rows stay from run to run. Sources that others point at with
// `relationships` stay whole: no reference breaks.
#pragma once

#include <optional>
#include <string>

#include "project/project.hpp"

namespace tidemill::pipeline {

/// The share of this source's rows that is kept; nothing: all.
std::optional<double> sample_of(const project::Project& project, const project::Source& source);
/// `select` with the rows left out that the sample does not have.
std::string sampled(const std::string& select, const project::Source& source, std::optional<double> share);

}  // namespace tidemill::pipeline
