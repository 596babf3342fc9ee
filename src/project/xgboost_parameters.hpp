// Names of XGBoost's training parameters (1.7's "Parameters for Tree Booster" and "Learning Task
// Parameters"). XGBoost itself passes over a misspelt name in silence; a project file must not.
#pragma once

#include <string>
#include <vector>

namespace tidemill::project {

/// Those that `params` may hold.
const std::vector<std::string>& xgboost_parameters();
/// What a value of a parameter must be, in words: "a whole number", "a number"; empty: anything.
std::string value_of_parameter(const std::string& parameter);
/// What a parameter is called in the project file instead ("train.seed"); empty when it has no such key.
std::string project_key_of_parameter(const std::string& parameter);

}  // namespace tidemill::project
