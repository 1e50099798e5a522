/* How much memory a process may still take. */
#ifndef FLR_CORE_MEMORY_LIMIT_H
#define FLR_CORE_MEMORY_LIMIT_H

#include <stdint.h>

/* Bytes: the least of what the system has free (page cache counts as free), what the control group of a job leaves and what the
   limits on the address space and on data (ulimit -v, -d) leave. INT64_MAX where none of these is known. */
int64_t flr_memory_available(void);

/* The part of it that control groups leave: of this process's group and all those above it, of version 2 or 1, the least; file
   pages count as free. INT64_MAX where no group limits memory. root: "", or a folder that stands for "/". */
int64_t flr_memory_left_in_groups(const char *root);

#endif
