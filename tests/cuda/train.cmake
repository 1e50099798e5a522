# The module on the emulated run time, with plain loops in the place of cuDNN and cuBLASLt and MPI in that of NCCL: the op suite on it,
# and training. The same tests again where there is a GPU.
if(NOT TARGET flr_emulated_kernels)
  return()
endif()

file(GLOB room_files CONFIGURE_DEPENDS "${cuda_room}/cuda_*.c")
list(FILTER room_files EXCLUDE REGEX "_cudnn\\.c$|_cublaslt\\.c$|cuda_libraries\\.c$")
set_target_properties(flr_emulated_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
add_library(fastlr_cuda_emulated MODULE ${room_files} "${CMAKE_SOURCE_DIR}/mpi/comm_nccl.c" emulation/libraries.cpp emulation/nccl.cpp)
flr_emulated_kernels(fastlr_cuda_emulated)
target_compile_definitions(fastlr_cuda_emulated PRIVATE FLR_VERSION="${PROJECT_VERSION}" _GNU_SOURCE)
target_link_libraries(fastlr_cuda_emulated PRIVATE flr_flags flr_emulated_kernels fastlr MPI::MPI_C Threads::Threads m stdc++)
set_target_properties(fastlr_cuda_emulated PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")

# flr_emulated(TEST [NAME=VALUE..]): the test opens the emulated module, which has a GPU for each rank
function(flr_emulated test)
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT "FASTLR_CUDA_MODULE=$<TARGET_FILE:fastlr_cuda_emulated>" FASTLR_EMULATED_DEVICES=4 ${ARGN})
endfunction()

foreach(type f32 bf16 f16)
  foreach(device emulated gpu)
    add_test(NAME cuda.conformance_${device}.${type} COMMAND test_ops.conformance cuda ${type})
    flr_test_properties(TEST cuda.conformance_${device}.${type} LABELS cuda ops TIMEOUT 300 PROCESSORS 1)
  endforeach()
  flr_emulated(cuda.conformance_emulated.${type})
endforeach()

# flr_train_on_device(NAME ROOM.TEST EXECUTABLE target RANKS n.. OPTIONS "name=value .." [ARGS ..]): NAME.emulated.n1.., NAME.gpu.n1..
function(flr_train_on_device)
  cmake_parse_arguments(arg "" "NAME;EXECUTABLE;OPTIONS" "RANKS;ARGS" ${ARGN})
  foreach(ranks ${arg_RANKS})
    set(command ${FLR_MPIRUN} -np ${ranks} $<TARGET_FILE:${arg_EXECUTABLE}> ${arg_ARGS})
    add_test(NAME ${arg_NAME}.emulated.n${ranks} COMMAND ${command})
    add_test(NAME ${arg_NAME}.gpu.n${ranks} COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/on_gpus.sh" ${ranks} ${command})
    foreach(device emulated gpu)
      flr_test_properties(TEST ${arg_NAME}.${device}.n${ranks} LABELS cuda nccl train TIMEOUT 300 PROCESSORS ${ranks})
      set_property(TEST ${arg_NAME}.${device}.n${ranks} APPEND PROPERTY ENVIRONMENT "FLR_TEST_OPTIONS=${arg_OPTIONS}")
    endforeach()
    flr_emulated(${arg_NAME}.emulated.n${ranks})
  endforeach()
endfunction()

flr_test_executable(cuda.device_step device_step.c "${CMAKE_SOURCE_DIR}/tests/train/train_harness.c")
target_link_libraries(test_cuda.device_step PRIVATE ${CMAKE_DL_LIBS})
flr_train_on_device(NAME cuda.device_step EXECUTABLE test_cuda.device_step RANKS 1 2 OPTIONS "")

flr_test_executable(cuda.sync_bn sync_bn.c "${CMAKE_SOURCE_DIR}/tests/train/train_harness.c")
flr_train_on_device(NAME cuda.sync_bn EXECUTABLE test_cuda.sync_bn RANKS 1 2 OPTIONS "")

# The suites that training passes on the CPU, whole, with the sums made by NCCL and through the host.
flr_train_on_device(NAME cuda.session EXECUTABLE test_train.session RANKS 1 3 OPTIONS "backend=cuda precision=f32")
flr_train_on_device(NAME cuda.session_staged EXECUTABLE test_train.session RANKS 2 OPTIONS "backend=cuda precision=f32 comm=mpi")
flr_train_on_device(NAME cuda.optimisation EXECUTABLE test_train.optimisation RANKS 2 OPTIONS "backend=cuda precision=f32")
# A recorded step takes the decay that is set behind it.
flr_train_on_device(NAME cuda.decays EXECUTABLE test_train.sweeps RANKS 1 OPTIONS "backend=cuda precision=f32" ARGS "*decays__curves*")
flr_train_on_device(NAME cuda.fine_tune EXECUTABLE test_train.fine_tune RANKS 1 2 OPTIONS "backend=cuda precision=f32")
flr_train_on_device(NAME cuda.fine_tune_staged EXECUTABLE test_train.fine_tune RANKS 2 OPTIONS "backend=cuda precision=f32 comm=mpi")
flr_train_on_device(NAME cuda.parity EXECUTABLE test_train.parity RANKS 1 2 OPTIONS "backend=cuda precision=f32" ARGS "*mlp*")
