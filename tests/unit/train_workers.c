/* How many loader threads a rank has by itself. */
#include "harness/harness.h"

#include "train/plan.h"

enum { SMALL = 32 * 32 * 3, LARGE = 224 * 224 * 3 };

static void test_workers__one_for_small_samples(void **state) {
  (void)state;
  assert_int_equal(flr_plan_workers_for(SMALL, 64, 1), 1);
  assert_int_equal(flr_plan_workers_for(LARGE, 64, 1), 4);
}

/* Cores that compute stay the computation's. */
static void test_workers__as_many_as_computing_leaves(void **state) {
  (void)state;
  assert_int_equal(flr_plan_workers_for(LARGE, 2, 2), 1);
  assert_int_equal(flr_plan_workers_for(LARGE, 1, 4), 1);
  assert_int_equal(flr_plan_workers_for(LARGE, 2, 1), 1);
  assert_int_equal(flr_plan_workers_for(LARGE, 4, 1), 3);
  assert_int_equal(flr_plan_workers_for(LARGE, 16, 14), 2);
  assert_int_equal(flr_plan_workers_for(LARGE, 16, 8), 4);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_workers__one_for_small_samples),
      cmocka_unit_test(test_workers__as_many_as_computing_leaves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
