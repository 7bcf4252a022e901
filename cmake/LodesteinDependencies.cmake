# Every third-party library, found once. Debian 12 has them all: scripts/install-dependencies.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)  # a parent project links them too (add_subdirectory)

# Linked into the library. A static install needs them again: cmake/lodesteinConfig.cmake.in.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(hwy CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibCSV REQUIRED)
find_package(SQLite3 3.35 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET GLOBAL libzip)
# Not FindHDF5: it needs the C language switched on, which a consumer may not have.
pkg_search_module(hdf5 REQUIRED IMPORTED_TARGET GLOBAL hdf5-serial hdf5)

# Headers only, inside the library's sources; none of them is in a public header.
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.11 REQUIRED)
find_path(LODESTEIN_RANDOM123_INCLUDE Random123/philox.h REQUIRED)
find_path(LODESTEIN_LBFGSPP_INCLUDE LBFGS.h REQUIRED)
find_path(LODESTEIN_TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)
add_library(lodestein_headers INTERFACE)
target_include_directories(lodestein_headers SYSTEM INTERFACE ${LODESTEIN_RANDOM123_INCLUDE}
  ${LODESTEIN_LBFGSPP_INCLUDE} ${LODESTEIN_TOMLPLUSPLUS_INCLUDE})
target_link_libraries(lodestein_headers INTERFACE Eigen3::Eigen nlohmann_json::nlohmann_json)
# Eigen's own threads choose block sizes by their number, and so would change bits.
target_compile_definitions(lodestein_headers INTERFACE EIGEN_DONT_PARALLELIZE)

if(LODESTEIN_TOOL OR LODESTEIN_BENCH)
  find_package(CLI11 REQUIRED)
endif()
if(LODESTEIN_TOOL)
  find_package(fmt REQUIRED)
  pkg_check_modules(graphviz REQUIRED IMPORTED_TARGET libgvc libcgraph)
  set(LODESTEIN_WITH_MPI FALSE)
  if(LODESTEIN_MPI STREQUAL "AUTO")
    find_package(MPI QUIET COMPONENTS C)
    set(LODESTEIN_WITH_MPI ${MPI_C_FOUND})
    if(NOT LODESTEIN_WITH_MPI)
      message(STATUS "Building without MPI: no Open MPI (Debian: libopenmpi-dev openmpi-bin)")
    endif()
  elseif(LODESTEIN_MPI)
    find_package(MPI REQUIRED COMPONENTS C)
    set(LODESTEIN_WITH_MPI TRUE)
  endif()
endif()
