/* Medians and bands of repeated sweeps, computed by hand; repeats that end early. */
#include "harness/harness.h"

#include "optim/sweep_curve.h"

enum { MOST = 5 };

/* A sweep over 6 rates that recorded these losses, of 8 samples each with standard error 0.3; the smoothed ones are 10 above.
 */
static flr_sweep make_sweep(const double *losses, int count, flr_sweep_verdict verdict) {
  flr_sweep_options options = flr_sweep_options_defaults();
  flr_sweep sweep;
  options.iterations = 6;
  CHECK_OK(flr_sweep_init(&sweep, &options));
  for (int i = 0; i < count; ++i)
    sweep.points[i] = (flr_sweep_point){.lr = flr_sweep_rates(&sweep, i).lr[0],
                                        .loss = losses[i],
                                        .smooth = isfinite(losses[i]) ? losses[i] + 10 : NAN,
                                        .se = 0.3,
                                        .samples = 8};
  sweep.count = count;
  sweep.verdict = verdict;
  return sweep;
}

static void clear(flr_sweep *sweeps, int count, flr_sweep_curve *curve) {
  for (int i = 0; i < count; ++i) flr_sweep_clear(&sweeps[i]);
  flr_sweep_curve_clear(curve);
}

static void check_values(const char *what, const double *found, const double *wanted, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (isfinite(wanted[i]) ? !(fabs(found[i] - wanted[i]) <= 1e-14 * fabs(wanted[i]))
        : isnan(wanted[i])  ? !isnan(found[i])
                            : !isinf(found[i]))
      fail_msg("%s[%lld] is %.17g, wanted %.17g", what, (long long)i, found[i], wanted[i]);
}

static void test_curve__of_one_sweep_is_the_sweep(void **state) {
  (void)state;
  static const double losses[] = {2, 1.5, INFINITY};
  flr_sweep sweep = make_sweep(losses, 3, FLR_SWEEP_NONFINITE);
  flr_sweep_curve c;
  CHECK_OK(flr_sweep_curve_init(&c, &sweep, 1));
  assert_int_equal(c.n, 3);
  assert_int_equal(c.verdict, FLR_SWEEP_NONFINITE);
  for (int i = 0; i < 3; ++i) {
    assert_memory_equal(&c.lr[i], &sweep.points[i].lr, sizeof(double));
    assert_memory_equal(&c.loss[i], &sweep.points[i].loss, sizeof(double));
    assert_memory_equal(&c.smooth[i], &sweep.points[i].smooth, sizeof(double));
    assert_memory_equal(&c.se[i], &sweep.points[i].se, sizeof(double));
    assert_int_equal(c.samples[i], 8);
  }
  clear(&sweep, 1, &c);
}

static void test_curve__of_three_is_the_middle_one(void **state) {
  (void)state;
  static const double a[] = {3, 2, 5, 1, 9, 4}, b[] = {1, 8, 4, 1, 2, 6}, c[] = {2, 5, 6, 7, 3, 5};
  static const double middle[] = {2, 5, 5, 1, 3, 5}, low[] = {1, 2, 4, 1, 2, 4}, high[] = {3, 8, 6, 7, 9, 6};
  static const double above[] = {12, 15, 15, 11, 13, 15};
  flr_sweep sweeps[] = {make_sweep(a, 6, FLR_SWEEP_FINISHED), make_sweep(b, 6, FLR_SWEEP_FINISHED),
                        make_sweep(c, 6, FLR_SWEEP_FINISHED)};
  flr_sweep_curve curve;
  CHECK_OK(flr_sweep_curve_init(&curve, sweeps, 3));
  assert_int_equal(curve.n, 6);
  assert_int_equal(curve.verdict, FLR_SWEEP_FINISHED);
  check_values("loss", curve.loss, middle, 6);
  check_values("low", curve.low, low, 6);
  check_values("high", curve.high, high, 6);
  check_values("smooth", curve.smooth, above, 6);
  for (int i = 0; i < 6; ++i) {
    assert_true(curve.smooth_low[i] == low[i] + 10 && curve.smooth_high[i] == high[i] + 10);
    assert_true(curve.lr[i] == sweeps[0].points[i].lr);
    CHECK_NEAR(curve.se[i], 0.3 / sqrt(3), 1e-15, 0);
    assert_int_equal(curve.samples[i], 24);
  }
  clear(sweeps, 3, &curve);
}

