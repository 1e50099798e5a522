/* Checked host memory: aligned, zeroed on request, with messages that say how much was wanted. */
#ifndef FLR_CORE_MEMORY_H
#define FLR_CORE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* Every block starts at a multiple of this many bytes (a cache line; the widest vector load). */
#define FLR_ALIGNMENT 64

/* Allocates count * size bytes, zeroed and aligned to FLR_ALIGNMENT, into *out (a pointer to a pointer). count or size 0
   gives a valid pointer. The caller owns it and frees it with flr_free. Errors: FLR_ERROR_USAGE for a negative or
   overflowing size, FLR_ERROR_INTERNAL when memory is exhausted, or a large block would not fit into what limits and the
   machine leave (flr_memory_available); *out is NULL then. Not collective. */
flr_status flr_alloc(void *out, int64_t count, size_t size);

/* Frees what flr_alloc or flr_strdup gave. NULL is allowed. */
void flr_free(void *pointer);

/* Copies a string into *out; NULL stays NULL. The caller frees it with flr_free. Errors: FLR_ERROR_INTERNAL
   when memory is exhausted. */
flr_status flr_strdup(char **out, const char *text);

/* *out = a * b for a, b >= 0. Errors: FLR_ERROR_DATA on overflow. */
flr_status flr_multiply(int64_t *out, int64_t a, int64_t b);

/* Narrows to int for MPI, BLAS and gnuplot counts. Errors: FLR_ERROR_USAGE naming `what` when it does not fit. */
flr_status flr_to_int(int *out, int64_t value, const char *what);

/* bytes rounded up to a multiple of FLR_ALIGNMENT. */
static inline size_t flr_align_up(size_t bytes) { return (bytes + (FLR_ALIGNMENT - 1)) & ~(size_t)(FLR_ALIGNMENT - 1); }

#endif
