# One interface target for warnings, sanitizers and coverage: linked by everything of ours, installed by nothing.
add_library(flr_flags INTERFACE)
set(c_flags
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wconversion
    -Wstrict-prototypes
    -Wmissing-prototypes
    -Wvla
    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=
    -fno-math-errno)
# nvcc hands on what follows -Xcompiler; the code it makes itself does not stand -Wpedantic and the C warnings.
set(cuda_flags -Xcompiler=-Wall,-Wextra,-Wshadow,-Wconversion,-Wvla,-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(FLR_WERROR)
  list(APPEND c_flags -Werror)
  list(APPEND cuda_flags -Xcompiler=-Werror -Werror=all-warnings)
endif()
target_compile_options(flr_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${c_flags}>" "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_flags}>")
if(FLR_SANITIZE)
  target_compile_options(flr_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:-fsanitize=${FLR_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  target_link_options(flr_flags INTERFACE -fsanitize=${FLR_SANITIZE})
  target_compile_definitions(flr_flags INTERFACE FLR_NO_TARGET_CLONES)
endif()
if(FLR_COVERAGE)
  target_compile_options(flr_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:--coverage>)
  target_link_options(flr_flags INTERFACE --coverage)
endif()
if(FLR_FUZZ)
  target_compile_options(flr_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
endif()
