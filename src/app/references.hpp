// Names that the user writes on the command line, held against what the project declares and the registry
// has: what is no model is not told that it has no version yet.
#pragma once

#include <string>

#include "app/session.hpp"

namespace tidemill::app {

/// Of "late@7": declared, or with a version. Error usage.unknown_model with the nearest name, or all there
/// are.
Result<void> check_model(const Session& session, const std::string& reference);

/// Errors as check_model()'s; registry.unknown_model and registry.unknown_version, with what makes one.
Result<registry::Version> find_version(const Session& session, const std::string& reference);

/// Error usage.unknown_deployment with the nearest name.
Result<const project::Deployment*> find_deployment(const Session& session, const std::string& name);

/// What two may be compared: runs, versions of models, snapshots of tables. Errors usage.diff and
/// usage.unknown_model.
Result<void> check_compared(const Session& session, const std::string& reference);

/// "did you mean 'churned_model'?", also of "churned"; else the names, where they are few.
std::string hint_of_names(const std::string& name, const std::vector<std::string>& names);

}  // namespace tidemill::app
