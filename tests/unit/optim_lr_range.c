/* The range test's rates, smoothing and verdicts. */
#include "harness/harness.h"

#include "optim/lr_range.h"

static flr_sweep make(const flr_sweep_options *options) {
  flr_sweep sweep;
  CHECK_OK(flr_sweep_init(&sweep, options));
  return sweep;
}

static void test_rates__match_the_golden_values(void **state) {
  (void)state;
  const flr_sweep_options options = flr_sweep_options_defaults();
  flr_sweep sweep = make(&options);
  CHECK_NEAR(flr_sweep_rates(&sweep, 0).lr[0], 1e-7, 1e-14, 0);
  CHECK_NEAR(flr_sweep_rates(&sweep, 1).lr[0], 1.202264434617413e-07, 1e-14, 0);
  CHECK_NEAR(flr_sweep_rates(&sweep, 10).lr[0], 6.309573444801933e-07, 1e-14, 0);
  CHECK_NEAR(flr_sweep_rates(&sweep, 50).lr[0], 1e-3, 1e-14, 0);
  CHECK_NEAR(flr_sweep_rates(&sweep, 99).lr[0], 8.317637711026709, 1e-14, 0);
  assert_true(flr_sweep_rates(&sweep, 42).momentum == 0.9);
  flr_sweep_clear(&sweep);
}

static void test_rates__inclusive_reaches_the_end(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.inclusive = 1;
  flr_sweep sweep = make(&options);
  CHECK_NEAR(flr_sweep_rates(&sweep, 0).lr[0], 1e-7, 1e-14, 0);
  CHECK_NEAR(flr_sweep_rates(&sweep, 99).lr[0], 10, 1e-14, 0);
  flr_sweep_clear(&sweep);
}

static void test_rates__linear_steps_are_equal(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.linear = options.inclusive = 1;
  options.start[0] = 0;
  options.end[0] = 1;
  options.iterations = 11;
  flr_sweep sweep = make(&options);
  for (int64_t i = 0; i < 11; ++i) CHECK_NEAR(flr_sweep_rates(&sweep, i).lr[0], .1 * (double)i, 1e-14, 1e-3);
  flr_sweep_clear(&sweep);
}

static void test_rates__groups_keep_their_ratio(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.groups = 2;
  options.start[0] = 1e-9;
  options.end[0] = 1e-1;
  flr_sweep sweep = make(&options);
  for (int64_t i = 0; i < 100; ++i) {
    const flr_rates rates = flr_sweep_rates(&sweep, i);
    CHECK_NEAR(rates.lr[1] / rates.lr[0], 100, 1e-12, 0);
  }
  flr_sweep_record(&sweep, 1, NAN, 8, 0);
  CHECK_NEAR(sweep.points[0].lr, 1e-7, 1e-14, 0); /* the last group's */
  flr_sweep_clear(&sweep);
}

static void test_record__smooths_as_the_golden_values(void **state) {
  (void)state;
  static const double raw[] = {2.30, 2.28, 2.35, 2.10, 2.05};
  static const double smooth[] = {2.3, 2.2898989898989868, 2.3103387294245668, 2.2561499508449097, 2.2132374486636044};
  const flr_sweep_options options = flr_sweep_options_defaults();
  flr_sweep sweep = make(&options);
  for (int i = 0; i < 5; ++i) {
    assert_int_equal(flr_sweep_record(&sweep, raw[i], .25, 64, 0), FLR_SWEEP_CONTINUE);
    CHECK_NEAR(sweep.points[i].smooth, smooth[i], 1e-13, 0);
    assert_true(sweep.points[i].loss == raw[i] && sweep.points[i].se == .25 && sweep.points[i].samples == 64);
  }
  CHECK_NEAR(sweep.best, smooth[4], 1e-13, 0);
  assert_int_equal(sweep.count, 5);
  flr_sweep_clear(&sweep);
}

