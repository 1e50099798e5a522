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

/* The same of this rank, from its own affinity and that of all others; 0 when it is not known. Collective. */
flr_status flr_machine_cpus(int *out, flr_comm *comm);

/* Batches to read ahead, at most `wanted`, so that they and the one in use take a quarter of a rank's part of `memory` bytes
   at most; at least 1. Not collective. */
int flr_machine_prefetch(int wanted, int64_t memory, int local_ranks, int64_t batch_bytes);

#endif
