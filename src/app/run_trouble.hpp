// What went wrong in a run, for those who tell of it.
#pragma once

#include <string>

#include "registry/registry.hpp"

namespace tidemill::app {

/// In a sentence, by the report that the run left: the run's own error, or the first of a step. Empty: it
/// names none.
std::string trouble_of(const registry::Run& run);

}  // namespace tidemill::app
