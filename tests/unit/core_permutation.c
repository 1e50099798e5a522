/* The keyed permutation: every index once, every place as likely, the same today as tomorrow. */
#include "core/memory.h"
#include "core/permutation.h"
#include "core/rng.h"
#include "harness/harness.h"

static void check_bijection(uint64_t key, int64_t size) {
  unsigned char *seen;
  CHECK_OK(flr_alloc(&seen, size, 1));
  for (int64_t i = 0; i < size; i++) {
    const int64_t to = flr_permute(key, size, i);
    if (to < 0 || to >= size || seen[to])
      fail_msg("key %llu, size %lld: %lld goes to %lld", (unsigned long long)key, (long long)size, (long long)i, (long long)to);
    seen[to] = 1;
  }
  flr_free(seen);
}

static void test_permutation__every_index_once(void **state) {
  (void)state;
  for (int64_t size = 1; size <= 300; size++)
    for (uint64_t key = 0; key < 3; key++) check_bijection(flr_rng_key(key, FLR_STREAM_SHUFFLE, 0), size);
  static const int64_t sizes[] = {1023, 1024, 1025, 4095, 4096, 4097, 50000, 65537};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_bijection(7, sizes[i]);
}

/* By an independent Python program; the order of a stored run must not change. */
static void test_permutation__keeps_its_values(void **state) {
  (void)state;
  static const int64_t ten[] = {3, 8, 4, 1, 9, 7, 2, 0, 5, 6};
  for (int64_t i = 0; i < 10; i++) assert_int_equal(flr_permute(5, 10, i), ten[i]);
  const uint64_t key = flr_rng_key(1, FLR_STREAM_SHUFFLE, 0);
  assert_int_equal(flr_permute(key, 1437, 0), 795);
  assert_int_equal(flr_permute(key, 1437, 1), 792);
  assert_int_equal(flr_permute(key, 1437, 1436), 804);
  assert_true(flr_permute(key, 10000000000, 0) == 6480477973);
  assert_true(flr_permute(key, 10000000000, 9999999999) == 3661229229);
}

static void test_permutation__table_gives_the_same(void **state) {
  (void)state;
  static const int64_t sizes[] = {1, 2, 3, 100, 1437, 65536, 65537, 1281167, INT64_C(1) << 42};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    flr_permutation p;
    CHECK_OK(flr_permutation_init(&p, sizes[i]));
    assert_int_equal(p.words == NULL, sizes[i] > INT64_C(1) << 40);
    for (uint64_t key = 5; key < 8; key++) {
      flr_permutation_set_key(&p, key);
      for (int64_t k = 0; k < sizes[i] && k < 100; k++) {
        assert_true(flr_permutation_at(&p, k) == flr_permute(key, sizes[i], k));
        assert_true(flr_permutation_at(&p, sizes[i] - 1 - k) == flr_permute(key, sizes[i], sizes[i] - 1 - k));
      }
    }
    flr_permutation_clear(&p);
    assert_null(p.words);
  }
}

/* Over many keys every index lands in every place equally often: chi-square with (size - 1)^2 degrees of freedom, within 5
   standard deviations. */
static void test_permutation__every_place_is_as_likely(void **state) {
  (void)state;
  enum { KEYS = 20000, LARGEST = 12 };
  for (int size = 2; size <= LARGEST; size++) {
    int counts[LARGEST][LARGEST] = {{0}};
    for (uint64_t k = 0; k < KEYS; k++) {
      const uint64_t key = flr_rng_key(11, FLR_STREAM_SHUFFLE, k);
      for (int i = 0; i < size; i++) counts[i][flr_permute(key, size, i)]++;
    }
    const double expected = (double)KEYS / size, freedom = (size - 1) * (size - 1);
    double chi = 0;
    for (int i = 0; i < size; i++)
      for (int j = 0; j < size; j++) chi += (counts[i][j] - expected) * (counts[i][j] - expected) / expected;
    if (!(fabs(chi - freedom) < 5 * sqrt(2 * freedom) + 5)) fail_msg("size %d: chi-square %g of %g", size, chi, freedom);
  }
}

/* How many indices keep their place is 1 on average over keys, and so is how many keep their right neighbour. */
static void test_permutation__little_stays_as_it_was(void **state) {
  (void)state;
  enum { KEYS = 2000, SIZE = 1437 };
  int64_t fixed = 0, neighbours = 0;
  for (uint64_t k = 0; k < KEYS; k++) {
    const uint64_t key = flr_rng_key(12, FLR_STREAM_SHUFFLE, k);
    int64_t last = -2;
    for (int64_t i = 0; i < SIZE; i++) {
      const int64_t to = flr_permute(key, SIZE, i);
      fixed += to == i;
      neighbours += to == last + 1;
      last = to;
    }
  }
  CHECK_NEAR((double)fixed / KEYS, 1, 6 / sqrt(KEYS), 1);
  CHECK_NEAR((double)neighbours / KEYS, 1, 6 / sqrt(KEYS), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_permutation__every_index_once), cmocka_unit_test(test_permutation__keeps_its_values),
      cmocka_unit_test(test_permutation__table_gives_the_same), cmocka_unit_test(test_permutation__every_place_is_as_likely),
      cmocka_unit_test(test_permutation__little_stays_as_it_was)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
