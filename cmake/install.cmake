# `cmake --install` yields one relocatable folder:
#   bin/tidemill   finds its libraries at $ORIGIN/../lib
#   lib/           every shared library it needs that is not glibc's own; lib/duckdb/ DuckDB's extensions
#   share/         web files, examples, licences' list
# It runs on a machine with the same or a newer glibc and nothing else.
if(NOT TARGET tidemill)
  return()
endif()

set_target_properties(tidemill PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
install(TARGETS tidemill RUNTIME DESTINATION bin)

# The libraries are looked up at install time, when the program exists.
install(CODE "set(program \"$<TARGET_FILE:tidemill>\")\nset(deps \"${TIDEMILL_DEPS}\")\nset(loaded \"${TIDEMILL_LOADED_LIBRARIES}\")")
install(SCRIPT ${CMAKE_SOURCE_DIR}/cmake/bundle.cmake)

install(DIRECTORY ${TIDEMILL_DEPS}/extensions/ DESTINATION lib/duckdb FILES_MATCHING PATTERN "*.duckdb_extension")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/examples DESTINATION share/tidemill
        PATTERN ".tidemill" EXCLUDE PATTERN "out" EXCLUDE PATTERN "notebook" EXCLUDE)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/deploy DESTINATION share/tidemill)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/web DESTINATION share/tidemill OPTIONAL)
