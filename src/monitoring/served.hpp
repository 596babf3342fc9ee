// Which versions a deployment serves, by the registry.
#pragma once

#include <string>
#include <vector>

#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::monitoring {

/// A version that a deployment serves.
struct ServedVersion {
  int number = 0;
  std::string object;  // of its package: what is worked out from it is kept under this name
};

/// The champion first, then the version of the deployment's rollout; none: nothing was trained or promoted.
/// Errors: registry.*.
Result<std::vector<ServedVersion>> served_versions(const registry::Registry& registry,
                                                   const project::Deployment& deployment);

}  // namespace tidemill::monitoring
