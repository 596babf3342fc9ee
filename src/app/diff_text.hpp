// What `diff` prints for people, of what it prints with --json.
#pragma once

#include <string>

#include "base/json.hpp"

namespace tidemill::app {

/// Of two versions, runs, snapshots or releases: only what differs; SQL line by line, metrics side by side.
std::string diff_text(const Json& difference);

}  // namespace tidemill::app
