/* Which samples the coming steps of a loader need, and which blocks these lie in. */
#ifndef FLR_DATASETS_LOADER_PLAN_H
#define FLR_DATASETS_LOADER_PLAN_H

#include "datasets/loader.h"
#include "datasets/order.h"

typedef struct flr_planned {
  int64_t step, global_count;
  int64_t count;           /* samples of this rank */
  int64_t *rows;           /* [count] */
  int64_t *shard_first;    /* [shard_count + 1] */
  int64_t *shard_position; /* [shard_count] */
  int64_t *blocks;         /* [block_count], each once, in order; none where the data set has no blocks */
  int64_t block_count;
  int wanted; /* 1: the blocks stay until flr_loader_plan_done */
} flr_planned;

typedef struct flr_loader_plan {
  flr_dataset *dataset;
  const flr_loader_options *options; /* borrowed */
  flr_order *order;
  int64_t capacity; /* samples of this rank in a step, at most */
  int64_t ahead;    /* steps that may be planned beyond those that have a place for their batch; 0 without blocks */
  int64_t spare;    /* blocks of the cache that are left to others */
  int64_t count;
  flr_planned *ring; /* [count]: step i of the loader is ring[i % count] */
} flr_loader_plan;

/* slots: batches that may be under way. The caller clears *out, also after a failure. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_loader_plan_init(flr_loader_plan *out, flr_dataset *dataset, const flr_loader_options *options, int64_t slots);
/* Also gives up what is still wanted. */
void flr_loader_plan_clear(flr_loader_plan *plan);

/* Works out step `index` (counted from the loader's first) in its place of the ring. Steps are worked out in order where the
   order has a window, each by one thread. No allocation. */
flr_planned *flr_loader_plan_make(flr_loader_plan *plan, int64_t index);

/* What was worked out last for that step's place. */
flr_planned *flr_loader_plan_at(flr_loader_plan *plan, int64_t index);

/* Asks for its blocks to be loaded and kept; 0: there is no room for them yet. */
int flr_loader_plan_want(flr_loader_plan *plan, int64_t index);
/* Whether they are all there. */
int flr_loader_plan_ready(const flr_loader_plan *plan, int64_t index);
/* It was read. */
void flr_loader_plan_done(flr_loader_plan *plan, int64_t index);

#endif
