// Names that no table, model or deployment may have, since the SQL engine or the program has them for itself.
// One table of them: what the project file may call a table and what SQL may read must agree.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace tidemill {

inline constexpr std::array<std::string_view, 7> kOwnNames{
    "predictions", "previous", "main", "temp", "system", "information_schema", "memory"};
inline constexpr std::array<std::string_view, 5> kOwnPrefixes{"duckdb_", "pg_", "pragma_", "sqlite_",
                                                              "tidemill_"};

/// The log of a deployment is the table predictions.DEPLOYMENT in SQL, and is called so everywhere.
inline constexpr std::string_view kLogTablePrefix = "predictions.";

/// `name` in small letters.
constexpr bool is_own_name(std::string_view name) {
  return std::ranges::find(kOwnNames, name) != kOwnNames.end() ||
         std::ranges::any_of(kOwnPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace tidemill
