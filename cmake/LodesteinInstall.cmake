# `cmake --install build/cpu --prefix DIR`: library, public headers, CMake package and tool.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/lodestein)

install(TARGETS lodestein EXPORT lodesteinTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lodestein DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN *.hpp)
install(FILES ${PROJECT_BINARY_DIR}/include/lodestein/core/version.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lodestein/core)
install(EXPORT lodesteinTargets NAMESPACE lodestein:: DESTINATION ${package_folder})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/lodesteinConfig.cmake.in
  ${PROJECT_BINARY_DIR}/lodesteinConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lodesteinConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lodesteinConfig.cmake
  ${PROJECT_BINARY_DIR}/lodesteinConfigVersion.cmake DESTINATION ${package_folder})

get_target_property(library_type lodestein TYPE)
if(library_type STREQUAL STATIC_LIBRARY)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindLibCSV.cmake DESTINATION ${package_folder})
endif()

# cuBLAS and cuSOLVER are shared libraries, in a folder that the loader may not know.
set(cuda_libraries "")
if(LODESTEIN_WITH_CUDA)
  set(cuda_libraries $<TARGET_FILE_DIR:CUDA::cusolver>)
  set_target_properties(lodestein PROPERTIES INSTALL_RPATH ${cuda_libraries})
endif()
if(TARGET lodestein_tool)
  set_target_properties(lodestein_tool PROPERTIES
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${cuda_libraries}")
  install(TARGETS lodestein_tool)
endif()
if(TARGET lodestein_mpi)
  install(TARGETS lodestein_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/lodestein)
endif()
