# Libraries that decode compressed chunks, each used where it is found, and what HDF5 offers to list chunks with.
# FLR_CODEC_LIBRARIES, FLR_CODEC_INCLUDE_DIRS, FLR_CODEC_DEFINITIONS are what libfastlr takes of them.
include(CheckSymbolExists)
include(CMakePushCheckState)

# flr_codec(NAME header library "what for"): -DFLR_HAVE_NAME
function(flr_codec name header library purpose)
  option(FLR_${name} "${purpose}" ON)
  find_path(${name}_INCLUDE_DIR ${header})
  find_library(${name}_LIBRARY ${library})
  mark_as_advanced(${name}_INCLUDE_DIR ${name}_LIBRARY)
  set(found OFF)
  if(FLR_${name} AND ${name}_INCLUDE_DIR AND ${name}_LIBRARY)
    set(found ON)
    set(FLR_CODEC_LIBRARIES ${FLR_CODEC_LIBRARIES} "${${name}_LIBRARY}" PARENT_SCOPE)
    set(FLR_CODEC_INCLUDE_DIRS ${FLR_CODEC_INCLUDE_DIRS} "${${name}_INCLUDE_DIR}" PARENT_SCOPE)
    set(FLR_CODEC_DEFINITIONS ${FLR_CODEC_DEFINITIONS} FLR_HAVE_${name} PARENT_SCOPE)
  endif()
  add_feature_info(${library} found "${purpose}")
endfunction()

flr_codec(LZ4 lz4.h lz4 "data compressed with LZ4")
flr_codec(ZSTD zstd.h zstd "data compressed with zstd")
flr_codec(LIBDEFLATE libdeflate.h deflate "data compressed with deflate, faster than zlib")

cmake_push_check_state(RESET)
set(CMAKE_REQUIRED_INCLUDES ${HDF5_C_INCLUDE_DIRS} ${MPI_C_INCLUDE_DIRS})
set(CMAKE_REQUIRED_LIBRARIES ${HDF5_C_LIBRARIES} MPI::MPI_C)
check_symbol_exists(H5Dchunk_iter hdf5.h FLR_CHUNK_ITER)
cmake_pop_check_state()
if(FLR_CHUNK_ITER)
  list(APPEND FLR_CODEC_DEFINITIONS FLR_HAVE_CHUNK_ITER)
endif()
