/* Spans of time and when they are over. */
#include "harness/harness.h"

#include "train/cadence.h"

static double seconds(const char *text) {
  double out = -1;
  CHECK_OK(flr_duration_parse(&out, text, "--time-limit"));
  return out;
}

static void test_duration__forms(void **state) {
  (void)state;
  assert_true(seconds("5400") == 5400);
  assert_true(seconds("5400s") == 5400);
  assert_true(seconds("90m") == 5400);
  assert_true(seconds("1.5h") == 5400);
  assert_true(seconds("2d") == 172800);
  assert_true(seconds("1:30:00") == 5400);
  assert_true(seconds("1-12:00:01") == 129601);
}

static void test_duration__refusals(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "h", "2x", "2hh", "0", "-1", "nan", "inf", "1:99:00", "1:30", "1:30:00x", "-1:00:00"};
  double out;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(flr_duration_parse(&out, wrong[i], "--time-limit"), FLR_ERROR_USAGE, "--time-limit");
}

static void test_cadence__forms(void **state) {
  (void)state;
  flr_cadence c;
  CHECK_OK(flr_cadence_parse(&c, "300s", "--checkpoint-every"));
  assert_true(c.seconds == 300 && c.steps == 0 && c.epochs == 0);
  CHECK_OK(flr_cadence_parse(&c, "5m", "--checkpoint-every"));
  assert_true(c.seconds == 300);
  CHECK_OK(flr_cadence_parse(&c, "500", "--checkpoint-every"));
  assert_true(c.seconds == 0 && c.steps == 500 && c.epochs == 0);
  CHECK_OK(flr_cadence_parse(&c, "2e", "--checkpoint-every"));
  assert_true(c.seconds == 0 && c.steps == 0 && c.epochs == 2);
  static const char *const wrong[] = {"", "0", "-5", "0s", "0e", "1.5", "1.5e", "e", "5q", "1e3", "nan"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(flr_cadence_parse(&c, wrong[i], "--checkpoint-every"), FLR_ERROR_USAGE, "500 for steps");
}

static void test_cadence__due(void **state) {
  (void)state;
  const flr_cadence steps = {.steps = 5}, epochs = {.epochs = 2}, time = {.seconds = 1};
  assert_int_equal(flr_cadence_is_due(&steps, 3, 10), 0);
  assert_int_equal(flr_cadence_is_due(&steps, 4, 0), 1);
  assert_int_equal(flr_cadence_is_due(&epochs, 9, 10), 0);
  assert_int_equal(flr_cadence_is_due(&epochs, 19, 10), 1);
  assert_int_equal(flr_cadence_is_due(&epochs, 19, 0), 0); /* a sweep has no epochs */
  assert_int_equal(flr_cadence_is_due(&time, 19, 10), 0);  /* the clock is not its matter */
}

static void test_lead__covers_a_step_and_a_checkpoint(void **state) {
  (void)state;
  assert_true(flr_stop_lead(10, 20) > 2 * 10 + 2 * 20);
  assert_true(flr_stop_lead(0, 0) > 0);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_duration__forms),
      cmocka_unit_test(test_duration__refusals),
      cmocka_unit_test(test_cadence__forms),
      cmocka_unit_test(test_cadence__due),
      cmocka_unit_test(test_lead__covers_a_step_and_a_checkpoint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
