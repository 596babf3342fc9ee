// Logs that SQL of the project reads as `predictions.DEPLOYMENT`: each is a source of the project, without
// anybody having declared it.
#pragma once

#include "project/project.hpp"

namespace tidemill::project {

/// The columns of every log, with their types in SQL.
const std::vector<std::pair<std::string, std::string>>& log_columns();

/// Adds a source "predictions.late" for each log that a transform or a check mentions.
void add_log_sources(Project& project);

/// Whether it is one of those: it may have no files yet.
bool is_log_source(const Source& source);

}  // namespace tidemill::project
