/* Suggestions against golden values, and a status where there is nothing to suggest. */
#include "harness/harness.h"

#include "optim/suggest.h"

enum { N = 100 };

typedef struct curve {
  double lr[N], loss[N], scratch[2 * N];
  flr_suggestion out[FLR_SUGGEST_COUNT];
} curve;

/* 2.3 - 1.6 / (1 + exp(-2.5 (x + 3))) + exp(2.2 x), x = log10 lr: falls around 1e-3, rises steeply towards 10. */
static void make_golden(curve *c) {
  for (int i = 0; i < N; ++i) {
    c->lr[i] = 1e-7 * pow(1e8, i / (double)N);
    const double x = log10(c->lr[i]);
    c->loss[i] = 2.3 - 1.6 / (1 + exp(-2.5 * (x + 3))) + exp(2.2 * x);
  }
}

static void suggest_with(curve *c, int64_t n, const double *se, const flr_suggest_options *options) {
  const flr_suggest_curve columns = {.n = n, .lr = c->lr, .loss = c->loss, .smooth = c->loss, .se = se};
  flr_suggest(c->out, &columns, options, c->scratch);
}

static void suggest(curve *c, int64_t n, int64_t trim_start, int64_t trim_end) {
  const flr_suggest_options options = {.trim_start = trim_start, .trim_end = trim_end};
  suggest_with(c, n, NULL, &options);
}

static void suggest_golden(curve *c) {
  const flr_suggest_options options = flr_suggest_options_defaults();
  suggest_with(c, N, NULL, &options);
}

/* `kept` counts from the first kept point. */
static void check_found(const curve *c, flr_suggest_kind kind, double lr, int64_t kept, int64_t trim_start) {
  assert_int_equal(c->out[kind].status, FLR_SUGGEST_OK);
  CHECK_NEAR(c->out[kind].lr, lr, 1e-12, 0);
  assert_int_equal(c->out[kind].point, kept + trim_start);
}

static void check_status(const curve *c, flr_suggest_kind kind, flr_suggest_status status) {
  if (c->out[kind].status != status)
    fail_msg("%s: %s, wanted %s", flr_suggest_name(kind), flr_suggest_status_text(c->out[kind].status),
             flr_suggest_status_text(status));
  if (status == FLR_SUGGEST_OK) return;
  assert_true(isnan(c->out[kind].lr));
  assert_int_equal(c->out[kind].point, -1);
}

static void check_statuses(const curve *c, flr_suggest_status valley, flr_suggest_status steepest, flr_suggest_status minimum,
                           flr_suggest_status slide) {
  check_status(c, FLR_SUGGEST_VALLEY, valley);
  check_status(c, FLR_SUGGEST_STEEPEST, steepest);
  check_status(c, FLR_SUGGEST_MINIMUM, minimum);
  check_status(c, FLR_SUGGEST_SLIDE, slide);
}

static void test_suggest__smoothed_golden_curve(void **state) {
  (void)state;
  curve c;
  make_golden(&c);
  flr_smooth(c.loss, c.loss, N, 0.98);
  suggest_golden(&c);
  check_found(&c, FLR_SUGGEST_VALLEY, 4.786300923226385e-4, 36, 10);
  check_found(&c, FLR_SUGGEST_MINIMUM, 6.30957344480193e-2, 75, 10);
  check_found(&c, FLR_SUGGEST_STEEPEST, 5.248074602497722e-3, 49, 10);
  assert_int_equal(c.out[FLR_SUGGEST_SLIDE].status, FLR_SUGGEST_OK);
  CHECK_NEAR(c.out[FLR_SUGGEST_SLIDE].lr, 3.0199517204020187e-3, 1e-12, 0);
}

static void test_suggest__raw_golden_curve(void **state) {
  (void)state;
  curve c;
  make_golden(&c);
  suggest_golden(&c);
  check_found(&c, FLR_SUGGEST_VALLEY, 1.3182567385564074e-4, 29, 10);
  check_found(&c, FLR_SUGGEST_MINIMUM, 3.311311214825908e-3, 59, 10);
  check_found(&c, FLR_SUGGEST_STEEPEST, 1e-3, 40, 10);
  assert_int_equal(c.out[FLR_SUGGEST_SLIDE].status, FLR_SUGGEST_OK);
  CHECK_NEAR(c.out[FLR_SUGGEST_SLIDE].lr, 1.5848931924611132e-6, 1e-12, 0);
}

