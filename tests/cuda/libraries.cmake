# The libraries' part of the cuda backend.
flr_add_test(NAME cuda.plan_cache SOURCES plan_cache.c "${CMAKE_SOURCE_DIR}/src/backend/cuda/plan_cache.c" LABELS cuda unit)

# cuDNN itself plans every convolution, for GPUs that are only described to it. It wants a driver's library to be there, and finds
# other libraries where the loader looks.
if(FLR_CUDA_BUILT)
  add_library(driver_stub SHARED driver_stub.c)
  target_link_libraries(driver_stub PRIVATE flr_flags)
  set_target_properties(driver_stub PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/driver_stub" OUTPUT_NAME cuda
                                               SUFFIX .so.1)
  set(room "${CMAKE_SOURCE_DIR}/src/backend/cuda")
  flr_add_test(
    NAME cuda.plans_without_gpu
    SOURCES plans_without_gpu.c
            "${room}/cuda_check.c"
            "${room}/cuda_conv_cudnn.c"
            "${room}/cuda_descriptor_cudnn.c"
            "${room}/cuda_engine_cudnn.c"
            "${room}/cuda_graph_cudnn.c"
            "${room}/cuda_libraries.c"
            "${room}/cuda_plans.c"
            "${room}/cuda_tune_cudnn.c"
            "${room}/plan_cache.c"
    LABELS cuda ops
    TIMEOUT 300)
  add_dependencies(test_cuda.plans_without_gpu driver_stub)
  target_include_directories(test_cuda.plans_without_gpu SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(test_cuda.plans_without_gpu PRIVATE CUDA::cudart CUDA::cublasLt cuDNN::C)
  set(paths "${CMAKE_BINARY_DIR}/tests/driver_stub")
  foreach(library CUDA::cudart CUDA::cublasLt cuDNN::C)
    get_target_property(file ${library} IMPORTED_LOCATION)
    get_filename_component(folder "${file}" DIRECTORY)
    string(APPEND paths ":${folder}")
  endforeach()
  set_property(TEST cuda.plans_without_gpu APPEND PROPERTY ENVIRONMENT "LD_LIBRARY_PATH=${paths}:$ENV{LD_LIBRARY_PATH}")
else()
  add_test(NAME cuda.plans_without_gpu COMMAND bash -c "echo 'skipped: ${FLR_CUDA_WHY_NOT}'; exit 77")
  flr_test_properties(TEST cuda.plans_without_gpu LABELS cuda ops TIMEOUT 10 PROCESSORS 1)
endif()
