/* The dynamic loss scale of fp16. */
#include "harness/harness.h"

#include "train/loss_scale.h"

static void test_loss_scale__off_is_one_for_ever(void **state) {
  (void)state;
  flr_loss_scale scale = flr_loss_scale_start(0);
  for (int i = 0; i < 5000; i++) flr_loss_scale_passed(&scale);
  assert_true(scale.scale == 1);
  assert_int_equal(flr_loss_scale_overflowed(&scale), 0);
  assert_true(scale.scale == 1);
}

static void test_loss_scale__doubles_after_2000_good_steps(void **state) {
  (void)state;
  flr_loss_scale scale = flr_loss_scale_start(1);
  assert_true(scale.scale == 65536);
  for (int i = 0; i < 1999; i++) flr_loss_scale_passed(&scale);
  assert_true(scale.scale == 65536);
  flr_loss_scale_passed(&scale);
  assert_true(scale.scale == 131072);
}

static void test_loss_scale__an_overflow_halves_it_and_starts_counting_anew(void **state) {
  (void)state;
  flr_loss_scale scale = flr_loss_scale_start(1);
  for (int i = 0; i < 1999; i++) flr_loss_scale_passed(&scale);
  assert_int_equal(flr_loss_scale_overflowed(&scale), 1);
  assert_true(scale.scale == 32768);
  flr_loss_scale_passed(&scale);
  assert_true(scale.scale == 32768);
}

static void test_loss_scale__gives_up_at_one(void **state) {
  (void)state;
  flr_loss_scale scale = flr_loss_scale_start(1);
  int tries = 0;
  while (flr_loss_scale_overflowed(&scale)) tries++;
  assert_int_equal(tries, 16);
  assert_true(scale.scale == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_loss_scale__off_is_one_for_ever),
      cmocka_unit_test(test_loss_scale__doubles_after_2000_good_steps),
      cmocka_unit_test(test_loss_scale__an_overflow_halves_it_and_starts_counting_anew),
      cmocka_unit_test(test_loss_scale__gives_up_at_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