static void fill(curve *c, int n, double first, double step) {
  for (int i = 0; i < n; ++i) {
    c->lr[i] = pow(10, -5 + .1 * i);
    c->loss[i] = first + step * i;
  }
}

static void test_suggest__a_rising_curve_has_no_valley(void **state) {
  (void)state;
  curve c;
  fill(&c, 40, 1, .1);
  suggest(&c, 40, 0, 0);
  check_statuses(&c, FLR_SUGGEST_MONOTONE, FLR_SUGGEST_MONOTONE, FLR_SUGGEST_NO_MINIMUM, FLR_SUGGEST_OK);
}

static void test_suggest__equal_losses_have_no_valley(void **state) {
  (void)state;
  curve c;
  fill(&c, 40, 1, 0);
  suggest(&c, 40, 0, 0);
  check_statuses(&c, FLR_SUGGEST_MONOTONE, FLR_SUGGEST_MONOTONE, FLR_SUGGEST_NO_MINIMUM, FLR_SUGGEST_OK);
}

static void test_suggest__a_falling_curve_ends_at_its_minimum(void **state) {
  (void)state;
  curve c;
  fill(&c, 40, 9, -.1);
  suggest(&c, 40, 0, 0);
  check_statuses(&c, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_OK);
  assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 39);
  CHECK_NEAR(c.out[FLR_SUGGEST_MINIMUM].lr, c.lr[39] / 10, 1e-14, 0);
  assert_int_equal(c.out[FLR_SUGGEST_VALLEY].point, -1 + 13 + 6); /* start -1, end 39: -1 + 13 + trunc(13.33 / 2) */
}

static void test_suggest__valley_never_leaves_the_curve(void **state) {
  (void)state;
  curve c;
  fill(&c, 2, 9, -.1); /* fastai's index is -1 here, its last point by accident of Python */
  suggest(&c, 2, 0, 0);
  check_statuses(&c, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_TOO_FEW_POINTS);
  assert_int_equal(c.out[FLR_SUGGEST_VALLEY].point, 0);
}

static void test_suggest__few_points_are_told(void **state) {
  (void)state;
  const flr_suggest_status few = FLR_SUGGEST_TOO_FEW_POINTS;
  curve c;
  fill(&c, 16, 9, -.1);
  suggest(&c, 0, 0, 0);
  check_statuses(&c, few, few, few, few);
  suggest(&c, 1, 0, 0);
  check_statuses(&c, few, few, few, few);
  suggest(&c, 15, 0, 0);
  check_statuses(&c, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_OK, few);
  suggest(&c, 16, 0, 0);
  check_statuses(&c, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_OK, FLR_SUGGEST_OK);
}

static void test_suggest__trims_longer_than_the_curve(void **state) {
  (void)state;
  const flr_suggest_status few = FLR_SUGGEST_TOO_FEW_POINTS;
  curve c;
  fill(&c, 12, 9, -.1);
  suggest(&c, 12, 50, 5);
  check_statuses(&c, few, few, few, few);
  suggest(&c, 12, 0, 50);
  check_statuses(&c, few, few, few, few);
  suggest(&c, 12, 8, 8);
  check_statuses(&c, few, few, few, few);
  suggest(&c, 12, 8, -3); /* a negative end trim drops nothing */
  assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 11);
}

static void test_suggest__default_trims_follow_what_was_asked(void **state) {
  (void)state;
  curve c;
  fill(&c, 60, 9, .1);
  c.loss[8] = 1; /* dropped when 10 % of 100 are */
  c.loss[20] = 2;
  flr_suggest_options options = flr_suggest_options_defaults();
  options.asked = 100;
  suggest_with(&c, 60, NULL, &options);
  assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 20);
  options.asked = 0; /* 10 % of the 60 given */
  suggest_with(&c, 60, NULL, &options);
  assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 8);
}

static void test_suggest__the_curve_ends_where_it_is_not_finite(void **state) {
  (void)state;
  static const double bad[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 3; ++i) {
    curve c;
    fill(&c, 40, 9, -.1);
    c.loss[20] = bad[i];
    suggest(&c, 40, 0, 0);
    assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 19);
    check_status(&c, FLR_SUGGEST_SLIDE, FLR_SUGGEST_OK);
    c.loss[0] = bad[i];
    suggest(&c, 40, 0, 0);
    check_statuses(&c, FLR_SUGGEST_NONFINITE, FLR_SUGGEST_NONFINITE, FLR_SUGGEST_NONFINITE, FLR_SUGGEST_NONFINITE);
    suggest(&c, 40, 1, 0); /* trimmed away, it does no harm */
    assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 19);
  }
}

