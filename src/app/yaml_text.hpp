// Text and JSON as YAML, so that the project file's reader gets back what went in.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"

namespace tidemill::app {

/// In quotes only where YAML would read something else.
std::string yaml_key(std::string_view text);
/// The same for a value, in which the project file replaces ${…}.
std::string yaml_value(std::string_view text);
/// A JSON value in flow style.
std::string yaml_flow(const Json& json);

}  // namespace tidemill::app
