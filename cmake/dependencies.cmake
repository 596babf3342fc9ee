# Third-party libraries as targets. DuckDB comes from TIDEMILL_DEPS (tools/setup), all else from the system's packages.
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Threads REQUIRED)
find_package(simdjson REQUIRED)

if(NOT EXISTS "${TIDEMILL_DEPS}/duckdb/lib/libduckdb.so")
  message(FATAL_ERROR "DuckDB's library is not under TIDEMILL_DEPS='${TIDEMILL_DEPS}': run ./dev build, which sets it up")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION "${TIDEMILL_DEPS}/duckdb/lib/libduckdb.so"
  INTERFACE_INCLUDE_DIRECTORIES "${TIDEMILL_DEPS}/duckdb/include")

find_library(XGBOOST_LIBRARY xgboost REQUIRED)
add_library(xgboost SHARED IMPORTED)
set_target_properties(xgboost PROPERTIES IMPORTED_LOCATION "${XGBOOST_LIBRARY}")

add_library(asio INTERFACE)
target_compile_definitions(asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_link_libraries(asio INTERFACE Threads::Threads)

if(TIDEMILL_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
endif()
