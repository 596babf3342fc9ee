// The style and the script of the report's page, which depend on nothing.
#pragma once

#include <string_view>

namespace tidemill::app {

extern const std::string_view kReportStyle;
/// Shows what an element's <title> says at once, where it is pointed at or touched.
extern const std::string_view kReportScript;

}  // namespace tidemill::app
