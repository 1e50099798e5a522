/* How kernels are cut into blocks, and how much memory their partial sums take. Pure functions of sizes: nothing here talks to
   a GPU. */
#ifndef FLR_BACKEND_CUDA_LAUNCH_H
#define FLR_BACKEND_CUDA_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CUDA_THREADS = 256,           /* of a block, where nothing else is said */
  CUDA_THREADS_PER_UNIT = 2048, /* that a multiprocessor holds at once */
  CUDA_REDUCE_BLOCKS = 2,       /* that a multiprocessor runs at once of a reduction over rows */
  CUDA_PASS_BLOCKS = 6,         /* of a pass over rows, in turns of 3 */
  CUDA_UPDATE_CHUNK = 4096,     /* elements that a block of the optimizer pass takes at a time */
  CUDA_MAX_SPLITS = 1024,       /* parts of one reduction over rows */
  CUDA_MIN_THREAD_ROWS = 8,     /* rows of a thread: fewer are not worth more splits */
  CUDA_ONE_SPLIT_ROWS = 16      /* rows of a thread up to which there is one split, which needs no second step */
};

/* Blocks of a grid-stride loop over `items` of which a block takes `per_block` at a time: as many as are needed, at most as
   many as run at once; 0 for no items. */
int cuda_blocks(int64_t items, int64_t per_block, int multiprocessors);

/* Blocks whose partial sums fit into `limit` numbers: as cuda_blocks, never more than limit. */
int cuda_sum_blocks(int64_t items, int64_t per_block, int multiprocessors, int limit);

/* How [rows, channels] is spread over blocks of CUDA_THREADS threads: `lanes` threads side by side, each with `vector` channels
   that lie together, times `thread_rows` threads over the rows; `tiles` such blocks cover the channels; the rows are cut into
   `splits` runs of `rows_per_split` (the last may be shorter, none is empty). */
typedef struct cuda_tile {
  int vector, lanes, thread_rows;
  int tiles, splits;
  int64_t rows_per_split;
} cuda_tile;

/* element_bytes: of the channels' type. reduce: 1 where a split makes partial sums, so that few are wanted. rows, channels
 * >= 1. */
cuda_tile cuda_tile_of(int64_t rows, int64_t channels, size_t element_bytes, int reduce, int multiprocessors);

/* Bytes of `numbers` f32 per channel and split. */
size_t cuda_tile_partial_bytes(const cuda_tile *tile, int64_t channels, int numbers);

/* Threads of a block that works on one image row of `items` items: whole warps, at most CUDA_THREADS. */
int cuda_row_threads(int64_t items);

/* Channels that a thread takes together: 16 bytes of them when all of the counts are multiples of that, else 1. */
int cuda_vector(size_t element_bytes, int64_t a, int64_t b, int64_t c);

#ifdef __cplusplus
}
#endif
#endif