static void test_suggest__first_of_equal_minima(void **state) {
  (void)state;
  curve c;
  fill(&c, 20, 5, 0);
  c.loss[7] = c.loss[12] = 3;
  suggest(&c, 20, 0, 0);
  assert_int_equal(c.out[FLR_SUGGEST_MINIMUM].point, 7);
}

enum { HALF_DOWN = 30, LEAST = 48, BACK_UP = 75 };

/* 2, straight down to 1 from point 20 to 40, 1, straight up from 60 on, 12.5 points a decade. Lines are fitted exactly wherever
   the kernel (8 points to both sides) sees nothing else: half-way down and three quarters up, and along the bottom from LEAST
   on. */
static void make_trough(curve *c) {
  for (int i = 0; i < N; ++i) {
    c->lr[i] = pow(10, -8 + .08 * i);
    c->loss[i] = i < 20 ? 2 : i < 40 ? 2 - (i - 20) / 20. : i < 60 ? 1 : 1 + (i - 60) / 20.;
  }
}

static void suggest_raw(curve *c, int64_t n, const double *se) {
  const flr_suggest_options options = flr_suggest_options_defaults();
  suggest_with(c, n, se, &options);
}

/* The consensus of these rates, which are the factor too low. */
static void check_rates(const curve *c, double half_down, double least, double back_up, double factor) {
  const double rates[] = {3 * half_down, least / 2, back_up / 20};
  const flr_suggestion *s = &c->out[FLR_SUGGEST_CONSENSUS];
  const double low = fmin(fmin(rates[0], rates[1]), rates[2]), high = fmax(fmax(rates[0], rates[1]), rates[2]);
  assert_int_equal(s->status, FLR_SUGGEST_OK);
  CHECK_NEAR(s->lr, factor * cbrt(rates[0] * rates[1] * rates[2]), 1e-12, 0);
  CHECK_NEAR(s->spread, high / low, 1e-12, 0);
}

/* That of these points, of a whole trough. */
static void check_consensus(const curve *c, int half_down, int least, int back_up) {
  const flr_suggestion *s = &c->out[FLR_SUGGEST_CONSENSUS];
  check_rates(c, c->lr[half_down], c->lr[least], c->lr[back_up], 1);
  for (int i = 0; i < N; ++i) assert_true(fabs(log(c->lr[s->point] / s->lr)) <= fabs(log(c->lr[i] / s->lr)));
}

static void check_no_consensus(const curve *c, flr_suggest_status status) {
  check_status(c, FLR_SUGGEST_CONSENSUS, status);
  assert_true(isnan(c->out[FLR_SUGGEST_CONSENSUS].spread));
}

static void test_consensus__is_the_mean_of_three_rates(void **state) {
  (void)state;
  curve c;
  make_trough(&c);
  suggest_raw(&c, N, NULL);
  check_consensus(&c, HALF_DOWN, LEAST, BACK_UP);
  for (int kind = 0; kind < FLR_SUGGEST_CONSENSUS; ++kind) assert_true(isnan(c.out[kind].spread));
}

static void test_consensus__follows_the_units(void **state) {
  (void)state;
  curve c;
  make_trough(&c);
  for (int i = 0; i < N; ++i) {
    c.lr[i] *= 37;
    c.loss[i] *= 5;
  }
  suggest_raw(&c, N, NULL);
  check_consensus(&c, HALF_DOWN, LEAST, BACK_UP);
}

/* Half the points of the same curve: trained half as long at every rate. */
static void test_consensus__follows_the_density_of_points(void **state) {
  (void)state;
  curve c, half;
  make_trough(&c);
  half = c;
  for (int i = 0; i < N / 2; ++i) {
    half.lr[i] = c.lr[2 * i];
    half.loss[i] = c.loss[2 * i];
  }
  suggest_raw(&half, N / 2, NULL);
  check_rates(&half, c.lr[HALF_DOWN], c.lr[LEAST], c.lr[BACK_UP], sqrt(.5));
}

