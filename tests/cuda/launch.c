/* How kernels are cut into blocks. */
#include "harness/harness.h"

#include "backend/cuda/launch.h"

static void test_launch__blocks(void **state) {
  (void)state;
  assert_int_equal(cuda_blocks(0, 256, 132), 0);
  assert_int_equal(cuda_blocks(1, 256, 132), 1);
  assert_int_equal(cuda_blocks(256, 256, 132), 1);
  assert_int_equal(cuda_blocks(257, 256, 132), 2);
  assert_int_equal(cuda_blocks((int64_t)1 << 40, 256, 132), 132 * 8);
  assert_int_equal(cuda_sum_blocks((int64_t)1 << 40, 256, 132, 4096), 132 * 8);
  assert_int_equal(cuda_sum_blocks((int64_t)1 << 40, 256, 132, 100), 100);
  assert_int_equal(cuda_sum_blocks(0, 256, 132, 100), 0);
}

static void test_launch__vectors_only_where_all_counts_allow_them(void **state) {
  (void)state;
  assert_int_equal(cuda_vector(2, 64, 64, 64), 8);
  assert_int_equal(cuda_vector(4, 64, 64, 64), 4);
  assert_int_equal(cuda_vector(2, 64, 4, 64), 1);
  assert_int_equal(cuda_vector(4, 64, 64, 6), 1);
  assert_int_equal(cuda_vector(4, 4, 0, 4), 4);
}

static void check_tile(int64_t rows, int64_t channels, size_t bytes, int reduce) {
  const cuda_tile t = cuda_tile_of(rows, channels, bytes, reduce, 132);
  assert_int_equal(channels % t.vector, 0);
  assert_true(t.lanes <= 32 && (t.lanes & (t.lanes - 1)) == 0);
  assert_int_equal(t.lanes * t.thread_rows, CUDA_THREADS);
  const int64_t covered = (int64_t)t.tiles * t.lanes * t.vector;
  assert_true(covered >= channels && covered - channels < (int64_t)t.lanes * t.vector);
  CHECK_RANGE(t.splits, 1, CUDA_MAX_SPLITS);
  assert_true(t.splits * t.rows_per_split >= rows);      /* all rows */
  assert_true((t.splits - 1) * t.rows_per_split < rows); /* and no empty split */
  assert_int_equal(cuda_tile_partial_bytes(&t, channels, 2), (size_t)t.splits * (size_t)channels * 8);
}

static void test_launch__tiles_cover_everything_once(void **state) {
  (void)state;
  static const int64_t channels[] = {1, 2, 3, 5, 8, 64, 65, 100, 256, 1000, 2048}, rows[] = {1, 2, 7, 31, 97, 4099, 802816};
  for (size_t c = 0; c < sizeof channels / sizeof channels[0]; c++)
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
      for (int way = 0; way < 4; way++) check_tile(rows[r], channels[c], way % 2 ? 2 : 4, way / 2);
}

static void test_launch__large_tensors_fill_the_gpu(void **state) {
  (void)state;
  const cuda_tile first = cuda_tile_of(256 * 112 * 112, 64, 2, 1, 132), last = cuda_tile_of(256 * 7 * 7, 2048, 2, 1, 132);
  assert_int_equal(first.vector, 8);
  assert_int_equal(first.lanes, 8);
  CHECK_RANGE(first.tiles * first.splits, 132 * 2 - 8, 132 * 2);
  assert_int_equal(last.lanes, 32);
  assert_int_equal(last.tiles, 8);
  CHECK_RANGE(last.tiles * last.splits, 132 * 2 - 8, 132 * 2);
}

static void test_launch__rows_of_whole_warps(void **state) {
  (void)state;
  assert_int_equal(cuda_row_threads(0), 32);
  assert_int_equal(cuda_row_threads(1), 32);
  assert_int_equal(cuda_row_threads(33), 64);
  assert_int_equal(cuda_row_threads(5000), CUDA_THREADS);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_launch__blocks),
      cmocka_unit_test(test_launch__vectors_only_where_all_counts_allow_them),
      cmocka_unit_test(test_launch__tiles_cover_everything_once),
      cmocka_unit_test(test_launch__large_tensors_fill_the_gpu),
      cmocka_unit_test(test_launch__rows_of_whole_warps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
