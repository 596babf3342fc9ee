// The tables of meta.db and the steps from an older format to this one. docs/formats/home.md describes every
// column.
#pragma once

#include "registry/sqlite.hpp"

namespace tidemill::registry {

inline constexpr int64_t kApplicationId = 0x5449444D;  // "TIDM" in the file's header
inline constexpr int64_t kFormat = 7;                  // user_version

/// Makes or migrates. Errors: registry.newer_format, registry.corrupt when the file is some other program's.
Result<void> prepare_schema(Database& database, const Path& path, Instant now);
/// What a home in which nothing was recorded yet answers to one who only reads: registry.no_home.
std::unexpected<Error> no_home(const Path& home);
/// Only looks: a read-only home cannot be migrated. Error registry.older_format, registry.newer_format,
/// registry.corrupt, registry.no_home.
Result<void> check_schema(Database& database, const Path& path);

}  // namespace tidemill::registry
