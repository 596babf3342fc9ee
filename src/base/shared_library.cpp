#include "base/shared_library.hpp"

#include <dlfcn.h>

#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tidemill {

namespace {

constexpr const char* kHint =
    "the libraries belong into ../lib beside the program's folder: install the whole folder again, or build "
    "the program again";

/// The folders in which the dynamic linker looks on the program's behalf, LD_LIBRARY_PATH's first.
std::string searched_folders() {
  void* program = dlopen(nullptr, RTLD_LAZY);
  Dl_serinfo size{};
  if (!program || dlinfo(program, RTLD_DI_SERINFOSIZE, &size) != 0) return "";
  std::vector<char> memory(size.dls_size);
  auto* found = reinterpret_cast<Dl_serinfo*>(memory.data());
  std::string text;
  if (dlinfo(program, RTLD_DI_SERINFOSIZE, found) == 0 && dlinfo(program, RTLD_DI_SERINFO, found) == 0)
    for (unsigned i = 0; i < found->dls_cnt; ++i)
      text += (i ? ":" : "") + std::string(found->dls_serpath[i].dls_name);
  dlclose(program);
  return text;
}

/// Where a loaded library lies.
std::string place_of(void* library, const std::string& file) {
  std::string origin(4096, '\0');  // PATH_MAX; dlinfo takes no size
  if (dlinfo(library, RTLD_DI_ORIGIN, origin.data()) != 0) return file;
  return fmt::format("{}/{}", origin.c_str(), file);
}

std::unexpected<Error> library_error(const char* code, std::string message, std::string seen) {
  auto failed = environment_error(code, std::move(message), kHint);
  Error error = std::move(failed).error();
  error.seen = std::move(seen);
  return std::unexpected(std::move(error));
}

}  // namespace

Result<void> load_library(const std::string& file, std::span<const LibraryFunction> functions) {
  // Lazy: of thousands of functions a few dozen are called. Local: nobody else is to find its names.
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!library) {
    const char* said = dlerror();
    const std::string reason =
        said ? said : "the linker gives no reason";  // the next call to it frees the text
    return library_error("library.missing", fmt::format("the library {} cannot be loaded: {}", file, reason),
                         "looked in " + searched_folders());
  }
  std::vector<void*> addresses;
  std::vector<std::string> missing;
  for (const LibraryFunction& function : functions) {
    addresses.push_back(dlsym(library, function.name));
    if (!addresses.back()) missing.emplace_back(function.name);
  }
  if (!missing.empty()) {
    auto failed = library_error(
        "library.function",
        fmt::format("the library {} is another one than the program was built for: it has no {}", file,
                    fmt::join(missing, ", ")),
        place_of(library, file));
    dlclose(library);
    return failed;
  }
  for (size_t i = 0; i < functions.size(); ++i)
    std::memcpy(functions[i].pointer, &addresses[i], sizeof(void*));
  return {};
}

}  // namespace tidemill
