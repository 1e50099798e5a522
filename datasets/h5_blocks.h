/* The rows of all of a data set's parts as blocks behind one cache. */
#ifndef FLR_DATASETS_H5_BLOCKS_H
#define FLR_DATASETS_H5_BLOCKS_H

#include "datasets/h5_rows.h"

enum { FLR_H5_MOST_PARTS = 192 };

typedef struct flr_h5_blocks {
  int count;
  flr_h5_rows *parts[FLR_H5_MOST_PARTS]; /* borrowed */
  size_t block_bytes;                    /* of the largest block */
  flr_h5_loading_sizes sizes;
  flr_h5_loading *loadings; /* [loader_count] */
  int loader_count;
  int needed;             /* 1: some part is only read through blocks */
  flr_block_cache *cache; /* NULL: no part is read through blocks */
} flr_h5_blocks;

/* Adds a part, before flr_h5_blocks_start. Errors: FLR_ERROR_USAGE: too many. */
flr_status flr_h5_blocks_add(flr_h5_blocks *blocks, flr_h5_rows *part);

/* Where a part needs decoding, or `always`: cuts all parts into blocks and makes the cache, of a few blocks. The parts must
   stay where they are. Errors: FLR_ERROR_DATA (blocks that are too large), FLR_ERROR_INTERNAL (memory). */
flr_status flr_h5_blocks_start(flr_h5_blocks *blocks, int always);

/* Room for `slots` blocks, `loaders` threads decode at a time; 0 slots, where no part needs blocks: all are read without from
   now on. Nobody may read meanwhile. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_h5_blocks_resize(flr_h5_blocks *blocks, int64_t slots, int loaders);

/* Bytes that these take in all. */
int64_t flr_h5_blocks_bytes(const flr_h5_blocks *blocks, int64_t slots, int loaders);

void flr_h5_blocks_clear(flr_h5_blocks *blocks);

#endif
