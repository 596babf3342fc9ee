// Shared libraries that are loaded when they are first needed, so that a command which never needs them
// starts without the dynamic linker's work on them. What they offer is found by name, all of it or an error.
#pragma once

#include <span>
#include <string>

#include "base/error.hpp"

namespace tidemill {

/// A function of a library, and the pointer to it that is to be filled in.
struct LibraryFunction {
  const char* name;
  void* pointer;  // the address of a variable of type pointer to function
};

/// Looks for `file` ("libduckdb.so") as the dynamic linker does for the program itself, its RUNPATH included,
/// and fills every pointer or none. The library stays loaded until the process ends. Errors: library.missing
/// (what the linker said, and where it looked), library.function (the names it does not have).
Result<void> load_library(const std::string& file, std::span<const LibraryFunction> functions);

}  // namespace tidemill
