#include "app/curl_library.hpp"

#include "base/shared_library.hpp"

namespace tidemill::app {

#define TIDEMILL_DEFINE(name) decltype(&::name) name = nullptr;
TIDEMILL_CURL_FUNCTIONS(TIDEMILL_DEFINE)
#undef TIDEMILL_DEFINE

namespace {

#define TIDEMILL_ENTRY(name) {#name, &name},
constexpr LibraryFunction kFunctions[] = {TIDEMILL_CURL_FUNCTIONS(TIDEMILL_ENTRY)};
#undef TIDEMILL_ENTRY

Result<void> load() {
  TM_CHECK(load_library(TIDEMILL_CURL_LIBRARY, kFunctions));
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return environment_error("library.missing", "libcurl was loaded and does not start");
  return {};
}

}  // namespace

Result<void> load_curl() {
  static const Result<void> loaded = load();
  return loaded;
}

}  // namespace tidemill::app
