# What libfastlr links and shows.
set_target_properties(fastlr PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME fastlr)
target_include_directories(fastlr PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(fastlr PRIVATE FLR_VERSION="${PROJECT_VERSION}" _GNU_SOURCE)
target_link_libraries(fastlr PRIVATE $<BUILD_INTERFACE:flr_flags> MPI::MPI_C ${HDF5_C_LIBRARIES} ${FLR_CODEC_LIBRARIES} oneDNN::C cJSON::C OpenMP::OpenMP_C
                                     ZLIB::ZLIB Threads::Threads m
                                     $<$<BOOL:${JPEG_FOUND}>:JPEG::JPEG> $<$<BOOL:${PNG_FOUND}>:PNG::PNG>)
target_include_directories(fastlr PRIVATE ${HDF5_C_INCLUDE_DIRS} ${FLR_CODEC_INCLUDE_DIRS})
target_compile_definitions(fastlr PRIVATE ${HDF5_C_DEFINITIONS} H5_USE_110_API) # one meaning of H5Ovisit in 1.10 to 1.14
if(NOT BUILD_SHARED_LIBS) # the CUDA module then finds our functions in the program: it must hold all of them and show them
  target_link_options(fastlr INTERFACE -rdynamic "$<BUILD_INTERFACE:LINKER:--whole-archive,$<TARGET_FILE:fastlr>,--no-whole-archive>")
endif()
