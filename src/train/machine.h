/* What of its host a rank may use: its share of the CPUs and of the memory that the batch system left the job. */
#ifndef FLR_TRAIN_MACHINE_H
#define FLR_TRAIN_MACHINE_H

#include <stdint.h>

#include "core/status.h"
#include "mpi/comm.h"

enum { FLR_MACHINE_CPUS = 1024, FLR_MACHINE_WORDS = 1 + FLR_MACHINE_CPUS / 64 };

/* A rank's share of the CPUs it may run on: each of them counts for one rank where it is that rank's alone, for half of one
   where two ranks of the host may run on it. rows: [ranks, FLR_MACHINE_WORDS], each a hash of the host's name and a bit for
   each CPU. Rounded down, at least 1; 0 when the rank's row has no CPU. Not collective. */
int flr_machine_share(const int64_t *rows, int ranks, int rank);

/* What is left of a share where the quota of the host's control groups (flr_cpus_in_groups; 0: none) is divided among its
   local_ranks; at least 1, 0 where neither is known. Pure. */
int flr_machine_within_quota(int share, int quota, int local_ranks);

/* The share of this rank, from its own affinity, that of all others, and the quota of its control groups; 0 when it is not
   known. Collective. */
flr_status flr_machine_cpus(int *out, flr_comm *comm);

/* The same of a process that is alone on its host. Not collective. */
int flr_machine_cpus_alone(void);

/* Batches to read ahead, at most `wanted`, so that they and the one in use take a quarter of a rank's part of `memory` bytes
   at most; at least 1. Not collective. */
int flr_machine_prefetch(int wanted, int64_t memory, int local_ranks, int64_t batch_bytes);

#endif
