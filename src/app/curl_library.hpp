// The functions of libcurl that the program calls, as pointers of the same names, and how they are loaded: as
// in engine/duckdb_library.hpp. Only who tells somebody something needs it. The only header that includes
// curl's.
#pragma once

#include <curl/curl.h>

#include "base/error.hpp"

// clang-format off: a list, sorted
#define TIDEMILL_CURL_FUNCTIONS(CALL) \
  CALL(curl_easy_cleanup) CALL(curl_easy_getinfo) CALL(curl_easy_init) CALL(curl_easy_perform) CALL(curl_easy_setopt) \
  CALL(curl_easy_strerror) CALL(curl_global_init) CALL(curl_slist_append) CALL(curl_slist_free_all)
// clang-format on

namespace tidemill::app {

// Null until load_curl() has succeeded; never written again.
#define TIDEMILL_DECLARE(name) extern decltype(&::name) name;
TIDEMILL_CURL_FUNCTIONS(TIDEMILL_DECLARE)
#undef TIDEMILL_DECLARE

/// Loads the library and starts it, once in a process; every later call gives the first one's answer.
/// Errors: library.missing, library.function.
Result<void> load_curl();

}  // namespace tidemill::app