static void test_record__finishes_after_all_iterations(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.iterations = 8;
  flr_sweep sweep = make(&options);
  for (int i = 0; i < 7; ++i) assert_int_equal(flr_sweep_record(&sweep, 1, NAN, 8, 0), FLR_SWEEP_CONTINUE);
  assert_int_equal(flr_sweep_record(&sweep, 1, NAN, 8, 0), FLR_SWEEP_FINISHED);
  assert_int_equal(flr_sweep_record(&sweep, 5, NAN, 8, 0), FLR_SWEEP_FINISHED);
  assert_int_equal(sweep.count, 8);
  flr_sweep_clear(&sweep);
}

static void test_record__keeps_the_diverging_point(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.beta = 0;
  flr_sweep sweep = make(&options);
  assert_int_equal(flr_sweep_record(&sweep, 1, NAN, 8, 0), FLR_SWEEP_CONTINUE);
  assert_int_equal(flr_sweep_record(&sweep, 4, NAN, 8, 0), FLR_SWEEP_CONTINUE); /* 4 > 4 * 1 is false */
  assert_int_equal(flr_sweep_record(&sweep, 4.001, NAN, 8, 0), FLR_SWEEP_DIVERGED);
  assert_int_equal(sweep.count, 3);
  assert_true(sweep.points[2].loss == 4.001);
  assert_int_equal(flr_sweep_record(&sweep, 1, NAN, 8, 0), FLR_SWEEP_DIVERGED);
  assert_int_equal(sweep.count, 3);
  flr_sweep_clear(&sweep);
}

static void test_record__divergence_in_the_last_iteration_is_told(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.beta = 0;
  options.iterations = 6;
  flr_sweep sweep = make(&options);
  for (int i = 0; i < 5; ++i) flr_sweep_record(&sweep, 1, NAN, 8, 0);
  assert_int_equal(flr_sweep_record(&sweep, 9, NAN, 8, 0), FLR_SWEEP_DIVERGED);
  flr_sweep_clear(&sweep);
}

static void test_record__stop_factor_zero_never_stops(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.stop_factor = 0;
  options.iterations = 10;
  flr_sweep sweep = make(&options);
  for (int i = 0; i < 9; ++i) assert_int_equal(flr_sweep_record(&sweep, pow(100, i), NAN, 8, 0), FLR_SWEEP_CONTINUE);
  assert_int_equal(flr_sweep_record(&sweep, 1e20, NAN, 8, 0), FLR_SWEEP_FINISHED);
  flr_sweep_clear(&sweep);
}

static void check_nonfinite(double loss, int64_t nonfinite, int good_before) {
  flr_sweep_options options = flr_sweep_options_defaults();
  options.stop_factor = 0;
  flr_sweep sweep = make(&options);
  for (int i = 0; i < good_before; ++i) flr_sweep_record(&sweep, 2, NAN, 8, 0);
  assert_int_equal(flr_sweep_record(&sweep, loss, NAN, 8, nonfinite), FLR_SWEEP_NONFINITE);
  assert_int_equal(sweep.count, good_before + 1);
  assert_true(isnan(sweep.points[good_before].smooth));
  assert_true(isnan(loss) ? isnan(sweep.points[good_before].loss) : sweep.points[good_before].loss == loss);
  assert_true(sweep.best == (good_before ? 2 : INFINITY) || fabs(sweep.best - 2) < 1e-12);
  flr_sweep_clear(&sweep);
}

static void test_record__stops_on_what_is_not_finite(void **state) {
  (void)state;
  check_nonfinite(NAN, 0, 0);
  check_nonfinite(NAN, 0, 5);
  check_nonfinite(INFINITY, 0, 5);
  check_nonfinite(-INFINITY, 0, 0);
  check_nonfinite(1.5, 3, 5); /* a finite sum of the other samples' losses */
}

static void test_init__raises_few_iterations_to_six(void **state) {
  (void)state;
  flr_sweep_options options = flr_sweep_options_defaults();
  options.iterations = 2;
  flr_sweep sweep = make(&options);
  assert_int_equal(sweep.options.iterations, 6);
  CHECK_NEAR(flr_sweep_rates(&sweep, 6).lr[0], 10, 1e-14, 0);
  flr_sweep_clear(&sweep);
  flr_sweep_clear(&sweep); /* cleared twice is cleared */
  flr_sweep_clear(NULL);
}

