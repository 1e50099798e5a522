# The libraries' part of the cuda backend.
flr_add_test(NAME cuda.plan_cache SOURCES plan_cache.c "${CMAKE_SOURCE_DIR}/src/backend/cuda/plan_cache.c" LABELS cuda unit)
