# NCCL's C library as NCCL::C; looks beside the CUDA Toolkit, where NCCL_C_ROOT or NCCL_HOME says, and in the folders next to the
# toolkit that its Python packages use. A library without its unversioned link is found too.
set(hints "$ENV{NCCL_HOME}" ${FLR_CUDA_FOLDERS} ${FLR_CUDA_NEIGHBOURS})
list(TRANSFORM hints APPEND "/nccl" OUTPUT_VARIABLE nested)
find_path(NCCL_C_INCLUDE_DIR nccl.h HINTS ${hints} ${nested} PATH_SUFFIXES include)
find_library(NCCL_C_LIBRARY NAMES nccl libnccl.so.2 HINTS ${hints} ${nested} PATH_SUFFIXES lib64 lib)
if(NCCL_C_INCLUDE_DIR AND EXISTS "${NCCL_C_INCLUDE_DIR}/nccl.h")
  file(STRINGS "${NCCL_C_INCLUDE_DIR}/nccl.h" lines REGEX "define NCCL_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX REPLACE "[^0-9;]" "" NCCL_C_VERSION "${lines}")
  string(REPLACE ";" "." NCCL_C_VERSION "${NCCL_C_VERSION}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NCCL_C REQUIRED_VARS NCCL_C_LIBRARY NCCL_C_INCLUDE_DIR VERSION_VAR NCCL_C_VERSION)
if(NCCL_C_FOUND AND NOT TARGET NCCL::C)
  add_library(NCCL::C UNKNOWN IMPORTED)
  set_target_properties(NCCL::C PROPERTIES IMPORTED_LOCATION "${NCCL_C_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                             "${NCCL_C_INCLUDE_DIR}")
endif()
mark_as_advanced(NCCL_C_INCLUDE_DIR NCCL_C_LIBRARY)
