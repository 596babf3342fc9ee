// Names of objects and of what lies in staging; used by the run lock's sweep and by gc. Private to the room.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace tidemill::registry {

/// 64 lower-case hexadecimal digits.
bool is_object_id(std::string_view id);

/// What is staged outside of a run is "bytes.<pid>.<start ticks>.<random>"; all else in staging is a run's
/// folder.
inline constexpr std::string_view kLooseBytes = "bytes.";
std::string staged_name(std::string_view random);

enum class Owner { Alive, Dead, Unknown };
/// Removes what belongs to the dead, and what is nobody's once it is a day old: somebody may have made it a
/// moment ago.
Result<void> sweep_staging(const Path& staging, const std::function<Owner(const std::string& run)>& owner_of);

}  // namespace tidemill::registry
