/* The conductor: directives one step ahead, verdicts from reports. */
#include "train/conductor.h"

#include "harness/harness.h"

static flr_report report_of(double loss) {
  return (flr_report){.loss_sum = 64 * loss, .loss_sq_sum = 64 * loss * loss, .samples = 64};
}

static flr_sweep make_sweep(int64_t iterations) {
  flr_sweep_options options = flr_sweep_options_defaults();
  flr_sweep sweep;
  options.groups = 1;
  options.iterations = iterations;
  CHECK_OK(flr_sweep_init(&sweep, &options));
  return sweep;
}

static flr_schedule ten_steps(void) {
  flr_schedule_options options = flr_schedule_options_defaults();
  flr_schedule schedule;
  options.total_steps = 10;
  options.max_lr[0] = 1e-2;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  return schedule;
}

static void test_conductor__training_ends_after_its_steps(void **state) {
  (void)state;
  const flr_schedule schedule = ten_steps();
  flr_conductor c = flr_conductor_train(&schedule, 10, 4);
  for (int64_t step = 0; step < 10; step++) {
    const flr_directive d = flr_conductor_direct(&c, step);
    assert_int_equal(d.action, FLR_ACTION_STEP);
    assert_int_equal(d.evaluate, step == 3 || step == 7 || step == 9);
    const flr_report report = report_of(1);
    assert_int_equal(flr_conductor_report(&c, step, &report), 1);
  }
  assert_int_equal(flr_conductor_direct(&c, 10).action, FLR_ACTION_STOP);
  assert_int_equal(flr_conductor_direct(&c, 10).reason, FLR_REASON_DONE);
}

static void test_conductor__a_nonfinite_sample_stops_training(void **state) {
  (void)state;
  const flr_schedule schedule = ten_steps();
  flr_conductor c = flr_conductor_train(&schedule, 10, 10);
  flr_report report = report_of(1);
  report.nonfinite = 1;
  (void)flr_conductor_report(&c, 0, &report);
  const flr_directive d = flr_conductor_direct(&c, 2);
  assert_int_equal(d.action, FLR_ACTION_STOP);
  assert_int_equal(d.reason, FLR_REASON_NONFINITE);
}

static void test_conductor__the_step_after_a_verdict_is_not_recorded(void **state) {
  (void)state;
  flr_sweep sweep = make_sweep(100);
  flr_conductor c = flr_conductor_sweep(&sweep);
  const flr_report fine = report_of(2), huge = report_of(1e6);
  assert_int_equal(flr_conductor_report(&c, 0, &fine), 1);
  assert_int_equal(flr_conductor_report(&c, 1, &huge), 1);
  assert_int_equal(sweep.verdict, FLR_SWEEP_DIVERGED);
  assert_int_equal(sweep.count, 2); /* the diverging point is kept */
  assert_int_equal(flr_conductor_report(&c, 2, &huge), 0);
  assert_int_equal(sweep.count, 2);
  assert_int_equal(flr_conductor_direct(&c, 3).action, FLR_ACTION_STOP);
  assert_int_equal(flr_conductor_direct(&c, 3).reason, FLR_REASON_DIVERGED);
  flr_sweep_clear(&sweep);
}

static void test_conductor__a_nonfinite_sample_ends_a_sweep(void **state) {
  (void)state;
  flr_sweep sweep = make_sweep(100);
  flr_conductor c = flr_conductor_sweep(&sweep);
  flr_report report = report_of(2);
  (void)flr_conductor_report(&c, 0, &report);
  report.nonfinite = 1;
  (void)flr_conductor_report(&c, 1, &report);
  assert_int_equal(sweep.verdict, FLR_SWEEP_NONFINITE);
  assert_int_equal(flr_conductor_direct(&c, 3).reason, FLR_REASON_NONFINITE);
  flr_sweep_clear(&sweep);
}

static void test_conductor__the_loss_is_weighted_by_samples(void **state) {
  (void)state;
  const flr_report report = {.loss_sum = 3 * 1.0 + 1 * 5.0, .loss_sq_sum = 3 * 1.0 + 25.0, .samples = 4};
  CHECK_NEAR(flr_report_loss(&report), 2.0, 1e-15, 0);
  CHECK_NEAR(flr_report_standard_error(&report), 1.0, 1e-15, 0); /* sqrt((7 - 4) / 3) */
  const flr_report empty = {0};
  assert_true(isnan(flr_report_loss(&empty)));
}

