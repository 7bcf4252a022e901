# The room `simt`: every kernels/cuda/*.cu compiled by the C++ compiler against the executor in
# kernels/simt/. A wrapper per file, since CMake gives a file one language only. What needs NVIDIA's
# own libraries is in kernels/cuda/runtime/ and has its twin in kernels/simt/.
if(NOT LODESTEIN_SIMT)
  return()
endif()
find_path(LODESTEIN_BOOST_CONTEXT_INCLUDE boost/context/detail/fcontext.hpp REQUIRED)
find_library(LODESTEIN_BOOST_CONTEXT boost_context REQUIRED)
file(GLOB kernels CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
  ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cu)
set(wrappers "")
foreach(kernel ${kernels})
  cmake_path(GET kernel STEM name)
  set(wrapper ${PROJECT_BINARY_DIR}/simt/${name}.cpp)
  file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"@kernel@\"\n" @ONLY)
  list(APPEND wrappers ${wrapper})
endforeach()
lodestein_add_room(simt FOLDER ${PROJECT_SOURCE_DIR}/kernels/simt SOURCES ${wrappers}
  LINK Threads::Threads ${LODESTEIN_BOOST_CONTEXT})
target_compile_definitions(lodestein_simt PRIVATE LODESTEIN_SIMT)
target_include_directories(lodestein_simt SYSTEM PRIVATE ${LODESTEIN_BOOST_CONTEXT_INCLUDE})
target_compile_options(lodestein_simt PRIVATE -Wno-unknown-pragmas)  # #pragma unroll
