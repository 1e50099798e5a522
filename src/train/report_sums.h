/* The report of a step summed over ranks. With --deterministic every shard's losses travel apart and are added in shard order,
   so that the sums too keep their bits on any rank count. */
#ifndef FLR_TRAIN_REPORT_SUMS_H
#define FLR_TRAIN_REPORT_SUMS_H

#include "backend/backend.h"
#include "mpi/comm.h"
#include "train/directive.h"

/* One exchange at a time. Caller's storage. */
typedef struct flr_report_sums {
  double *numbers; /* the report, then loss_sum and loss_sq_sum of every shard of the job when deterministic. Owned */
  int64_t count;
  int64_t shards;                   /* of the job when deterministic, else 0 */
  int64_t first_shard, shard_count; /* this rank's */
  flr_comm_request request;
} flr_report_sums;

/* shards: of the job; first_shard, shard_count: this rank's. The caller clears it. Errors: FLR_ERROR_INTERNAL (memory). Not
   collective. */
flr_status flr_report_sums_init(flr_report_sums *sums, int deterministic, int64_t shards, int64_t first_shard,
                                int64_t shard_count);
void flr_report_sums_clear(flr_report_sums *sums);

/* Begins to sum `report` over the ranks, its loss_sum, loss_sq_sum, samples, correct and nonfinite increased by what the loss
   op found in this rank's shards, results [shard_count] in host memory. No allocation. Collective. */
flr_status flr_report_sums_begin(flr_report_sums *sums, flr_comm *comm, const flr_report *report,
                                 const flr_loss_result *results);

/* Waits for the sum begun last: *report, the same on all ranks. Collective. */
flr_status flr_report_sums_wait(flr_report_sums *sums, flr_comm *comm, flr_report *report);

#endif