/* What ended counts as above all: the curve goes as far as two of three, and its last points are the larger of the two. */
static void test_curve__of_three_that_end_at_different_points(void **state) {
  (void)state;
  static const double a[] = {3, 2, 50}, b[] = {1, 8, 4, 60}, c[] = {2, 5, 6, 7, 3, 5};
  static const double middle[] = {2, 5, 6, 60}, low[] = {1, 2, 4, 7}, high[] = {3, 8, 50, INFINITY};
  flr_sweep sweeps[] = {make_sweep(c, 6, FLR_SWEEP_FINISHED), make_sweep(a, 3, FLR_SWEEP_NONFINITE),
                        make_sweep(b, 4, FLR_SWEEP_DIVERGED)};
  flr_sweep_curve curve;
  CHECK_OK(flr_sweep_curve_init(&curve, sweeps, 3));
  assert_int_equal(curve.n, 4);
  assert_int_equal(curve.verdict, FLR_SWEEP_DIVERGED);
  check_values("loss", curve.loss, middle, 4);
  check_values("low", curve.low, low, 4);
  check_values("high", curve.high, high, 4);
  CHECK_NEAR(curve.se[3], 0.3 / sqrt(2), 1e-15, 0);
  assert_int_equal(curve.samples[2], 24);
  assert_int_equal(curve.samples[3], 16);
  clear(sweeps, 3, &curve);
}

/* Of two the median is their mean: it ends with the first that ends. */
static void test_curve__of_two_is_their_mean(void **state) {
  (void)state;
  static const double a[] = {3, 2, NAN}, b[] = {1, 8, 4, 5}, middle[] = {2, 5, NAN};
  flr_sweep sweeps[] = {make_sweep(a, 3, FLR_SWEEP_NONFINITE), make_sweep(b, 4, FLR_SWEEP_DIVERGED)};
  flr_sweep_curve curve;
  CHECK_OK(flr_sweep_curve_init(&curve, sweeps, 2));
  assert_int_equal(curve.n, 3);
  assert_int_equal(curve.verdict, FLR_SWEEP_NONFINITE);
  check_values("loss", curve.loss, middle, 3);
  check_values("low", curve.low, (const double[]){1, 2, NAN}, 3);
  check_values("high", curve.high, (const double[]){3, 8, NAN}, 3);
  clear(sweeps, 2, &curve);
}

/* numpy.percentile([1, 2, 4, 8, 16], [16, 50, 84]) = 1.64, 4, 10.88; of four sorted values 1, 2, 4, 8: 1.48, 3, 6.08 */
static void test_curve__of_more_has_a_band_of_percentiles(void **state) {
  (void)state;
  static const double losses[MOST] = {4, 1, 16, 2, 8};
  flr_sweep sweeps[MOST];
  flr_sweep_curve curve;
  for (int i = 0; i < MOST; ++i) sweeps[i] = make_sweep(&losses[i], 1, FLR_SWEEP_DIVERGED);
  CHECK_OK(flr_sweep_curve_init(&curve, sweeps, MOST));
  check_values("loss", curve.loss, (const double[]){4}, 1);
  check_values("low", curve.low, (const double[]){1.64}, 1);
  check_values("high", curve.high, (const double[]){10.88}, 1);
  flr_sweep_curve_clear(&curve);
  sweeps[2].count = 0; /* one that ended before: of the four others and what is above all */
  CHECK_OK(flr_sweep_curve_init(&curve, sweeps, MOST));
  check_values("loss", curve.loss, (const double[]){4}, 1);
  check_values("low", curve.low, (const double[]){1.64}, 1);
  check_values("high", curve.high, (const double[]){INFINITY}, 1);
  flr_sweep_curve_clear(&curve);
  const flr_sweep four[] = {sweeps[0], sweeps[1], sweeps[3], sweeps[4]}; /* 4, 1, 2, 8 */
  CHECK_OK(flr_sweep_curve_init(&curve, four, 4));
  check_values("loss", curve.loss, (const double[]){3}, 1);
  check_values("low", curve.low, (const double[]){1.48}, 1);
  check_values("high", curve.high, (const double[]){6.08}, 1);
  clear(sweeps, MOST, &curve);
}

