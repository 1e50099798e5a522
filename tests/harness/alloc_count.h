/* Counts calls that take memory from the heap. Linking a test with it is enough: it stands in for malloc and its family in the
   whole process, libraries included (under a sanitizer it listens to the sanitizer's own). */
#ifndef FLR_TESTS_ALLOC_COUNT_H
#define FLR_TESTS_ALLOC_COUNT_H

#include <stdint.h>

/* Calls of malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign so far; they only grow. */
typedef struct alloc_count {
  int64_t process; /* by all threads */
  int64_t thread;  /* by the calling thread */
  int64_t own; /* by all threads, without those made inside oneDNN, the C++ and OpenMP run-times it uses, and Open MPI, which
                  nobody but them can avoid; -1: not known (sanitizers do not say who called) */
} alloc_count;

/* What was counted until now: take it before and after, and subtract. Allocates nothing. Callable from any thread. */
alloc_count alloc_count_now(void);

#endif
