# The CUDA backend without a GPU: its own kernels as C++ for the CPU (emulation/), its C files against an emulated runtime.
include(CheckLanguage)
check_language(CXX)
if(NOT CMAKE_CXX_COMPILER)
  message(STATUS "no C++ compiler: the CUDA kernels are not tested on the CPU")
  return()
endif()
enable_language(CXX)

set(cuda_room "${CMAKE_SOURCE_DIR}/src/backend/cuda")
file(GLOB kernels CONFIGURE_DEPENDS "${cuda_room}/kernels/*.cu")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(fibers x86_64)
else()
  set(fibers ucontext)
endif()

# flr_emulated_kernels(TARGET FILE.cu..): compiles them into the target as C++
function(flr_emulated_kernels target)
  target_sources(${target} PRIVATE ${ARGN})
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS -Wno-unknown-pragmas)
  set_target_properties(${target} PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wconversion;$<$<BOOL:${FLR_WERROR}>:-Werror>>)
  target_include_directories(${target} BEFORE PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/emulation")
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}")
endfunction()

add_library(flr_emulated_kernels STATIC emulation/kernels.cpp emulation/runtime.cpp emulation/fiber_${fibers}.cpp "${cuda_room}/launch.c")
flr_emulated_kernels(flr_emulated_kernels ${kernels})
target_link_libraries(flr_emulated_kernels PRIVATE flr_flags)

flr_add_test(NAME cuda.launch SOURCES launch.c "${cuda_room}/launch.c" LABELS cuda unit)

flr_add_test(NAME cuda.emulation SOURCES emulation.c LABELS cuda unit)
flr_emulated_kernels(test_cuda.emulation "${CMAKE_CURRENT_SOURCE_DIR}/faulty_kernels.cu")
target_link_libraries(test_cuda.emulation PRIVATE flr_emulated_kernels stdc++)

flr_add_test(NAME cuda.probe SOURCES probe.c "${cuda_room}/cuda_probe.c" "${cuda_room}/cuda_device.c" LABELS cuda unit)
flr_emulated_kernels(test_cuda.probe)
target_link_libraries(test_cuda.probe PRIVATE flr_emulated_kernels stdc++)
