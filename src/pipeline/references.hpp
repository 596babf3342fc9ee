// Columns that the project file names, held against the columns that tables have: keys, checks, models,
// exports.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/database.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::pipeline {

using TableColumns = std::map<std::string, std::vector<engine::Column>>;

/// Every name that no column answers to, each with the nearest one. Tables that are not in `columns` have
/// errors of their own and are skipped. The registry knows the features of champions.
Errors check_references(const project::Project& project, const TableColumns& columns,
                        const registry::Registry& registry);

}  // namespace tidemill::pipeline
