// Two texts' lines side by side, as `diff -u` shows them.
#pragma once

#include <string>
#include <string_view>

namespace tidemill::app {

/// Hunks with three lines around what changed; empty when nothing did. Texts of very many lines are shown as
/// all old lines and all new ones.
std::string unified_diff(std::string_view before, std::string_view after);

}  // namespace tidemill::app