static void test_curve__where_all_fail_at_once(void **state) {
  (void)state;
  static const double a[] = {NAN}, b[] = {NAN}, c[] = {2, 1};
  flr_sweep sweeps[] = {make_sweep(a, 1, FLR_SWEEP_NONFINITE), make_sweep(b, 1, FLR_SWEEP_NONFINITE),
                        make_sweep(c, 2, FLR_SWEEP_DIVERGED)};
  flr_sweep_curve curve;
  CHECK_OK(flr_sweep_curve_init(&curve, sweeps, 3));
  assert_int_equal(curve.n, 1);
  assert_int_equal(curve.verdict, FLR_SWEEP_NONFINITE);
  assert_true(isnan(curve.loss[0]) && isnan(curve.high[0]));
  clear(sweeps, 3, &curve);
}

/* ---- findings ---- */

/* Minima at points 2, 3 and 4 of six, none in the fourth sweep, which only rises. */
static void test_findings__have_the_range_of_the_repeats(void **state) {
  (void)state;
  static const double a[] = {5, 4, 1, 4, 5, 6}, b[] = {5, 4, 3, 1, 5, 6}, c[] = {5, 4, 3, 2, 1, 6}, d[] = {5, 6, 7, 8, 9, 10};
  const flr_suggest_options options = {.trim_start = 0, .trim_end = 0, .asked = 6};
  flr_sweep sweeps[] = {make_sweep(a, 6, FLR_SWEEP_FINISHED), make_sweep(b, 6, FLR_SWEEP_FINISHED),
                        make_sweep(c, 6, FLR_SWEEP_FINISHED), make_sweep(d, 6, FLR_SWEEP_FINISHED)};
  flr_sweep_findings f;
  CHECK_OK(flr_sweep_findings_init(&f, sweeps, 3, &options));
  const flr_suggestion *minimum = &f.suggestions[FLR_SUGGEST_MINIMUM];
  const double *lr = f.curve.lr; /* medians: 5, 4, 3, 2, 5, 6 */
  assert_int_equal(minimum->point, 3);
  assert_int_equal(minimum->repeats, 3);
  CHECK_NEAR(minimum->low, lr[2] / 10, 1e-15, 0);
  CHECK_NEAR(minimum->high, lr[4] / 10, 1e-15, 0);
  CHECK_NEAR(flr_suggest_error_bar(minimum), lr[4] / lr[2], 1e-12, 0);
  assert_int_equal(f.own[2 * FLR_SUGGEST_COUNT + FLR_SUGGEST_MINIMUM].point, 4);
  assert_int_equal(f.suggestions[FLR_SUGGEST_SLIDE].repeats, 0);
  assert_true(isnan(flr_suggest_error_bar(&f.suggestions[FLR_SUGGEST_SLIDE])));
  flr_sweep_findings_clear(&f);

  CHECK_OK(flr_sweep_findings_init(&f, sweeps + 1, 3, &options)); /* b, c, d */
  assert_int_equal(f.suggestions[FLR_SUGGEST_MINIMUM].repeats, 2);
  assert_int_equal(f.own[2 * FLR_SUGGEST_COUNT + FLR_SUGGEST_MINIMUM].status, FLR_SUGGEST_NO_MINIMUM);
  flr_sweep_findings_clear(&f);

  CHECK_OK(flr_sweep_findings_init(&f, sweeps, 1, &options));
  assert_null(f.own);
  assert_int_equal(f.suggestions[FLR_SUGGEST_MINIMUM].repeats, 0);
  assert_true(isnan(f.suggestions[FLR_SUGGEST_MINIMUM].low));
  flr_sweep_findings_clear(&f);
  for (int i = 0; i < 4; ++i) flr_sweep_clear(&sweeps[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_curve__of_one_sweep_is_the_sweep),
      cmocka_unit_test(test_curve__of_three_is_the_middle_one),
      cmocka_unit_test(test_curve__of_three_that_end_at_different_points),
      cmocka_unit_test(test_curve__of_two_is_their_mean),
      cmocka_unit_test(test_curve__of_more_has_a_band_of_percentiles),
      cmocka_unit_test(test_curve__where_all_fail_at_once),
      cmocka_unit_test(test_findings__have_the_range_of_the_repeats),
  };
  return cmocka_run_group_tests_name("optim.sweep_curve", tests, NULL, NULL);
}
