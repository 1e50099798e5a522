# flr_add_test and flr_add_mpi_test: one executable, one or more ctest entries, each with labels and a time-out.
find_package(cmocka REQUIRED)
set(FLR_MPIRUN "${MPIEXEC_EXECUTABLE}" --oversubscribe --bind-to none)
set(FLR_TEST_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
                         "FLR_SOURCE_DIR=${CMAKE_SOURCE_DIR}" "FLR_PROGRAM=${CMAKE_BINARY_DIR}/fastlr_dist"
                         FASTLR_CUDA_MODULE=) # (so that tests of the program compute on the CPU wherever they run)
if(FLR_SANITIZE MATCHES address)
  list(APPEND FLR_TEST_ENVIRONMENT ASAN_OPTIONS=fast_unwind_on_malloc=0:allocator_may_return_null=1 "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/harness/lsan.supp")
endif()

# Sources to add to a test that counts allocations (tests/harness/alloc_count.h).
set(FLR_ALLOC_COUNT "${CMAKE_SOURCE_DIR}/tests/harness/alloc_count.c")
if(FLR_SANITIZE MATCHES "address|thread")
  set(FLR_ALLOC_COUNT "${CMAKE_SOURCE_DIR}/tests/harness/alloc_count_sanitizer.c")
endif()

# flr_test_executable(NAME SOURCES...): a cmocka program that may include every room's private headers.
function(flr_test_executable name)
  add_executable(test_${name} ${ARGN})
  target_include_directories(test_${name} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/tests"
                                                  ${HDF5_C_INCLUDE_DIRS})
  target_compile_definitions(test_${name} PRIVATE _GNU_SOURCE FLR_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ${HDF5_C_DEFINITIONS} H5_USE_110_API)
  target_link_libraries(test_${name} PRIVATE flr_flags fastlr cmocka MPI::MPI_C ${HDF5_C_LIBRARIES} cJSON::C Threads::Threads m)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests" BUILD_RPATH "${CMAKE_BINARY_DIR}")
endfunction()

# flr_test_properties(TEST NAME LABELS l.. TIMEOUT seconds PROCESSORS n): tests labelled cuda or nccl find the CUDA module as users do.
# Under a sanitizer everything may take five times as long.
function(flr_test_properties)
  cmake_parse_arguments(arg "" "TEST;TIMEOUT;PROCESSORS" "LABELS" ${ARGN})
  set(environment ${FLR_TEST_ENVIRONMENT})
  if("cuda" IN_LIST arg_LABELS OR "nccl" IN_LIST arg_LABELS)
    list(REMOVE_ITEM environment FASTLR_CUDA_MODULE=)
  endif()
  if(FLR_SANITIZE)
    math(EXPR arg_TIMEOUT "5 * ${arg_TIMEOUT}")
  endif()
  set_tests_properties(
    ${arg_TEST} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} PROCESSORS ${arg_PROCESSORS} SKIP_RETURN_CODE 77
                           ENVIRONMENT "${environment}")
endfunction()

# flr_add_test(NAME room.thing SOURCES a.c.. LABELS unit.. [TIMEOUT 60] [ARGS ..])
function(flr_add_test)
  cmake_parse_arguments(arg "" "NAME;TIMEOUT" "SOURCES;LABELS;ARGS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  flr_test_executable(${arg_NAME} ${arg_SOURCES})
  add_test(NAME ${arg_NAME} COMMAND test_${arg_NAME} ${arg_ARGS})
  flr_test_properties(TEST ${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT} PROCESSORS 1)
endfunction()

# flr_add_mpi_test(NAME room.thing SOURCES a.c.. RANKS 1 2 3 4 LABELS mpi.. [TIMEOUT 60] [ARGS ..]): entries NAME.n1, NAME.n2, ..
function(flr_add_mpi_test)
  cmake_parse_arguments(arg "" "NAME;TIMEOUT" "SOURCES;RANKS;LABELS;ARGS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  flr_test_executable(${arg_NAME} ${arg_SOURCES})
  foreach(ranks ${arg_RANKS})
    add_test(NAME ${arg_NAME}.n${ranks} COMMAND ${FLR_MPIRUN} -np ${ranks} $<TARGET_FILE:test_${arg_NAME}> ${arg_ARGS})
    flr_test_properties(TEST ${arg_NAME}.n${ranks} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT} PROCESSORS ${ranks})
    # a launcher that ends must not take the folder of sessions away in which another one begins
    set_property(TEST ${arg_NAME}.n${ranks} APPEND PROPERTY ENVIRONMENT "OMPI_MCA_orte_tmpdir_base=${CMAKE_BINARY_DIR}/sessions/${arg_NAME}.n${ranks}")
  endforeach()
endfunction()

# flr_add_script_test(NAME room.thing SCRIPT file LABELS cli.. [TIMEOUT 60] [PROCESSORS 1] [ARGS ..]): a bash script; it finds the
# program in FLR_PROGRAM and the tree in FLR_SOURCE_DIR.
function(flr_add_script_test)
  cmake_parse_arguments(arg "" "NAME;SCRIPT;TIMEOUT;PROCESSORS" "LABELS;ARGS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  if(NOT arg_PROCESSORS)
    set(arg_PROCESSORS 1)
  endif()
  add_test(NAME ${arg_NAME} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT} ${arg_ARGS})
  flr_test_properties(TEST ${arg_NAME} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT} PROCESSORS ${arg_PROCESSORS})
endfunction()
