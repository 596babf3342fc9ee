# Copies into lib/ what the program loads when it first needs it, and what it and all these libraries are linked with, but for the parts of
# glibc, which belong to the machine.
# The copies look for each other in their own folder.
set(folder "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib")
set(glibc "^(ld-linux.*|libc|libm|libdl|libpthread|librt|libresolv|libutil|libnsl|libanl)\\.so.*")
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${program}" LIBRARIES ${loaded}
     RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR unknown PRE_EXCLUDE_REGEXES "${glibc}" DIRECTORIES "${deps}/duckdb/lib")
if(unknown)
  message(FATAL_ERROR "libraries that the program needs were not found: ${unknown}")
endif()
file(MAKE_DIRECTORY "${folder}")
foreach(library ${loaded} ${found})
  file(REAL_PATH "${library}" real)
  get_filename_component(name "${library}" NAME)
  configure_file("${real}" "${folder}/${name}" COPYONLY)
  file(CHMOD "${folder}/${name}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  execute_process(COMMAND patchelf --set-rpath "$ORIGIN" "${folder}/${name}" COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS "Bundled: ${name}")
endforeach()
