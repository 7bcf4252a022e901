# A room is one folder of the library, compiled as an object library:
#   lodestein_add_room(<name> [FOLDER <path>] [EXCLUDE <regex>] [SOURCES <more files>]
#                      [LINK <libraries it must be linked with>])
# Sources are globbed so that a new file needs no line here; CONFIGURE_DEPENDS keeps the build
# honest. tests/check_layers.py rejects an #include that points to a room further right.
add_library(lodestein_warnings INTERFACE)
target_compile_options(lodestein_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion>
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-sign-conversion>  # as with GCC's -Wconversion
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>  # GCC 12: false for "text" + string (PR 105651)
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LODESTEIN_WERROR}>>:-Werror>
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>  # View's accessors in device code
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow>
  $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${LODESTEIN_WERROR}>>:--Werror=all-warnings>)

set_property(GLOBAL PROPERTY LODESTEIN_OBJECTS "")
set_property(GLOBAL PROPERTY LODESTEIN_LINK "")

function(lodestein_add_room name)
  cmake_parse_arguments(ROOM "" "FOLDER;EXCLUDE" "SOURCES;LINK" ${ARGN})
  if(NOT ROOM_FOLDER)
    set(ROOM_FOLDER ${PROJECT_SOURCE_DIR}/src/${name})
  endif()
  set(patterns ${ROOM_FOLDER}/*.cpp)
  if(LODESTEIN_WITH_CUDA)
    list(APPEND patterns ${ROOM_FOLDER}/*.cu)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  if(ROOM_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${ROOM_EXCLUDE})
  endif()
  list(APPEND sources ${ROOM_SOURCES})
  if(NOT sources)
    return()
  endif()
  add_library(lodestein_${name} OBJECT ${sources})
  target_include_directories(lodestein_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include
    ${PROJECT_BINARY_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(lodestein_${name} PRIVATE ${ROOM_LINK} lodestein_headers lodestein_warnings)
  set_property(GLOBAL APPEND PROPERTY LODESTEIN_OBJECTS $<TARGET_OBJECTS:lodestein_${name}>)
  set_property(GLOBAL APPEND PROPERTY LODESTEIN_LINK ${ROOM_LINK})
endfunction()