/* An uncertain loss counts for little; errors that are not known, or below 2 % of the median loss, are all the same. */
static void test_consensus__weighs_by_standard_errors(void **state) {
  (void)state;
  double se[N];
  curve c;
  make_trough(&c);
  for (int i = 0; i < N; ++i) se[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? 0 : 0.01;
  suggest_raw(&c, N, se);
  check_consensus(&c, HALF_DOWN, LEAST, BACK_UP);
  const double undisturbed = c.out[FLR_SUGGEST_CONSENSUS].lr;
  c.loss[HALF_DOWN] = .1;
  suggest_raw(&c, N, se);
  assert_true(c.out[FLR_SUGGEST_CONSENSUS].lr < .9 * undisturbed);
  se[HALF_DOWN] = 1e8;
  suggest_raw(&c, N, se);
  check_consensus(&c, HALF_DOWN, LEAST, BACK_UP);
}

static void test_consensus__ends_where_the_losses_do(void **state) {
  (void)state;
  curve c;
  make_trough(&c);
  suggest_raw(&c, 70, NULL); /* not back up: the last point stands for that */
  check_consensus(&c, HALF_DOWN, LEAST, 69);
  c.loss[70] = NAN;
  c.loss[71] = 0;
  suggest_raw(&c, N, NULL);
  check_consensus(&c, HALF_DOWN, LEAST, 69);
  c.loss[0] = INFINITY;
  suggest_raw(&c, N, NULL);
  check_no_consensus(&c, FLR_SUGGEST_NONFINITE);
}

/* What a line through the last, wildly different losses would promise beyond them is no minimum. */
static void test_consensus__believes_no_line_beyond_the_losses(void **state) {
  (void)state;
  double se[N] = {0};
  curve c;
  make_trough(&c);
  static const double last[] = {40, 114, 41, 8, 3.4, 470}, errors[] = {5, 15, 6, 2.2, .4, 54};
  for (int i = 0; i < 6; ++i) {
    c.loss[N - 6 + i] = last[i];
    se[N - 6 + i] = errors[i];
  }
  suggest_raw(&c, N, se);
  check_consensus(&c, HALF_DOWN, LEAST, BACK_UP);
}

static void test_consensus__needs_points_that_stand_close(void **state) {
  (void)state;
  curve c;
  make_trough(&c);
  suggest_raw(&c, 0, NULL);
  check_no_consensus(&c, FLR_SUGGEST_TOO_FEW_POINTS);
  suggest_raw(&c, 9, NULL);
  check_no_consensus(&c, FLR_SUGGEST_TOO_FEW_POINTS);
  for (int i = 0; i < 11; ++i) { /* every ninth: 0.72 decades apart */
    c.lr[i] = c.lr[9 * i];
    c.loss[i] = c.loss[9 * i];
  }
  suggest_raw(&c, 11, NULL);
  check_no_consensus(&c, FLR_SUGGEST_TOO_FEW_POINTS);
}

static void test_consensus__the_loss_has_to_fall(void **state) {
  (void)state;
  curve c;
  fill(&c, 60, 1, .1);
  suggest_raw(&c, 60, NULL);
  check_no_consensus(&c, FLR_SUGGEST_MONOTONE);
  fill(&c, 60, 1, 0);
  suggest_raw(&c, 60, NULL);
  check_no_consensus(&c, FLR_SUGGEST_MONOTONE);
  for (int i = 0; i < 60; i += 2) c.loss[i] = 1.1; /* to and fro */
  suggest_raw(&c, 60, NULL);
  check_no_consensus(&c, FLR_SUGGEST_NO_MINIMUM);
}

/* Noise at rates that train nothing moves the fit there, but not what is read off it. */
static void test_consensus__does_not_see_noise_before_the_fall(void **state) {
  (void)state;
  curve c;
  make_trough(&c);
  for (int i = 0; i < 19; ++i) c.loss[i] += i % 2 ? .15 : -.15;
  c.loss[5] = 1.3;
  suggest_raw(&c, N, NULL);
  const flr_suggestion *s = &c.out[FLR_SUGGEST_CONSENSUS];
  assert_int_equal(s->status, FLR_SUGGEST_OK);
  CHECK_NEAR(s->lr, cbrt(3 * c.lr[HALF_DOWN] * c.lr[LEAST] / 2 * c.lr[BACK_UP] / 20), .25, 0);
}

/* Two equal dips: the first is the minimum. */
static void test_consensus__first_of_equal_minima(void **state) {
  (void)state;
  curve c;
  make_trough(&c);
  for (int i = 0; i < N; ++i) c.loss[i] = i < 20 ? 2 : i < 40 ? 1 : i < 80 ? 2 : 3;
  suggest_raw(&c, N, NULL);
  const double lr = c.out[FLR_SUGGEST_CONSENSUS].lr;
  for (int i = 60; i < 80; ++i) c.loss[i] = 1;
  suggest_raw(&c, N, NULL);
  CHECK_NEAR(c.out[FLR_SUGGEST_CONSENSUS].lr, lr, 1e-12, 0);
}

static void check_words(flr_suggest_status status, double spread, const char *wanted) {
  const flr_suggestion suggestion = {.lr = .1, .spread = spread, .status = status};
  char words[FLR_SUGGEST_WORDS];
  flr_suggest_words(words, sizeof words, &suggestion, 1);
  assert_string_equal(words, wanted);
}

static void test_words__tell_what_to_make_of_it(void **state) {
  (void)state;
  check_words(FLR_SUGGEST_OK, NAN, "");
  check_words(FLR_SUGGEST_OK, 3.04, "estimates within 3x");
  check_words(FLR_SUGGEST_OK, 12.3, "estimates disagree by 12x: look at the plot or use --sweep-repeats 3");
  check_words(FLR_SUGGEST_TOO_FEW_POINTS, NAN, "too few points, or too far apart");
  check_words(FLR_SUGGEST_MONOTONE, NAN, "the loss never fell");
  check_words(FLR_SUGGEST_NO_MINIMUM, NAN, "the loss never fell");
  check_words(FLR_SUGGEST_NONFINITE, NAN, "there is no finite loss");
}

static void check_repeated_words(const flr_suggestion *suggestion, const char *wanted) {
  char words[FLR_SUGGEST_WORDS];
  flr_suggest_words(words, sizeof words, suggestion, 3);
  assert_string_equal(words, wanted);
}

static void test_words__tell_of_repeats(void **state) {
  (void)state;
  flr_suggestion s = {.lr = 1e-2, .spread = NAN, .low = 0.008, .high = 0.0123456, .repeats = 3};
  check_repeated_words(&s, "repeats 0.008 to 0.0123");
  s.repeats = 2;
  check_repeated_words(&s, "2 of 3 repeats give 0.008 to 0.0123");
  s.spread = 7;
  check_repeated_words(&s, "estimates within 7x; 2 of 3 repeats give 0.008 to 0.0123");
  s.spread = 30;
  s.repeats = 3;
  s.high = 0.9;
  check_repeated_words(&s,
                       "estimates disagree by 30x: look at the plot or use more points; repeats 0.008 to 0.9, far apart: look "
                       "at the plot");
  CHECK_NEAR(flr_suggest_error_bar(&s), 30, 0, 0);
  s.spread = NAN;
  CHECK_NEAR(flr_suggest_error_bar(&s), 112.5, 1e-12, 0);
  s.status = FLR_SUGGEST_NO_MINIMUM;
  assert_true(isnan(flr_suggest_error_bar(&s)));
  check_repeated_words(&s, "the loss never fell; repeats 0.008 to 0.9, far apart: look at the plot");
  s.repeats = 0;
  s.low = s.high = NAN;
  check_repeated_words(&s, "the loss never fell");
  s.status = FLR_SUGGEST_OK;
  check_repeated_words(&s, "no repeat alone gives a rate");
}

static void test_other__is_the_nearest_rule_that_gave_a_rate(void **state) {
  (void)state;
  flr_suggestion all[FLR_SUGGEST_COUNT];
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; ++kind) all[kind] = (flr_suggestion){.status = FLR_SUGGEST_OK, .lr = 1};
  assert_int_equal(flr_suggest_other(all, FLR_SUGGEST_MINIMUM), FLR_SUGGEST_COUNT); /* there is no need */
  all[FLR_SUGGEST_SLIDE].status = FLR_SUGGEST_TOO_FEW_POINTS;
  assert_int_equal(flr_suggest_other(all, FLR_SUGGEST_SLIDE), FLR_SUGGEST_CONSENSUS);
  all[FLR_SUGGEST_CONSENSUS].status = FLR_SUGGEST_TOO_FEW_POINTS;
  assert_int_equal(flr_suggest_other(all, FLR_SUGGEST_CONSENSUS), FLR_SUGGEST_MINIMUM);
  all[FLR_SUGGEST_MINIMUM].status = FLR_SUGGEST_NO_MINIMUM;
  assert_int_equal(flr_suggest_other(all, FLR_SUGGEST_CONSENSUS), FLR_SUGGEST_STEEPEST);
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; ++kind) all[kind].status = FLR_SUGGEST_MONOTONE;
  assert_int_equal(flr_suggest_other(all, FLR_SUGGEST_CONSENSUS), FLR_SUGGEST_COUNT);
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; ++kind) all[kind].status = FLR_SUGGEST_TOO_FEW_POINTS;
  assert_int_equal(flr_suggest_other(all, FLR_SUGGEST_CONSENSUS), FLR_SUGGEST_COUNT);
}

