# cJSON as cJSON::C; distributions ship it without a CMake package.
find_path(cJSON_C_INCLUDE_DIR cJSON.h PATH_SUFFIXES cjson)
find_library(cJSON_C_LIBRARY cjson)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(cJSON_C REQUIRED_VARS cJSON_C_LIBRARY cJSON_C_INCLUDE_DIR)
if(cJSON_C_FOUND AND NOT TARGET cJSON::C)
  add_library(cJSON::C UNKNOWN IMPORTED)
  set_target_properties(cJSON::C PROPERTIES IMPORTED_LOCATION "${cJSON_C_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                             "${cJSON_C_INCLUDE_DIR}")
endif()
mark_as_advanced(cJSON_C_INCLUDE_DIR cJSON_C_LIBRARY)