static void test_conductor__a_wish_to_stop_lets_the_steps_under_way_count(void **state) {
  (void)state;
  flr_sweep sweep = make_sweep(100);
  flr_conductor c = flr_conductor_sweep(&sweep);
  flr_report report = report_of(2);
  report.stop_requests = 1;
  assert_int_equal(flr_conductor_report(&c, 0, &report), 1);
  const flr_directive d = flr_conductor_direct(&c, 2);
  assert_int_equal(d.action, FLR_ACTION_STOP);
  assert_int_equal(d.reason, FLR_REASON_SIGNAL);
  assert_int_equal(flr_conductor_report(&c, 1, &report), 1); /* step 1 was under way: it is a point */
  assert_int_equal(sweep.count, 2);
  flr_conductor_leave(&c, FLR_REASON_TIME); /* the first reason counts */
  assert_int_equal(flr_conductor_direct(&c, 2).reason, FLR_REASON_SIGNAL);
  flr_sweep_clear(&sweep);
}

static void test_conductor__a_verdict_is_stronger_than_a_wish_to_stop(void **state) {
  (void)state;
  flr_sweep sweep = make_sweep(100);
  flr_conductor c = flr_conductor_sweep(&sweep);
  const flr_report fine = report_of(2), huge = report_of(1e6);
  (void)flr_conductor_report(&c, 0, &fine);
  flr_conductor_leave(&c, FLR_REASON_TIME);
  (void)flr_conductor_report(&c, 1, &huge);
  assert_int_equal(flr_conductor_direct(&c, 2).reason, FLR_REASON_DIVERGED);
  flr_sweep_clear(&sweep);
}

/* At its very end a phase that another follows is left for the reason to leave; the last one is done. */
static void test_conductor__a_wish_to_stop_counts_at_the_end_of_a_phase(void **state) {
  (void)state;
  const flr_schedule schedule = ten_steps();
  flr_conductor c = flr_conductor_train(&schedule, 4, 4);
  c.more = 1;
  flr_report report = report_of(1);
  assert_int_equal(flr_conductor_direct(&c, 4).reason, FLR_REASON_DONE);
  report.stop_requests = 1;
  (void)flr_conductor_report(&c, 3, &report);
  assert_int_equal(flr_conductor_direct(&c, 4).reason, FLR_REASON_SIGNAL);
  c.more = 0;
  assert_int_equal(flr_conductor_direct(&c, 4).reason, FLR_REASON_DONE);
}

static void test_conductor__saves_when_it_is_due(void **state) {
  (void)state;
  const flr_schedule schedule = ten_steps();
  flr_conductor c = flr_conductor_train(&schedule, 10, 4);
  assert_int_equal(flr_conductor_direct(&c, 9).save, 0); /* nothing asks for any */
  c.saving.steps = 3;
  for (int64_t step = 0; step < 10; step++)
    assert_int_equal(flr_conductor_direct(&c, step).save, step == 2 || step == 5 || step == 8 || step == 9);
  c.saving = (flr_cadence){.epochs = 2};
  for (int64_t step = 0; step < 10; step++) assert_int_equal(flr_conductor_direct(&c, step).save, step == 7 || step == 9);
  c.saving = (flr_cadence){.seconds = 60};
  assert_int_equal(flr_conductor_direct(&c, 0).save, 0);
  c.save_wanted = 1;
  assert_int_equal(flr_conductor_direct(&c, 1).save, 1);
  assert_int_equal(flr_conductor_direct(&c, 2).save, 0); /* once */
  c.lr_factor = 0.25;
  assert_true(flr_conductor_direct(&c, 5).rates.lr[0] == 0.25 * flr_schedule_at(&schedule, 5).lr[0]);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conductor__a_wish_to_stop_lets_the_steps_under_way_count),
      cmocka_unit_test(test_conductor__a_verdict_is_stronger_than_a_wish_to_stop),
      cmocka_unit_test(test_conductor__a_wish_to_stop_counts_at_the_end_of_a_phase),
      cmocka_unit_test(test_conductor__saves_when_it_is_due),
      cmocka_unit_test(test_conductor__training_ends_after_its_steps),
      cmocka_unit_test(test_conductor__a_nonfinite_sample_stops_training),
      cmocka_unit_test(test_conductor__the_step_after_a_verdict_is_not_recorded),
      cmocka_unit_test(test_conductor__a_nonfinite_sample_ends_a_sweep),
      cmocka_unit_test(test_conductor__the_loss_is_weighted_by_samples),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
