#include "engine/duckdb_library.hpp"

#include <fmt/format.h>

#include "base/shared_library.hpp"

namespace tidemill::engine {

#define TIDEMILL_DEFINE(name) decltype(&::name) name = nullptr;
TIDEMILL_DUCKDB_FUNCTIONS(TIDEMILL_DEFINE)
#undef TIDEMILL_DEFINE

namespace {

#define TIDEMILL_ENTRY(name) {#name, &name},
constexpr LibraryFunction kFunctions[] = {TIDEMILL_DUCKDB_FUNCTIONS(TIDEMILL_ENTRY)};
#undef TIDEMILL_ENTRY

// The version is part of every step's key, and keys are computed without the library.
Result<void> load() {
  TM_CHECK(load_library(TIDEMILL_DUCKDB_LIBRARY, kFunctions));
  if (const std::string version = duckdb_library_version(); version != duckdb_version())
    return environment_error("library.version",
                             fmt::format("the library {} is DuckDB {}, and the program was built for {}",
                                         TIDEMILL_DUCKDB_LIBRARY, version, duckdb_version()),
                             "install the program's whole folder again, its lib/ included");
  return {};
}

}  // namespace

Result<void> load_duckdb() {
  static const Result<void> loaded = load();
  return loaded;
}

std::string duckdb_version() { return TIDEMILL_DUCKDB_VERSION; }

}  // namespace tidemill::engine
