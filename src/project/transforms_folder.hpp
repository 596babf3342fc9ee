// transforms/*.sql: every file there is a transform named after the file. Reads the SQL, does not parse it.
#pragma once

#include <map>

#include "project/problems.hpp"
#include "project/project.hpp"

namespace tidemill::project {

/// Adds the files of folder/transforms to the transforms that the project file has options for.
void read_transforms_folder(const Path& folder, std::map<std::string, Transform>& transforms,
                            Problems& problems);

}  // namespace tidemill::project
