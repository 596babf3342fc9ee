// What `models show` prints for people: how good a version is, whether it passed, what it looks at.
#pragma once

#include <string>

#include "base/json.hpp"

namespace tidemill::app {

/// Of what --json prints of a version: where it comes from if it was imported, metrics with intervals,
/// slices, gate and importance, each where it has them.
std::string version_text(const Json& version);

}  // namespace tidemill::app
