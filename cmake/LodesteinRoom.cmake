# A room is one folder of the library: lodestein_add_room(<name> LINK <rooms and libraries it may use>).
# Sources are globbed so that a new file needs no line here; CONFIGURE_DEPENDS keeps the build honest.
# tests/check_layers.py rejects an #include that points to a room on the right of the including one.
add_library(lodestein_warnings INTERFACE)
target_compile_options(lodestein_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<BOOL:${LODESTEIN_WERROR}>:-Werror>)

set_property(GLOBAL PROPERTY LODESTEIN_ROOMS "")

function(lodestein_add_room name)
  cmake_parse_arguments(ROOM "" "FOLDER" "LINK" ${ARGN})
  if(NOT ROOM_FOLDER)
    set(ROOM_FOLDER ${PROJECT_SOURCE_DIR}/src/${name})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ROOM_FOLDER}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(lodestein_${name} OBJECT ${sources})
  target_include_directories(lodestein_${name}
    PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include
    PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(lodestein_${name} PUBLIC ${ROOM_LINK} PRIVATE lodestein_warnings)
  set_property(GLOBAL APPEND PROPERTY LODESTEIN_ROOMS lodestein_${name})
endfunction()
