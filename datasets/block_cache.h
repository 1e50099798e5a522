/* Blocks of decoded rows in a fixed amount of memory, shared by threads. */
#ifndef FLR_DATASETS_BLOCK_CACHE_H
#define FLR_DATASETS_BLOCK_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct flr_block_cache flr_block_cache;

typedef struct flr_block_cache_options {
  int64_t blocks;     /* there are, numbered from 0 */
  size_t block_bytes; /* of the largest */
  /* Fills out [block_bytes] with a block; `loader` is in 0..loaders-1 and no other call has the same one meanwhile. */
  flr_status (*load)(void *context, int loader, int64_t block, void *out);
  void *context;
} flr_block_cache_options;

/* Makes a cache without memory: flr_block_cache_resize gives it some. *out is owned by the caller. Errors: FLR_ERROR_INTERNAL
 * (memory). */
flr_status flr_block_cache_create(flr_block_cache **out, const flr_block_cache_options *options);
void flr_block_cache_destroy(flr_block_cache *cache);

/* Room for `slots` blocks, of which `loaders` can be loaded at the same time; what it held is forgotten. Nobody may use the
   cache meanwhile. slots and loaders: at least 1. Errors: FLR_ERROR_INTERNAL (memory); it then holds nothing. */
flr_status flr_block_cache_resize(flr_block_cache *cache, int64_t slots, int loaders);

/* Waits for a block, or loads it, and keeps it until flr_block_cache_release. A thread holds one at most. Allocates nothing.
   Errors: what loading met. */
flr_status flr_block_cache_get(flr_block_cache *cache, int64_t block, const void **data);
void flr_block_cache_release(flr_block_cache *cache, int64_t block);

/* Asks for n blocks (one may be named more than once) to be there soon and to stay until flr_block_cache_forgo: those that are
   not there get a slot and wait to be loaded. All or none: 0 when fewer than `spare` slots would be left that nobody asked for.
 */
int flr_block_cache_want(flr_block_cache *cache, const int64_t *blocks, int64_t n, int64_t spare);
void flr_block_cache_forgo(flr_block_cache *cache, const int64_t *blocks, int64_t n);

/* Whether all n wanted blocks are there. */
int flr_block_cache_ready(flr_block_cache *cache, const int64_t *blocks, int64_t n);

/* Loads the block that has waited longest; 0 when none waits. What fails is forgotten: flr_block_cache_get will meet it. */
int flr_block_cache_load_next(flr_block_cache *cache);

/* How many blocks were loaded so far. */
int64_t flr_block_cache_loads(flr_block_cache *cache);
int64_t flr_block_cache_slots(const flr_block_cache *cache);
int64_t flr_block_cache_blocks(const flr_block_cache *cache);
size_t flr_block_cache_block_bytes(const flr_block_cache *cache);

#endif
