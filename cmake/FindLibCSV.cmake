# libcsv has neither a CMake package nor a pkg-config file. Defines LibCSV::LibCSV.
find_path(LibCSV_INCLUDE_DIR csv.h)
find_library(LibCSV_LIBRARY csv)
mark_as_advanced(LibCSV_INCLUDE_DIR LibCSV_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibCSV REQUIRED_VARS LibCSV_LIBRARY LibCSV_INCLUDE_DIR)

if(LibCSV_FOUND AND NOT TARGET LibCSV::LibCSV)
  set(scope "")
  if(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
    set(scope GLOBAL)
  endif()
  add_library(LibCSV::LibCSV UNKNOWN IMPORTED ${scope})
  set_target_properties(LibCSV::LibCSV PROPERTIES
    IMPORTED_LOCATION ${LibCSV_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${LibCSV_INCLUDE_DIR})
endif()
