# Targets `format`, `format-check` and `tidy`.
file(GLOB_RECURSE LODESTEIN_OWN_FILES CONFIGURE_DEPENDS
  include/*.hpp kernels/*.hpp kernels/*.cpp kernels/*.cu kernels/*.cuh src/*.hpp src/*.cpp
  tests/*.hpp tests/*.cpp bench/*.hpp bench/*.cpp examples/*.cpp)

find_program(LODESTEIN_CLANG_FORMAT NAMES clang-format-14 clang-format)
mark_as_advanced(LODESTEIN_CLANG_FORMAT)
if(LODESTEIN_CLANG_FORMAT)
  execute_process(COMMAND ${LODESTEIN_CLANG_FORMAT} --version OUTPUT_VARIABLE format_version)
endif()
if(format_version MATCHES "version 14\\.")  # other versions lay out differently
  set(format_check ${LODESTEIN_CLANG_FORMAT} --dry-run -Werror ${LODESTEIN_OWN_FILES})
  add_custom_target(format COMMAND ${LODESTEIN_CLANG_FORMAT} -i ${LODESTEIN_OWN_FILES}
    COMMENT "Formatting the sources" VERBATIM)
  add_custom_target(format-check COMMAND ${format_check} COMMENT "Checking the format" VERBATIM)
  if(LODESTEIN_TESTS)
    add_test(NAME style.format COMMAND ${format_check})
    set_tests_properties(style.format PROPERTIES LABELS unit)
  endif()
endif()

find_program(LODESTEIN_RUN_CLANG_TIDY NAMES run-clang-tidy-14 run-clang-tidy)
mark_as_advanced(LODESTEIN_RUN_CLANG_TIDY)
if(LODESTEIN_RUN_CLANG_TIDY)
  add_custom_target(tidy COMMAND ${LODESTEIN_RUN_CLANG_TIDY} -quiet -p ${PROJECT_BINARY_DIR}
    "^${PROJECT_SOURCE_DIR}/(kernels|src|bench|examples)/.*\\.cpp$"
    COMMENT "Running clang-tidy" VERBATIM)
endif()
