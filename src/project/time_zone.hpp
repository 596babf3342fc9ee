// Whether a time zone exists, by the machine's tz database. A machine without one accepts every name of the
// right form: the SQL engine brings its own zones and has the last word.
#pragma once

#include <string>
#include <string_view>

#include "base/file.hpp"

namespace tidemill::project {

inline constexpr const char* kZoneFolder = "/usr/share/zoneinfo";

bool is_time_zone(std::string_view name, const Path& zones = kZoneFolder);
/// The existing zone most like `name`, or empty.
std::string nearest_time_zone(std::string_view name, const Path& zones = kZoneFolder);

}  // namespace tidemill::project
