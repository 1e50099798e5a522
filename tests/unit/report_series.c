/* Thinning keeps what stands out; smoothing knows how far apart points are. */
#include "harness/harness.h"

#include "report/series.h"

enum { N = 10000, STRETCHES = 100 };

static double x[N], y[N], out[N];

static void fill(void) {
  for (int i = 0; i < N; ++i) {
    x[i] = i;
    y[i] = sin(i / 300.0) + (i * 7919 % 101) / 1000.0;
  }
  y[4321] = 50;
  y[777] = -50;
}

static double sum_of_variation(const flr_series *s) {
  double sum = 0;
  for (int64_t i = 1; i < s->n; ++i) sum += fabs(s->y[i] - s->y[i - 1]);
  return sum;
}

/* Every point of it is one of the curve's, in its order. */
static void check_subset(const flr_series *s) {
  for (int64_t i = 0; i < s->n; ++i) {
    const int at = (int)s->x[i];
    if (s->y[i] != y[at]) fail_msg("(%g, %g) is no point of the curve, which has %g there", s->x[i], s->y[i], y[at]);
    assert_true(i == 0 || s->x[i] > s->x[i - 1]);
  }
}

static int has(const flr_series *s, double at) {
  for (int64_t i = 0; i < s->n; ++i)
    if (s->x[i] == at) return 1;
  return 0;
}

static void test_thin__few_points_all_stay(void **state) {
  (void)state;
  fill();
  flr_series s = {0};
  int64_t each = 0;
  CHECK_OK(flr_thin_series(&s, &each, x, y, 4 * STRETCHES, STRETCHES, FLR_THIN_LINE));
  assert_int_equal(each, 1);
  assert_int_equal(s.n, 4 * STRETCHES);
  check_subset(&s);
  flr_series_clear(&s);
}

static void test_thin__extremes_and_ends_of_every_stretch_stay(void **state) {
  (void)state;
  fill();
  static const flr_thin_kind kinds[] = {FLR_THIN_DOTS, FLR_THIN_LINE};
  for (int k = 0; k < 2; ++k) {
    flr_series s = {0};
    int64_t each = 0;
    CHECK_OK(flr_thin_series(&s, &each, x, y, N, STRETCHES, kinds[k]));
    assert_int_equal(each, N / STRETCHES);
    assert_true(s.n <= (kinds[k] == FLR_THIN_LINE ? 4 : 3) * STRETCHES);
    check_subset(&s);
    assert_true(has(&s, 4321) && has(&s, 777) && has(&s, 0));
    assert_true(kinds[k] == FLR_THIN_DOTS || (has(&s, N - 1) && has(&s, 99) && has(&s, 100)));
    assert_true(sum_of_variation(&s) > 200); /* up to the highest and the lowest, and back */
    flr_series_clear(&s);
  }
}

static void test_thin__leaves_out_what_is_not_finite(void **state) {
  (void)state;
  fill();
  for (int i = 0; i < 250; ++i) y[i] = i % 2 ? NAN : -INFINITY; /* two stretches have nothing, one has half */
  flr_series s = {0};
  CHECK_OK(flr_thin_series(&s, NULL, x, y, N, STRETCHES, FLR_THIN_LINE));
  for (int64_t i = 0; i < s.n; ++i) assert_true(isfinite(s.y[i]));
  assert_true(s.x[0] == 250);
  flr_series_clear(&s);
  CHECK_OK(flr_thin_series(&s, NULL, x, y, 200, STRETCHES, FLR_THIN_DOTS));
  assert_int_equal(s.n, 0);
  CHECK_OK(flr_thin_series(&s, NULL, x, y, 0, STRETCHES, FLR_THIN_DOTS));
  assert_int_equal(s.n, 0);
  flr_series_clear(&s);
}

static void test_smooth__is_unbiased_and_weighs_by_distance(void **state) {
  (void)state;
  static const double at[] = {0, 10, 20, 60}, value[] = {4, NAN, 1, 3};
  flr_smooth_series(out, at, value, 4, 20);
  const double e = exp(-1), f = exp(-2);
  CHECK_NEAR(out[0], 4, 1e-15, 1);
  CHECK_NEAR(out[1], 4, 1e-15, 1); /* what is not finite changes nothing */
  CHECK_NEAR(out[2], (4 * e + 1) / (e + 1), 1e-15, 1);
  CHECK_NEAR(out[3], (4 * e * f + 1 * f + 3) / (e * f + f + 1), 1e-15, 1);
}

static void test_smooth__keeps_a_constant_and_has_nothing_before_the_first(void **state) {
  (void)state;
  for (int i = 0; i < N; ++i) {
    x[i] = i * 10;
    y[i] = i < 3 ? NAN : 0.25;
  }
  flr_smooth_series(out, x, y, N, 37);
  for (int i = 0; i < 3; ++i) assert_true(isnan(out[i]));
  for (int i = 3; i < N; ++i) CHECK_NEAR(out[i], 0.25, 1e-12, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_thin__few_points_all_stay),
      cmocka_unit_test(test_thin__extremes_and_ends_of_every_stretch_stay),
      cmocka_unit_test(test_thin__leaves_out_what_is_not_finite),
      cmocka_unit_test(test_smooth__is_unbiased_and_weighs_by_distance),
      cmocka_unit_test(test_smooth__keeps_a_constant_and_has_nothing_before_the_first),
  };
  return cmocka_run_group_tests_name("report.series", tests, NULL, NULL);
}
