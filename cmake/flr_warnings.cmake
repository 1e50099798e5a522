# One interface target for warnings, sanitizers and coverage: linked by everything of ours, installed by nothing.
add_library(flr_flags INTERFACE)
target_compile_options(
  flr_flags
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
            -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/= -fno-math-errno)
if(FLR_WERROR)
  target_compile_options(flr_flags INTERFACE -Werror)
endif()
if(FLR_SANITIZE)
  target_compile_options(flr_flags INTERFACE -fsanitize=${FLR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(flr_flags INTERFACE -fsanitize=${FLR_SANITIZE})
  target_compile_definitions(flr_flags INTERFACE FLR_NO_TARGET_CLONES)
endif()
if(FLR_COVERAGE)
  target_compile_options(flr_flags INTERFACE --coverage)
  target_link_options(flr_flags INTERFACE --coverage)
endif()
