/* Sizes of launches. */
#include "backend/cuda/launch.h"

enum { WARP = 32, VECTOR_BYTES = 16 };

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

int cuda_blocks(int64_t items, int64_t per_block, int multiprocessors) {
  const int64_t at_once = (int64_t)multiprocessors * (CUDA_THREADS_PER_UNIT / CUDA_THREADS);
  return items <= 0 ? 0 : (int)smaller(divide_up(items, per_block), at_once);
}

int cuda_sum_blocks(int64_t items, int64_t per_block, int multiprocessors, int limit) {
  return (int)smaller(cuda_blocks(items, per_block, multiprocessors), limit);
}

int cuda_vector(size_t element_bytes, int64_t a, int64_t b, int64_t c) {
  const int vector = VECTOR_BYTES / (int)element_bytes;
  return a % vector == 0 && b % vector == 0 && c % vector == 0 ? vector : 1;
}

/* The smallest power of two that holds the channels, a warp at most. */
static int lanes_of(int64_t vectors) {
  int lanes = 1;
  while (lanes < WARP && lanes < vectors) lanes *= 2;
  return lanes;
}

/* Of a reduction: few, as each makes work for the second step. */
static int64_t sum_splits(const cuda_tile *t, int64_t rows, int multiprocessors) {
  if (rows <= (int64_t)t->thread_rows * CUDA_ONE_SPLIT_ROWS) return 1;
  const int64_t wanted = larger(1, (int64_t)CUDA_REDUCE_BLOCKS * multiprocessors / t->tiles);
  return smaller(smaller(wanted, divide_up(rows, (int64_t)t->thread_rows * CUDA_MIN_THREAD_ROWS)), CUDA_MAX_SPLITS);
}

/* Of a pass that only goes over the rows: as many as fill the device. */
static int64_t pass_splits(const cuda_tile *t, int64_t rows, int multiprocessors) {
  const int64_t wanted = larger(1, (int64_t)CUDA_PASS_BLOCKS * multiprocessors / t->tiles);
  return smaller(smaller(wanted, divide_up(rows, t->thread_rows)), CUDA_MAX_SPLITS);
}

cuda_tile cuda_tile_of(int64_t rows, int64_t channels, size_t element_bytes, int reduce, int multiprocessors) {
  cuda_tile t = {.vector = cuda_vector(element_bytes, channels, channels, channels)};
  const int64_t vectors = channels / t.vector;
  t.lanes = lanes_of(vectors);
  t.thread_rows = CUDA_THREADS / t.lanes;
  t.tiles = (int)divide_up(vectors, t.lanes);
  const int64_t splits = reduce ? sum_splits(&t, rows, multiprocessors) : pass_splits(&t, rows, multiprocessors);
  t.rows_per_split = divide_up(rows, splits);
  t.splits = (int)divide_up(rows, t.rows_per_split);
  return t;
}

size_t cuda_tile_partial_bytes(const cuda_tile *tile, int64_t channels, int numbers) {
  return (size_t)tile->splits * (size_t)channels * (size_t)numbers * sizeof(float);
}

int cuda_row_threads(int64_t items) { return (int)smaller(divide_up(larger(items, 1), WARP) * WARP, CUDA_THREADS); }
