/* Vectorised sums, a piece at a time that stays in the nearest cache. */
#include "mpi/shared_sum.h"

#include <string.h>

/* Compiles a loop for several instruction sets; the loader picks one at start. Sanitizers cannot instrument that. */
#if defined(FLR_NO_TARGET_CLONES) || !defined(__x86_64__)
#define TARGET_CLONES
#else
#define TARGET_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#endif

enum { PIECE = 8192 };

#define SUMS(T)                                                                                                   \
  TARGET_CLONES static void start_##T(T *restrict out, const T *restrict a, const T *restrict b, int64_t count) { \
    for (int64_t i = 0; i < count; i++) out[i] = a[i] + b[i];                                                     \
  }                                                                                                               \
  TARGET_CLONES static void add_##T(T *restrict out, const T *restrict a, int64_t count) {                        \
    for (int64_t i = 0; i < count; i++) out[i] += a[i];                                                           \
  }                                                                                                               \
  static void piece_##T(T *out, const void *const *sources, int arrays, int64_t at, int64_t count) {              \
    if (arrays == 1) memcpy(out, (const T *)sources[0] + at, (size_t)count * sizeof(T));                          \
    if (arrays > 1) start_##T(out, (const T *)sources[0] + at, (const T *)sources[1] + at, count);                \
    for (int k = 2; k < arrays; k++) add_##T(out, (const T *)sources[k] + at, count);                             \
  }
SUMS(float)
SUMS(double)
SUMS(int64_t)
#undef SUMS

void flr_shared_sum(void *const *targets, int target_count, const void *const *sources, int source_count, int64_t count,
                    flr_comm_type type) {
  _Alignas(64) char sum[PIECE];
  const size_t element = flr_comm_type_bytes(type);
  const int64_t step = (int64_t)(PIECE / element);
  for (int64_t at = 0; at < count; at += step) {
    const int64_t n = count - at < step ? count - at : step;
    if (type == FLR_COMM_F32) piece_float((float *)(void *)sum, sources, source_count, at, n);
    if (type == FLR_COMM_F64) piece_double((double *)(void *)sum, sources, source_count, at, n);
    if (type == FLR_COMM_I64) piece_int64_t((int64_t *)(void *)sum, sources, source_count, at, n);
    for (int t = 0; t < target_count; t++) memcpy((char *)targets[t] + (size_t)at * element, sum, (size_t)n * element);
  }
}
