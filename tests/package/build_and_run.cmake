# cmake -DSOURCE= -DBUILD= -DTARGET= -DRUN= -P build_and_run.cmake -- <configure options>
# `ctest --build-and-test` would do, but it configures and builds in one process, where CMake's
# compiler checks leave LC_ALL empty; ccache then takes every file for a new one.
set(options "")
math(EXPR end "${CMAKE_ARGC} - 1")
foreach(i RANGE ${end})
  if(after_dashes)
    list(APPEND options "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} ${options}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target ${TARGET}
  COMMAND_ERROR_IS_FATAL ANY)
if(RUN)
  execute_process(COMMAND ${RUN} COMMAND_ERROR_IS_FATAL ANY)
endif()
