# Foreign libraries, each as one target that its room links. DESIGN: cluster, CPU math, data, JSON, gzip.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(MPI REQUIRED COMPONENTS C)
set(HDF5_PREFER_PARALLEL ON) # without it CMake silently picks the serial library
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(oneDNN_C REQUIRED)
find_package(cJSON_C REQUIRED)
find_package(ZLIB REQUIRED)
set_package_properties(MPI PROPERTIES TYPE REQUIRED PURPOSE "several ranks")
set_package_properties(HDF5 PROPERTIES TYPE REQUIRED PURPOSE "datasets, checkpoints, sweeps")
set_package_properties(oneDNN_C PROPERTIES TYPE REQUIRED PURPOSE "CPU math" DESCRIPTION "oneDNN 2.6 or 3.x")
set_package_properties(cJSON_C PROPERTIES TYPE REQUIRED PURPOSE "JSON documents and run logs" DESCRIPTION "cJSON")
set_package_properties(ZLIB PROPERTIES TYPE REQUIRED PURPOSE "converting .gz files" DESCRIPTION "zlib")
