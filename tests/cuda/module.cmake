# Opening the CUDA module: which GPU, which file, which refusals. All of it without CUDA; module.sh looks at the real module.
flr_add_test(NAME cuda.device SOURCES device.c "${CMAKE_SOURCE_DIR}/src/backend/cuda/cuda_device.c" LABELS cuda unit)

# Modules of fake_module.c, each with one thing wrong.
set(fakes "")
function(flr_fake_module name)
  add_library(fake_${name} MODULE fake_module.c)
  target_include_directories(fake_${name} PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(fake_${name} PRIVATE _GNU_SOURCE FLR_VERSION="0.0.1" ${ARGN})
  target_compile_options(fake_${name} PRIVATE -Wno-override-init) # that is how one size of many goes wrong
  target_link_libraries(fake_${name} PRIVATE flr_flags)
  set_target_properties(fake_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/fake_modules" PREFIX "")
endfunction()
flr_fake_module(good)
flr_fake_module(other_magic FAKE_MAGIC=1)
flr_fake_module(other_abi FAKE_ABI=77)
flr_fake_module(other_bytes FAKE_BYTES=12)
flr_fake_module(other_op FAKE_OP_BYTES=8)
flr_fake_module(other_comm FAKE_COMM_BYTES=8)
flr_fake_module(other_name flr_cuda_module_table=some_other_table)
flr_fake_module(unresolved FAKE_UNRESOLVED=1)
# An empty library by the name of the driver's, for programs that look whether one is there.
add_library(fake_driver MODULE fake_driver.c)
target_link_libraries(fake_driver PRIVATE flr_flags)
set_target_properties(fake_driver PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/fake_modules" OUTPUT_NAME cuda SUFFIX .so.1)

flr_add_test(NAME cuda.module SOURCES module.c LABELS cuda unit ARGS "${CMAKE_BINARY_DIR}/tests/fake_modules")
add_dependencies(
  test_cuda.module
  fake_good
  fake_other_magic
  fake_other_abi
  fake_other_bytes
  fake_other_op
  fake_other_comm
  fake_other_name
  fake_unresolved)

# The module itself and the program beside it.
set(module none)
if(FLR_CUDA_BUILT)
  set(module "$<TARGET_FILE:fastlr_cuda>")
endif()
flr_add_script_test(NAME cuda.symbols SCRIPT symbols.sh LABELS cuda cli ARGS "${module}" "${FLR_CUDA_WHY_NOT}")