static void test_smooth__beta_zero_copies(void **state) {
  (void)state;
  const double loss[3] = {1, 5, 2};
  double out[3];
  flr_smooth(out, loss, 3, 0);
  assert_memory_equal(out, loss, sizeof loss);
}

static void test_smooth__matches_the_golden_values(void **state) {
  (void)state;
  double loss[5] = {2.30, 2.28, 2.35, 2.10, 2.05};
  static const double smooth[5] = {2.3, 2.2898989898989868, 2.3103387294245668, 2.2561499508449097, 2.2132374486636044};
  flr_smooth(loss, loss, 5, 0.98);
  for (int i = 0; i < 5; ++i) CHECK_NEAR(loss[i], smooth[i], 1e-13, 0);
}

static void test_names__are_those_of_the_documents(void **state) {
  (void)state;
  assert_string_equal(flr_suggest_name(FLR_SUGGEST_VALLEY), "valley");
  assert_string_equal(flr_suggest_name(FLR_SUGGEST_STEEPEST), "steepest");
  assert_string_equal(flr_suggest_name(FLR_SUGGEST_MINIMUM), "minimum");
  assert_string_equal(flr_suggest_name(FLR_SUGGEST_SLIDE), "slide");
  assert_string_equal(flr_suggest_name(FLR_SUGGEST_CONSENSUS), "consensus");
  assert_string_equal(flr_suggest_status_text(FLR_SUGGEST_OK), "ok");
  assert_string_equal(flr_suggest_status_text(FLR_SUGGEST_TOO_FEW_POINTS), "too-few-points");
  assert_string_equal(flr_suggest_status_text(FLR_SUGGEST_MONOTONE), "monotone");
  assert_string_equal(flr_suggest_status_text(FLR_SUGGEST_NO_MINIMUM), "no-minimum");
  assert_string_equal(flr_suggest_status_text(FLR_SUGGEST_NONFINITE), "nonfinite");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_suggest__smoothed_golden_curve),
      cmocka_unit_test(test_suggest__raw_golden_curve),
      cmocka_unit_test(test_suggest__a_rising_curve_has_no_valley),
      cmocka_unit_test(test_suggest__equal_losses_have_no_valley),
      cmocka_unit_test(test_suggest__a_falling_curve_ends_at_its_minimum),
      cmocka_unit_test(test_suggest__valley_never_leaves_the_curve),
      cmocka_unit_test(test_suggest__few_points_are_told),
      cmocka_unit_test(test_suggest__trims_longer_than_the_curve),
      cmocka_unit_test(test_suggest__default_trims_follow_what_was_asked),
      cmocka_unit_test(test_suggest__the_curve_ends_where_it_is_not_finite),
      cmocka_unit_test(test_suggest__first_of_equal_minima),
      cmocka_unit_test(test_consensus__is_the_mean_of_three_rates),
      cmocka_unit_test(test_consensus__follows_the_units),
      cmocka_unit_test(test_consensus__follows_the_density_of_points),
      cmocka_unit_test(test_consensus__weighs_by_standard_errors),
      cmocka_unit_test(test_consensus__ends_where_the_losses_do),
      cmocka_unit_test(test_consensus__believes_no_line_beyond_the_losses),
      cmocka_unit_test(test_consensus__needs_points_that_stand_close),
      cmocka_unit_test(test_consensus__the_loss_has_to_fall),
      cmocka_unit_test(test_consensus__does_not_see_noise_before_the_fall),
      cmocka_unit_test(test_consensus__first_of_equal_minima),
      cmocka_unit_test(test_words__tell_what_to_make_of_it),
      cmocka_unit_test(test_words__tell_of_repeats),
      cmocka_unit_test(test_other__is_the_nearest_rule_that_gave_a_rate),
      cmocka_unit_test(test_smooth__beta_zero_copies),
      cmocka_unit_test(test_smooth__matches_the_golden_values),
      cmocka_unit_test(test_names__are_those_of_the_documents),
  };
  return cmocka_run_group_tests_name("optim.suggest", tests, NULL, NULL);
}
