// Where exports may write: not over what a source reads, not into the home, and each to a file of its own.
#pragma once

#include "project/project.hpp"
#include "project/reader.hpp"

namespace tidemill::project {

/// Judged by the paths as they are written: what links make of them is seen when an export writes.
void check_export_paths(const Project& project, const Reader& reader, Problems& problems);

}  // namespace tidemill::project
