/* The weight decay to take, on curves whose lowest and highest points are known. */
#include "harness/harness.h"

#include "optim/decay.h"

enum { POINTS = 8, MOST = 4 };

/* Losses at the rates 1, 2, 4, .. 128. */
typedef struct curves {
  double lr[POINTS];
  flr_sweep_findings findings[MOST];
  flr_decay_row rows[MOST];
} curves;

static void set_curve(curves *c, int i, const double *losses, int64_t n) {
  for (int p = 0; p < POINTS; ++p) c->lr[p] = ldexp(1, p);
  static double kept[MOST][POINTS];
  memcpy(kept[i], losses, (size_t)n * sizeof(double));
  c->findings[i] = (flr_sweep_findings){.curve = {.n = n, .lr = c->lr, .smooth = kept[i], .loss = kept[i]}};
}

static const double low_and_high[] = {4, 3, 2, 1, 2, 3, 4, 5}, low[] = {4, 3, 2, 1, 2, 5, 6, 7},
                    nearly_low[] = {4, 3, 2, 1.3, 2, 3, 4, 5}, not_low[] = {4, 3, 2, 1.31, 2, 3, 4, 4},
                    lower_but_early[] = {4, 3, 0.9, 5};

static int choose(curves *c, const double *wd, const double *const *losses, int count) {
  for (int i = 0; i < count; ++i) set_curve(c, i, losses[i], losses[i] == lower_but_early ? 4 : POINTS);
  return flr_decay_choose(c->rows, wd, c->findings, count);
}

static void test_decay__reads_the_lowest_and_the_highest_point(void **state) {
  (void)state;
  curves c;
  assert_int_equal(choose(&c, (const double[]){0, 1}, (const double *const[]){low, lower_but_early}, 2), 0);
  assert_true(c.rows[0].least_loss == 1 && c.rows[0].least_lr == 8);
  assert_true(c.rows[0].highest_lr == 16); /* the last at which the loss is not above 4 */
  assert_true(c.rows[1].least_loss == 0.9 && c.rows[1].least_lr == 4 && c.rows[1].highest_lr == 4);
  (void)choose(&c, (const double[]){0}, (const double *const[]){low_and_high}, 1);
  assert_true(c.rows[0].highest_lr == 64);
  (void)choose(&c, (const double[]){0}, (const double *const[]){not_low}, 1);
  assert_true(c.rows[0].highest_lr == 128); /* the end of the sweep */
}

static void test_decay__the_largest_of_those_as_good_is_taken(void **state) {
  (void)state;
  static const double rising[] = {0, 1e-3, 1e-2}, falling[] = {1e-2, 1e-3, 0};
  const double *const same[] = {low_and_high, low_and_high, low_and_high};
  curves c;
  assert_int_equal(choose(&c, rising, same, 3), 2);
  assert_int_equal(choose(&c, falling, same, 3), 0); /* wherever it stands in the list */
  /* 1.3 = 1 + 0.1 (4 - 1) is low enough, 1.31 is not; a rate of 16 is not half of 64, 32 would be */
  assert_int_equal(choose(&c, rising, (const double *const[]){low_and_high, low_and_high, nearly_low}, 3), 2);
  assert_int_equal(choose(&c, rising, (const double *const[]){low_and_high, low_and_high, not_low}, 3), 1);
  assert_int_equal(choose(&c, rising, (const double *const[]){low_and_high, low_and_high, low}, 3), 1);
  static const double half[] = {4, 3, 2, 1, 2, 3, 5, 6};
  assert_int_equal(choose(&c, rising, (const double *const[]){low_and_high, low_and_high, half}, 3), 2);
}

/* A rate that only a curve allows that does not come down says nothing: 128 of not_low against 16 of low. */
static void test_decay__a_curve_that_stays_up_sets_no_standard(void **state) {
  (void)state;
  curves c;
  assert_int_equal(choose(&c, (const double[]){0, 1}, (const double *const[]){low, not_low}, 2), 0);
  assert_int_equal(choose(&c, (const double[]){1, 0}, (const double *const[]){not_low, low}, 2), 1);
}

static void test_decay__losses_that_are_not_finite(void **state) {
  (void)state;
  static const double none[POINTS] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  curves c;
  assert_int_equal(choose(&c, (const double[]){1, 2}, (const double *const[]){low, none}, 2), 0);
  assert_true(isnan(c.rows[1].least_loss) && isnan(c.rows[1].highest_lr));
  assert_int_equal(choose(&c, (const double[]){1, 2}, (const double *const[]){none, none}, 2), 0);
  assert_int_equal(choose(&c, (const double[]){1, 2}, (const double *const[]){none, low}, 2), 1);
}

static void test_decays__are_parsed(void **state) {
  (void)state;
  flr_decays d;
  CHECK_OK(flr_decays_parse(&d, NULL));
  assert_int_equal(d.count, 0);
  CHECK_OK(flr_decays_parse(&d, "0,1e-4,1e-2"));
  assert_int_equal(d.count, 3);
  assert_true(d.wd[0] == 0 && d.wd[1] == 1e-4 && d.wd[2] == 1e-2);
  CHECK_OK(flr_decays_parse(&d, "1,2,3,4,5,6,7,8"));
  static const char *const wrong[] = {
      "", ",", "1,", "x", "1,x", "-1", "0,-0", "nan", "inf", "1e-4,0.0001", "1,2,3,4,5,6,7,8,9", "1 2"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i)
    CHECK_FAILS(flr_decays_parse(&d, wrong[i]), FLR_ERROR_USAGE, "is not allowed: up to 8 different numbers of at least 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_decay__reads_the_lowest_and_the_highest_point),
      cmocka_unit_test(test_decay__the_largest_of_those_as_good_is_taken),
      cmocka_unit_test(test_decay__a_curve_that_stays_up_sets_no_standard),
      cmocka_unit_test(test_decay__losses_that_are_not_finite),
      cmocka_unit_test(test_decays__are_parsed),
  };
  return cmocka_run_group_tests_name("optim.decay", tests, NULL, NULL);
}
