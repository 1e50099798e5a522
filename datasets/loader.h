/* Prefetching batches: loader threads read ahead while the caller computes. */
#ifndef FLR_DATASETS_LOADER_H
#define FLR_DATASETS_LOADER_H

#include <stdint.h>

#include "core/status.h"
#include "datasets/augment.h"
#include "datasets/dataset.h"
#include "datasets/sampler.h"
#include "tensor/buffer.h"

typedef struct flr_loader flr_loader;

typedef struct flr_loader_options {
  flr_split split;
  flr_sampler sampler;
  flr_augment augment;              /* what is made of the samples; all zero: nothing */
  int64_t shards;                   /* V: logical shards of the global batch */
  int64_t first_shard, shard_count; /* this rank's */
  int64_t first_step, steps;        /* which steps of the run */
  int workers;                      /* loader threads, >= 1 */
  int prefetch;                     /* batches ahead, >= 1 */
  /* How batch memory is got (pinned for a GPU); NULL: plain host memory. */
  flr_status (*alloc)(void *context, flr_buffer *out, size_t bytes);
  void *alloc_context;
} flr_loader_options;

/* This rank's part of one global batch. Borrowed until the next flr_loader_next. */
typedef struct flr_batch {
  int64_t step;
  int64_t global_count;          /* samples of the global batch over all ranks */
  int64_t count;                 /* of this rank, may be 0 */
  const void *samples;           /* [count, h, w, c], as augment delivers them */
  const int32_t *labels;         /* [count] */
  const int64_t *rows;           /* [count] */
  const int64_t *shard_first;    /* [shard_count + 1]: shard s of this rank is samples shard_first[s] .. shard_first[s+1]-1 */
  const int64_t *shard_position; /* [shard_count]: position of the shard's first sample in the global batch */
} flr_batch;

/* The data set is borrowed. Starts the threads. *out is owned by the caller. Errors: FLR_ERROR_USAGE (no worker, nothing
 * ahead), FLR_ERROR_INTERNAL (memory, no room for a thread). Not collective. */
flr_status flr_loader_create(flr_loader **out, flr_dataset *dataset, const flr_loader_options *options);

/* The next step's batch, in order; waits for it if need be. Errors: what reading met, FLR_ERROR_INTERNAL past the end. No
 * allocation. */
flr_status flr_loader_next(flr_loader *loader, flr_batch *out);

/* Seconds that flr_loader_next has waited so far: the loader stall. */
double flr_loader_stall_seconds(const flr_loader *loader);

/* Stops the threads, also in mid-read. NULL allowed. */
void flr_loader_destroy(flr_loader *loader);

#endif
