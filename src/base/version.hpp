// The program's version, read by CMake too.
#pragma once

#include <string_view>

namespace tidemill {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace tidemill
