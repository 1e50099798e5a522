/* The shuffle of data in blocks: every batch draws from a few blocks, every block is used up before the next one comes. */
#ifndef FLR_DATASETS_ORDER_H
#define FLR_DATASETS_ORDER_H

#include "datasets/dataset.h"
#include "datasets/sampler.h"

/* The blocks of a split in its own numbering of rows: block b has rows first[b] .. first[b + 1] - 1. */
struct flr_block_map {
  int64_t count;
  int64_t *first; /* [count + 1] */
};

/* Errors: FLR_ERROR_INTERNAL (memory). The data set must be read through blocks. */
flr_status flr_block_map_init(flr_block_map *out, const flr_dataset *dataset, flr_split split);
void flr_block_map_clear(flr_block_map *map);

/* Blocks within which to shuffle unless told: all where they take little memory, else 64 of them, at most one for each sample
   of the batch and about 1 GiB. Pure. */
int64_t flr_window_default(int64_t blocks, size_t block_bytes, int64_t batch);

/* The order of sampler->window blocks of sampler->map; where window is 0 it is that of flr_sampler_row.
 *
 * An epoch: its blocks in the order of a keyed permutation, and their rows one after the other in that order. Lane l of
 * min(window, batch) owns the positions of flr_partition(batch, lanes, l) in every batch, and for these the stretch of that row
 * of rows with the same bounds, times the number of full batches. It walks its stretch from its beginning to its end, every
 * second lane the other way, so that two neighbours use the block that they share at the same time. Where there are more blocks
 * to the window than lanes, it takes several at a time. The rows of what it takes at a time are permuted. What is left over for
 * a smaller last batch is permuted by itself. So each row comes once, a batch has rows of as many blocks as the window says,
 * and contiguous positions of all batches, as a rank has them, need their own part of the blocks alone. */
typedef struct flr_order flr_order;

/* `span`: steps between the first and the last that is asked for at any time; so many epochs are kept. The sampler is copied,
   its map borrowed. *out is owned by the caller. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_order_create(flr_order **out, const flr_sampler *sampler, int64_t span);
void flr_order_destroy(flr_order *order);

/* Makes ready the epoch of a step; no allocation. From any number of threads, for steps within the span. */
void flr_order_prepare(flr_order *order, int64_t step);

/* As flr_sampler_row, for a step whose epoch is ready; quick where steps are asked for in order. With a window: one thread at a
 * time. */
int64_t flr_order_row(flr_order *order, int64_t step, int64_t position);

/* Lanes of a batch, and blocks that each takes at a time. Pure. */
void flr_order_lanes(int64_t window, int64_t batch, int64_t *lanes, int64_t *blocks_each);

#endif
