// Whether who asks a model can go on as before when an alias moves to another of its versions.
#pragma once

#include <string>

#include "base/error.hpp"
#include "registry/registry.hpp"

namespace tidemill::serving {

struct Promotion {
  std::string model;
  int version = 0;
  std::string alias;
};

/// Error serving.breaks_callers, with each difference, when a feature that both versions have is of another
/// kind to the new one, or its task is another, than of the version that the alias names now. No alias yet, a
/// package that is gone, and whatever the registry itself will refuse are no obstacle here.
Result<void> check_keeps_callers(const registry::Registry& registry, const Promotion& wanted);

}  // namespace tidemill::serving
