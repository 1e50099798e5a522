/* Host memory: aligned, zeroed, and sizes that are checked. */
#include <limits.h>

#include "core/memory.h"
#include "harness/harness.h"

static void test_memory__blocks_are_aligned_and_zeroed(void **state) {
  (void)state;
  for (int64_t count = 0; count < 300; count++) {
    unsigned char *block;
    CHECK_OK(flr_alloc(&block, count, 3));
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % FLR_ALIGNMENT, 0);
    for (int64_t i = 0; i < 3 * count; i++) assert_int_equal(block[i], 0);
    memset(block, 0xA5, (size_t)(3 * count)); /* what is freed must not come back as it is */
    flr_free(block);
  }
}

static void test_memory__elements_of_no_size_are_fine(void **state) {
  (void)state;
  char *block;
  CHECK_OK(flr_alloc(&block, 5, 0));
  assert_non_null(block);
  flr_free(block);
  flr_free(NULL);
}

static void test_memory__sizes_out_of_range_are_refused(void **state) {
  (void)state;
  char *block = (char *)1;
  CHECK_FAILS(flr_alloc(&block, -1, 4), FLR_ERROR_USAGE, "-1 elements of 4 bytes");
  assert_null(block);
  block = (char *)1;
  CHECK_FAILS(flr_alloc(&block, INT64_MAX, 16), FLR_ERROR_USAGE, "9223372036854775807 elements of 16 bytes");
  assert_null(block);
  block = (char *)1;
  CHECK_FAILS(flr_alloc(&block, (int64_t)1 << 60, 1), FLR_ERROR_INTERNAL, "1152921504606846976 bytes");
  assert_null(block);
}

static void test_memory__strings_are_copied(void **state) {
  (void)state;
  char text[] = "one-cycle", *copy;
  CHECK_OK(flr_strdup(&copy, text));
  text[0] = 'X';
  assert_string_equal(copy, "one-cycle");
  flr_free(copy);
  CHECK_OK(flr_strdup(&copy, NULL));
  assert_null(copy);
}

static void test_memory__products_are_checked(void **state) {
  (void)state;
  int64_t product = -1;
  CHECK_OK(flr_multiply(&product, 3037000499, 3037000499));
  assert_true(product == 9223372030926249001);
  CHECK_OK(flr_multiply(&product, 0, INT64_MAX));
  assert_true(product == 0);
  CHECK_FAILS(flr_multiply(&product, 3037000500, 3037000500), FLR_ERROR_DATA, "3037000500 x 3037000500");
  CHECK_FAILS(flr_multiply(&product, -1, 2), FLR_ERROR_DATA, "-1 x 2");
  CHECK_FAILS(flr_multiply(&product, 2, -1), FLR_ERROR_DATA, "2 x -1");
}

static void test_memory__narrowing_is_checked(void **state) {
  (void)state;
  int value = 0;
  CHECK_OK(flr_to_int(&value, INT_MAX, "the count"));
  assert_int_equal(value, INT_MAX);
  CHECK_OK(flr_to_int(&value, INT_MIN, "the count"));
  assert_int_equal(value, INT_MIN);
  CHECK_FAILS(flr_to_int(&value, (int64_t)INT_MAX + 1, "the count"), FLR_ERROR_USAGE, "the count is 2147483648");
  CHECK_FAILS(flr_to_int(&value, (int64_t)INT_MIN - 1, "the count"), FLR_ERROR_USAGE, "the count is -2147483649");
}

static void test_memory__bytes_are_rounded_up(void **state) {
  (void)state;
  for (size_t bytes = 0; bytes < 1000; bytes++) {
    const size_t rounded = flr_align_up(bytes);
    assert_true(rounded >= bytes && rounded < bytes + FLR_ALIGNMENT && rounded % FLR_ALIGNMENT == 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory__blocks_are_aligned_and_zeroed),
                                     cmocka_unit_test(test_memory__elements_of_no_size_are_fine),
                                     cmocka_unit_test(test_memory__sizes_out_of_range_are_refused),
                                     cmocka_unit_test(test_memory__strings_are_copied),
                                     cmocka_unit_test(test_memory__products_are_checked),
                                     cmocka_unit_test(test_memory__narrowing_is_checked),
                                     cmocka_unit_test(test_memory__bytes_are_rounded_up)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
