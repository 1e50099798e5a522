# cuDNN's C library as cuDNN::C; looks beside the CUDA Toolkit, where cuDNN_C_ROOT or CUDNN_PATH says, and in the folders next to the
# toolkit that its Python packages use. A library without its unversioned link is found too.
set(hints "$ENV{CUDNN_PATH}" ${FLR_CUDA_FOLDERS} ${FLR_CUDA_NEIGHBOURS})
list(TRANSFORM hints APPEND "/cudnn" OUTPUT_VARIABLE nested)
find_path(cuDNN_C_INCLUDE_DIR cudnn.h HINTS ${hints} ${nested} PATH_SUFFIXES include)
find_library(cuDNN_C_LIBRARY NAMES cudnn libcudnn.so.9 HINTS ${hints} ${nested} PATH_SUFFIXES lib64 lib)
if(cuDNN_C_INCLUDE_DIR AND EXISTS "${cuDNN_C_INCLUDE_DIR}/cudnn_version.h")
  file(STRINGS "${cuDNN_C_INCLUDE_DIR}/cudnn_version.h" lines REGEX "define CUDNN_(MAJOR|MINOR|PATCHLEVEL) +[0-9]+")
  string(REGEX REPLACE "[^0-9;]" "" cuDNN_C_VERSION "${lines}")
  string(REPLACE ";" "." cuDNN_C_VERSION "${cuDNN_C_VERSION}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cuDNN_C REQUIRED_VARS cuDNN_C_LIBRARY cuDNN_C_INCLUDE_DIR VERSION_VAR cuDNN_C_VERSION)
if(cuDNN_C_FOUND AND NOT TARGET cuDNN::C)
  add_library(cuDNN::C UNKNOWN IMPORTED)
  set_target_properties(cuDNN::C PROPERTIES IMPORTED_LOCATION "${cuDNN_C_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                             "${cuDNN_C_INCLUDE_DIR}")
endif()
mark_as_advanced(cuDNN_C_INCLUDE_DIR cuDNN_C_LIBRARY)
