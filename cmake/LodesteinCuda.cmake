# LODESTEIN_CUDA = AUTO | ON | OFF. Sets LODESTEIN_WITH_CUDA and LODESTEIN_CUDA_LINK.
# nvcc is taken from CMAKE_CUDA_COMPILER, CUDACXX, PATH, the usual folder, or build/cuda-toolkit,
# where `scripts/quickstart --cuda` puts it.
set(LODESTEIN_WITH_CUDA FALSE)
set(LODESTEIN_CUDA_LINK "")

if(LODESTEIN_CUDA STREQUAL "AUTO" OR LODESTEIN_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "GPU architectures; `native` needs a GPU")
  endif()
  if(NOT CMAKE_CUDA_COMPILER)
    unset(CMAKE_CUDA_COMPILER CACHE)
    if(NOT DEFINED ENV{CUDACXX})
      find_program(LODESTEIN_NVCC nvcc
        PATHS /usr/local/cuda/bin ${PROJECT_SOURCE_DIR}/build/cuda-toolkit/bin)
      mark_as_advanced(LODESTEIN_NVCC)
      if(LODESTEIN_NVCC)
        set(ENV{CUDACXX} ${LODESTEIN_NVCC})
      endif()
    endif()
    include(CheckLanguage)
    check_language(CUDA)
  endif()
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    find_package(CUDAToolkit 13 REQUIRED)
    set(LODESTEIN_WITH_CUDA TRUE)
    set(LODESTEIN_CUDA_LINK CUDA::cudart_static)
    # CMake 3.25 cannot set CMAKE_CUDA_STANDARD 20.
    add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>)
  elseif(NOT LODESTEIN_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR
      "LODESTEIN_CUDA is ON, but no nvcc that works was found. Remedy, one of:\n"
      "  scripts/quickstart --cuda          fetches nvcc from PyPI into build/cuda-toolkit\n"
      "  -DCMAKE_CUDA_COMPILER=/path/nvcc   names the one to use (CUDA 13 or newer)\n"
      "  -DLODESTEIN_CUDA=OFF               builds without CUDA")
  endif()
endif()
