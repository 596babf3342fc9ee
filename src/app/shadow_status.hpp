// What there is to say of a version that shadows what a deployment serves: how far it says the same.
#pragma once

#include "app/session.hpp"
#include "base/json.hpp"

namespace tidemill::app {

/// {"rows", "same_decisions", "mean_difference", "score_psi"}; null: nothing shadows there, or no log has
/// what both said. Errors: registry.*, engine.*, those of its package.
Result<Json> shadow_agreement(const Session& session, const std::string& deployment);
/// In a line, for people.
std::string agreement_text(const Json& agreement);

}  // namespace tidemill::app
