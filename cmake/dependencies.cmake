# Third-party libraries as targets. DuckDB comes from TIDEMILL_DEPS (tools/setup), all else from the system's packages.
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Threads REQUIRED)
find_package(simdjson REQUIRED)
find_package(ZLIB REQUIRED)

if(NOT EXISTS "${TIDEMILL_DEPS}/duckdb/lib/libduckdb.so")
  message(FATAL_ERROR "DuckDB's library is not under TIDEMILL_DEPS='${TIDEMILL_DEPS}': run ./dev build, which sets it up")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION "${TIDEMILL_DEPS}/duckdb/lib/libduckdb.so"
  INTERFACE_INCLUDE_DIRECTORIES "${TIDEMILL_DEPS}/duckdb/include")

find_library(XGBOOST_FILE libxgboost.so.0 REQUIRED)
add_library(xgboost SHARED IMPORTED)
set_target_properties(xgboost PROPERTIES IMPORTED_LOCATION "${XGBOOST_FILE}")

find_library(GRPC_FILE libgrpc.so REQUIRED)
file(REAL_PATH "${GRPC_FILE}" grpc_file)
string(REGEX REPLACE "\\.so\\.([0-9]+)\\..*$" ".so.\\1" GRPC_FILE "${grpc_file}")  # the name that its version keeps

find_library(CURL_FILE libcurl.so REQUIRED)
file(REAL_PATH "${CURL_FILE}" curl_file)
string(REGEX REPLACE "\\.so\\.([0-9]+)\\..*$" ".so.\\1" CURL_FILE "${curl_file}")

# The program loads all four when it first needs them, by these names and along its RUNPATH: linking costs every start some ten
# milliseconds. Tests and references that call their C APIs themselves are linked with the targets above.
set(TIDEMILL_LOADED_LIBRARIES "${TIDEMILL_DEPS}/duckdb/lib/libduckdb.so" "${XGBOOST_FILE}" "${GRPC_FILE}" "${CURL_FILE}")
file(STRINGS tools/npm.txt duckdb_lock REGEX "libduckdb\\.so")
string(REGEX MATCH " ([0-9]+\\.[0-9]+\\.[0-9]+)" duckdb_lock "${duckdb_lock}")
add_library(duckdb_when_needed INTERFACE)
target_include_directories(duckdb_when_needed SYSTEM INTERFACE "${TIDEMILL_DEPS}/duckdb/include")
target_compile_definitions(duckdb_when_needed INTERFACE
  TIDEMILL_DUCKDB_LIBRARY="libduckdb.so" TIDEMILL_DUCKDB_VERSION="v${CMAKE_MATCH_1}")
get_filename_component(xgboost_name "${XGBOOST_FILE}" NAME)
add_library(xgboost_when_needed INTERFACE)
target_compile_definitions(xgboost_when_needed INTERFACE TIDEMILL_XGBOOST_LIBRARY="${xgboost_name}")
get_filename_component(grpc_name "${GRPC_FILE}" NAME)
add_library(grpc_when_needed INTERFACE)
target_compile_definitions(grpc_when_needed INTERFACE TIDEMILL_GRPC_LIBRARY="${grpc_name}")
get_filename_component(curl_name "${CURL_FILE}" NAME)
add_library(curl_when_needed INTERFACE)
target_compile_definitions(curl_when_needed INTERFACE TIDEMILL_CURL_LIBRARY="${curl_name}")
set(CMAKE_BUILD_RPATH "${TIDEMILL_DEPS}/duckdb/lib")

if(TIDEMILL_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
endif()
