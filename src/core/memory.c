/* Checked host memory. */
#include "core/memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory_limit.h"

/* The C library takes blocks of this size from the kernel, never from what was freed before. */
static const size_t always_new = (size_t)32 << 20;

/* Above: all of a block is written to, so that where memory is limited to less, the kernel would end the process without a
 * word. */
static flr_status check_left(size_t bytes) {
  const int64_t left = bytes < always_new ? INT64_MAX : flr_memory_available();
  if ((uint64_t)left >= bytes) return FLR_OK;
  return flr_fail(
      FLR_ERROR_INTERNAL,
      "out of memory: %zu bytes wanted, %lld are left by this job's limits and the machine: a smaller --batch or model, "
      "fewer ranks on a node, or more memory",
      bytes, (long long)left);
}

flr_status flr_alloc(void *out, int64_t count, size_t size) {
  void *pointer = NULL;
  memcpy(out, &pointer, sizeof pointer);
  if (count < 0 || (size != 0 && (uint64_t)count > (SIZE_MAX / 2) / size))
    return flr_fail(FLR_ERROR_USAGE, "%lld elements of %zu bytes do not fit in memory", (long long)count, size);
  size_t bytes = flr_align_up((size_t)count * size);
  if (bytes == 0) bytes = FLR_ALIGNMENT;
  FLR_TRY(check_left(bytes));
  pointer = aligned_alloc(FLR_ALIGNMENT, bytes);
  if (!pointer) return flr_fail(FLR_ERROR_INTERNAL, "out of memory: %zu bytes wanted", bytes);
  memset(pointer, 0, bytes);
  memcpy(out, &pointer, sizeof pointer);
  return FLR_OK;
}

void flr_free(void *pointer) { free(pointer); }

flr_status flr_strdup(char **out, const char *text) {
  *out = NULL;
  if (!text) return FLR_OK;
  const size_t length = strlen(text) + 1;
  FLR_TRY(flr_alloc(out, (int64_t)length, 1));
  memcpy(*out, text, length);
  return FLR_OK;
}

flr_status flr_multiply(int64_t *out, int64_t a, int64_t b) {
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, out))
    return flr_fail(FLR_ERROR_DATA, "the size %lld x %lld is out of range", (long long)a, (long long)b);
  return FLR_OK;
}

flr_status flr_to_int(int *out, int64_t value, const char *what) {
  if (value < INT_MIN || value > INT_MAX)
    return flr_fail(FLR_ERROR_USAGE, "%s is %lld and does not fit in 32 bits", what, (long long)value);
  *out = (int)value;
  return FLR_OK;
}
