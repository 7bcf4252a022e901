# LODESTEIN_CUDA = AUTO | ON | OFF. Sets LODESTEIN_WITH_CUDA and LODESTEIN_CUDA_LINK.
# nvcc is taken from CMAKE_CUDA_COMPILER, CUDACXX, build/cuda-toolkit (where scripts/install-nvcc
# puts it), PATH or the usual folder.
set(LODESTEIN_WITH_CUDA FALSE)
set(LODESTEIN_CUDA_LINK "")
if(NOT (LODESTEIN_CUDA STREQUAL "AUTO" OR LODESTEIN_CUDA))
  return()
endif()

# Missing CUDA is an error if it was asked for; with AUTO it is left out.
macro(lodestein_no_cuda reason)
  if(LODESTEIN_CUDA STREQUAL "AUTO")
    message(STATUS "Building without CUDA: ${reason}")
  else()
    message(FATAL_ERROR "LODESTEIN_CUDA is ON, but ${reason}. Remedy, one of:\n"
      "  scripts/quickstart --cuda          fetches nvcc from PyPI into build/cuda-toolkit\n"
      "  -DCMAKE_CUDA_COMPILER=/path/nvcc   names the one to use\n"
      "  -DLODESTEIN_CUDA=OFF               builds without CUDA")
  endif()
endmacro()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "GPU architectures; `native` needs a GPU")
endif()
if(NOT CMAKE_CUDA_COMPILER)
  unset(CMAKE_CUDA_COMPILER CACHE)
  if(NOT DEFINED ENV{CUDACXX})
    find_program(LODESTEIN_NVCC nvcc
      HINTS ${PROJECT_SOURCE_DIR}/build/cuda-toolkit/bin PATHS /usr/local/cuda/bin)
    mark_as_advanced(LODESTEIN_NVCC)
    if(LODESTEIN_NVCC)
      set(ENV{CUDACXX} ${LODESTEIN_NVCC})
    endif()
  endif()
  include(CheckLanguage)
  check_language(CUDA)
endif()
if(NOT CMAKE_CUDA_COMPILER)
  lodestein_no_cuda("no nvcc that works was found")
  return()
endif()

enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
  lodestein_no_cuda("${CMAKE_CUDA_COMPILER} is ${CMAKE_CUDA_COMPILER_VERSION}, and 13 is needed")
  return()
endif()
# To projects that require CMake 3.25, CMake 3.25.1 fails for want of nvToolsExt, which CUDA 13 has
# no more.
set(minimum_cmake ${CMAKE_MINIMUM_REQUIRED_VERSION})
set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
find_package(CUDAToolkit 13)
set(CMAKE_MINIMUM_REQUIRED_VERSION ${minimum_cmake})
if(NOT TARGET CUDA::cudart_static)
  lodestein_no_cuda("the CUDA runtime (libcudart_static.a) was not found")
  return()
endif()
if(NOT TARGET CUDA::cusolver OR NOT TARGET CUDA::cublas)
  lodestein_no_cuda("cuSOLVER and cuBLAS were not found")
  return()
endif()
set(LODESTEIN_WITH_CUDA TRUE)
set(LODESTEIN_CUDA_LINK CUDA::cudart_static CUDA::cusolver CUDA::cublas)
set(CMAKE_CUDA_STANDARD 20)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has it
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
