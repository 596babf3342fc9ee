// The commit that a project's folder is at, and whether files there differ from it. No git, or no repository,
// is fine.
#pragma once

#include <string>

#include "project/project.hpp"

namespace tidemill::pipeline {

struct GitState {
  std::string commit;  // empty: not known
  bool dirty = false;
};
/// `scratch` is a file git's answer is written to. What Tidemill itself makes (home, exports) does not count
/// as dirty.
GitState git_state(const project::Project& project, const Path& scratch);

}  // namespace tidemill::pipeline
