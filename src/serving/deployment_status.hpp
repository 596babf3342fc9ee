// What there is to say of a deployment: what it serves, what challenges it, and what is wrong.
#pragma once

#include <string>

#include "base/json.hpp"
#include "serving/deployments.hpp"

namespace tidemill::serving {

/// {"deployment", "model", "alias", "champion": {"version", "tables": […]} or null, "problem": text or null,
/// "challenger": the rollout as JSON with "sticky", "live" and "problem", or null}. The deployment must be
/// one of them.
Json status_of(const Deployments& deployments, const std::string& deployment);

}  // namespace tidemill::serving
