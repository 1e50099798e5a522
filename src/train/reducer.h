/* Sums gradients over ranks while backward runs: buckets of the flat buffer, or shard by shard in a fixed order. */
#ifndef FLR_TRAIN_REDUCER_H
#define FLR_TRAIN_REDUCER_H

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "core/status.h"
#include "mpi/comm.h"

typedef struct flr_reducer flr_reducer;

typedef struct flr_reducer_options {
  int64_t elements;                 /* of the flat gradient buffer */
  size_t bucket_bytes;              /* of a bucket, sent once it is ready; smaller towards the buffer's start; 0: 4 MiB */
  int deterministic;                /* 1: shards are added in shard order, the same to the bit at any rank count */
  int64_t shards;                   /* V of the job; used when deterministic */
  int64_t first_shard, shard_count; /* this rank's */
  flr_backend *backend;             /* in whose space gradients are, borrowed; NULL: host memory */
  flr_comm *bulk;                   /* which sums buckets where they are, borrowed; NULL: the comm itself */
} flr_reducer_options;

/* The comm, which works on host memory, is borrowed. Everything a step needs is allocated here. *out is owned by the caller.
 * Errors: FLR_ERROR_INTERNAL (memory), those of the backend. Collective. */
flr_status flr_reducer_create(flr_reducer **out, flr_comm *comm, const flr_reducer_options *options);
void flr_reducer_destroy(flr_reducer *reducer);

/* Begins a step whose result goes to `gradients` [elements]. */
void flr_reducer_start(flr_reducer *reducer, float *gradients);

/* Where the gradients of this rank's local shard `shard` are to be written: `gradients` itself, or the shard's own buffer when
   deterministic. *accumulate: whether to add to what is there. Shards without samples are skipped by the caller. */
float *flr_reducer_target(flr_reducer *reducer, int64_t shard, int *accumulate);

/* Tells at the start of a step that this rank has no samples but goes through backward all the same: flr_reducer_ready then
   sends zeros. No allocation. */
flr_status flr_reducer_leave_out(flr_reducer *reducer);

/* Tells that gradients[offset .. offset + count) are final on this rank (an flr_range_ready; context is the reducer): sends a
   bucket when enough has come together, and polls those under way. Ranges come from the end of the buffer to its beginning.
   Does nothing when deterministic. */
flr_status flr_reducer_ready(void *context, int64_t offset, int64_t count);

/* Ends the step: sends what is left (all of it, zeros, when this rank had no samples), waits; then `gradients` holds the sum on
   every rank. Collective. */
flr_status flr_reducer_finish(flr_reducer *reducer);

/* Bytes of gradients that this rank has handed to communication since the reducer was made; 0 on one rank. Steps that a device
   repeats from a recording are not counted again. Not collective. */
int64_t flr_reducer_bytes(const flr_reducer *reducer);

#endif
