/* Which sample is trained when: pure functions of (seed, epoch, position). */
#ifndef FLR_DATASETS_SAMPLER_H
#define FLR_DATASETS_SAMPLER_H

#include <stdint.h>

#include "core/rng.h"
#include "core/status.h"

typedef struct flr_block_map flr_block_map; /* datasets/order.h */

typedef struct flr_sampler {
  uint64_t seed;
  flr_rng_stream stream;    /* FLR_STREAM_SHUFFLE for training, FLR_STREAM_SWEEP for the sweep */
  int64_t samples;          /* of the split */
  int64_t batch;            /* global batch */
  int shuffled;             /* 0: sample i of the epoch is sample i of the file */
  int drop_last;            /* 1: an epoch has samples / batch steps; 0: the ragged last batch counts */
  int64_t window;           /* blocks within which to shuffle: see datasets/order.h; 0: over all samples */
  const flr_block_map *map; /* of the split, where window is above 0; borrowed */
} flr_sampler;

/* Steps of one epoch: floor or ceil of samples / batch. */
int64_t flr_sampler_steps(const flr_sampler *sampler);
/* Samples of the global batch of the step-th step of the run (step / steps_per_epoch is the epoch). */
int64_t flr_sampler_batch_size(const flr_sampler *sampler, int64_t step);
/* Row of the sample at `position` of the global batch of that step, without a window. */
int64_t flr_sampler_row(const flr_sampler *sampler, int64_t step, int64_t position);

/* The slice [*first, *first + *count) of `total` that part `part` of `parts` gets: contiguous, sizes differ by one at most,
   larger parts first. Used for the shards of a batch and the shards of a rank. */
void flr_partition(int64_t total, int64_t parts, int64_t part, int64_t *first, int64_t *count);

#endif
