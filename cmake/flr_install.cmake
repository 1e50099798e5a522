# Installing: the program, libfastlr with its public headers, a CMake package (find_package(fastlr), fastlr::fastlr) and a pkg-config
# file. All paths in them are relative, so that an installed tree can be moved.
include(CMakePackageConfigHelpers)
set(FLR_INSTALL_INCLUDE "${CMAKE_INSTALL_INCLUDEDIR}/fastlr")
set(FLR_INSTALL_PACKAGE "${CMAKE_INSTALL_LIBDIR}/cmake/fastlr")
set(FLR_INSTALL_PC "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# flr_relative(OUT FROM TO): the way from one installed folder to another
function(flr_relative out from to)
  file(RELATIVE_PATH way "/prefix/${from}" "/prefix/${to}")
  set(${out} "${way}" PARENT_SCOPE)
endfunction()

flr_relative(FLR_BIN_TO_LIB "${CMAKE_INSTALL_BINDIR}" "${CMAKE_INSTALL_LIBDIR}")
set_target_properties(fastlr fastlr_dist PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
set_target_properties(fastlr_dist PROPERTIES INSTALL_RPATH "$ORIGIN/${FLR_BIN_TO_LIB}")
target_include_directories(fastlr INTERFACE "$<INSTALL_INTERFACE:${FLR_INSTALL_INCLUDE}>")

install(TARGETS fastlr fastlr_dist EXPORT fastlrTargets)
if(FLR_CUDA_BUILT) # beside libfastlr, where it is looked for
  install(TARGETS fastlr_cuda DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
install(FILES src/fastlr.h DESTINATION "${FLR_INSTALL_INCLUDE}")
install(FILES src/core/status.h DESTINATION "${FLR_INSTALL_INCLUDE}/core")
install(DIRECTORY slurm DESTINATION "${CMAKE_INSTALL_DATADIR}/fastlr_dist" USE_SOURCE_PERMISSIONS)
install(PROGRAMS scripts/make_sbatch.sh scripts/supervise.sh DESTINATION "${CMAKE_INSTALL_DATADIR}/fastlr_dist/scripts")
if(NOT CMAKE_CROSSCOMPILING) # the program prints its own manual page
  set(FLR_MANUAL "${CMAKE_BINARY_DIR}/fastlr_dist.1")
  add_custom_command(OUTPUT "${FLR_MANUAL}" COMMAND "${CMAKE_COMMAND}" -E env ASAN_OPTIONS=detect_leaks=0 "$<TARGET_FILE:fastlr_dist>" --manual > "${FLR_MANUAL}" DEPENDS fastlr_dist VERBATIM)
  add_custom_target(manual ALL DEPENDS "${FLR_MANUAL}")
  install(FILES "${FLR_MANUAL}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL)
endif()
install(FILES LICENSE datasets/FORMAT.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# A static libfastlr hands its libraries on to those who link it; they are found with our own modules.
install(EXPORT fastlrTargets NAMESPACE fastlr:: DESTINATION "${FLR_INSTALL_PACKAGE}")
configure_package_config_file(cmake/fastlrConfig.cmake.in "${CMAKE_BINARY_DIR}/fastlrConfig.cmake" INSTALL_DESTINATION "${FLR_INSTALL_PACKAGE}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/fastlrConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/fastlrConfig.cmake" "${CMAKE_BINARY_DIR}/fastlrConfigVersion.cmake" DESTINATION "${FLR_INSTALL_PACKAGE}")
if(NOT BUILD_SHARED_LIBS)
  install(FILES cmake/FindcJSON_C.cmake cmake/FindoneDNN_C.cmake DESTINATION "${FLR_INSTALL_PACKAGE}")
endif()

flr_relative(FLR_PC_TO_PREFIX "${FLR_INSTALL_PC}" ".")
set(FLR_PC_PRIVATE -rdynamic ${MPI_C_LIBRARIES} ${HDF5_C_LIBRARIES} ${FLR_CODEC_LIBRARIES} ${oneDNN_C_LIBRARY} ${cJSON_C_LIBRARY} ${ZLIB_LIBRARIES} ${JPEG_LIBRARIES} ${PNG_LIBRARIES} ${OpenMP_C_FLAGS} -lpthread -ldl -lm)
list(JOIN FLR_PC_PRIVATE " " FLR_PC_PRIVATE)
configure_file(cmake/fastlr.pc.in "${CMAKE_BINARY_DIR}/fastlr.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/fastlr.pc" DESTINATION "${FLR_INSTALL_PC}")
