/* Sums of a few arrays, in the order they are given. */
#ifndef FLR_MPI_SHARED_SUM_H
#define FLR_MPI_SHARED_SUM_H

#include "mpi/comm.h"

/* target[i] = (..(sources[0][i] + sources[1][i]) + ..) for i < count and every one of the targets, which may be among the
   sources. sources: [source_count], targets: [target_count]. Not collective. */
void flr_shared_sum(void *const *targets, int target_count, const void *const *sources, int source_count, int64_t count,
                    flr_comm_type type);

/* Bytes of one element. */
static inline size_t flr_comm_type_bytes(flr_comm_type type) { return type == FLR_COMM_F32 ? sizeof(float) : sizeof(double); }

#endif
