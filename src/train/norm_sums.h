/* Sums over all ranks of what --sync-bn shares in every batch norm layer, forward and backward. */
#ifndef FLR_TRAIN_NORM_SUMS_H
#define FLR_TRAIN_NORM_SUMS_H

#include "backend/backend.h"
#include "mpi/comm.h"

/* Caller's storage. */
typedef struct flr_norm_sums {
  flr_comm *comm;       /* of the job; borrowed */
  flr_comm *bulk;       /* which sums where the backend computes; NULL: comm does, in host memory; borrowed */
  flr_backend *backend; /* borrowed */
  flr_buffer host;      /* numbers of a device on their way through comm; else empty */
  flr_comm_request request;
  int64_t bytes; /* that this rank handed to communication, but for steps that a device repeats from a recording */
} flr_norm_sums;

/* bulk: of comm_bulk.h, used when its sums need not pass the host; NULL: none. numbers: the most that are summed at once. The
   caller clears it. Errors: those of the backend. Not collective. */
flr_status flr_norm_sums_init(flr_norm_sums *sums, flr_comm *comm, flr_comm *bulk, flr_backend *backend, int64_t numbers);
void flr_norm_sums_clear(flr_norm_sums *sums);

/* Adds up numbers [count] in the backend's space, in place, in order with its work (flr_executor_sync.sum; context is the
   flr_norm_sums). The control lane carries them where the host does, between the directive and the report of a step. No
   allocation. Collective. */
flr_status flr_norm_sums_add(void *context, double *numbers, int64_t count);

#endif