static void test_init__refuses_wrong_options(void **state) {
  (void)state;
  flr_sweep sweep;
  const flr_sweep_options good = flr_sweep_options_defaults();
  flr_sweep_options options = good;
  options.start[0] = 0;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-start 0");
  options = good;
  options.start[0] = NAN;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-start");
  options = good;
  options.end[0] = 1e-8;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-end 1e-08");
  options = good;
  options.iterations = 0;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-iters 0");
  options = good;
  options.beta = 1;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-beta 1");
  options = good;
  options.stop_factor = 0.5;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-stop 0.5");
  options = good;
  options.stop_factor = NAN;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-stop");
  options = good;
  options.momentum = -0.1;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "--sweep-mom -0.1");
  options = good;
  options.groups = 0;
  CHECK_FAILS(flr_sweep_init(&sweep, &options), FLR_ERROR_USAGE, "1..16");
}

static void test_rates_at__follow_each_groups_own_curve(void **state) {
  (void)state;
  double out[FLR_MAX_GROUPS];
  flr_sweep_options options = flr_sweep_options_defaults();
  options.groups = 3;
  options.start[0] = 1e-9; /* the first keeps a hundredth of the last's rate, the second begins with it and ends at a tenth */
  options.end[0] = 0.1;
  options.end[1] = 1;
  flr_sweep_rates_at(&options, 1e-3, out); /* half the way of the last */
  CHECK_NEAR(out[0], 1e-5, 1e-12, 0);
  CHECK_NEAR(out[1], sqrt(1e-7), 1e-12, 0);
  assert_true(out[2] == 1e-3);
  flr_sweep_rates_at(&options, 1e-8, out); /* before the sweep began */
  CHECK_NEAR(out[0], 1e-10, 1e-12, 0);
  options = flr_sweep_options_defaults();
  options.groups = 2;
  options.linear = 1;
  options.start[0] = options.start[1] = 0;
  options.end[0] = 1;
  flr_sweep_rates_at(&options, 5, out);
  CHECK_NEAR(out[0], 0.5, 1e-12, 0);
  flr_sweep_rates_at(&options, 0, out);
  assert_true(out[0] == 0 && out[1] == 0);
  options.groups = 1;
  flr_sweep_rates_at(&options, 0.3, out);
  assert_true(out[0] == 0.3);
}

static void test_verdicts__have_their_documented_names(void **state) {
  (void)state;
  assert_string_equal(flr_sweep_verdict_text(FLR_SWEEP_CONTINUE), "continue");
  assert_string_equal(flr_sweep_verdict_text(FLR_SWEEP_FINISHED), "finished");
  assert_string_equal(flr_sweep_verdict_text(FLR_SWEEP_DIVERGED), "diverged");
  assert_string_equal(flr_sweep_verdict_text(FLR_SWEEP_NONFINITE), "nonfinite");
  assert_string_equal(flr_sweep_verdict_text(FLR_SWEEP_INTERRUPTED), "interrupted");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rates__match_the_golden_values),
      cmocka_unit_test(test_rates__inclusive_reaches_the_end),
      cmocka_unit_test(test_rates__linear_steps_are_equal),
      cmocka_unit_test(test_rates__groups_keep_their_ratio),
      cmocka_unit_test(test_record__smooths_as_the_golden_values),
      cmocka_unit_test(test_record__finishes_after_all_iterations),
      cmocka_unit_test(test_record__keeps_the_diverging_point),
      cmocka_unit_test(test_record__divergence_in_the_last_iteration_is_told),
      cmocka_unit_test(test_record__stop_factor_zero_never_stops),
      cmocka_unit_test(test_record__stops_on_what_is_not_finite),
      cmocka_unit_test(test_init__raises_few_iterations_to_six),
      cmocka_unit_test(test_init__refuses_wrong_options),
      cmocka_unit_test(test_rates_at__follow_each_groups_own_curve),
      cmocka_unit_test(test_verdicts__have_their_documented_names),
  };
  return cmocka_run_group_tests_name("optim.lr_range", tests, NULL, NULL);
}
