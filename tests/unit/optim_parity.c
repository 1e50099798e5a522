/* Sweeps recorded by fastai 2.8.12 fed through our range test and our suggestions (tests/vectors/README.md). */
#include "harness/vectors.h"

#include "optim/lr_range.h"
#include "optim/suggest.h"

enum { MOST_POINTS = 100 };

static cJSON *parity;

static int read_parity(void **state) {
  (void)state;
  parity = vectors_read("parity.json");
  return 0;
}

static int free_parity(void **state) {
  (void)state;
  cJSON_Delete(parity);
  return 0;
}

static double item(const cJSON *entry, const char *array, int i) {
  return cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(entry, array), i));
}

/* What the last, stopping batch's loss must have been: fastai records its smoothed loss but not the loss itself. */
static double last_loss(const cJSON *entry, const flr_sweep *sweep) {
  const double beta = sweep->options.beta;
  const double corrected = item(entry, "smooth", (int)sweep->count) * (1 - pow(beta, (double)sweep->count + 1));
  return (corrected - beta * sweep->ewma) / (1 - beta);
}

/* Runs the entry's losses through a sweep; the verdicts before the last are CONTINUE. */
static flr_sweep_verdict replay(flr_sweep *sweep, const cJSON *entry) {
  const flr_sweep_options options = flr_sweep_options_defaults();
  CHECK_OK(flr_sweep_init(sweep, &options));
  const int known = cJSON_GetArraySize(cJSON_GetObjectItem(entry, "loss"));
  assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(entry, "smooth")), known + 1);
  for (int i = 0; i < known; ++i)
    assert_int_equal(flr_sweep_record(sweep, item(entry, "loss", i), NAN, 75, 0), FLR_SWEEP_CONTINUE);
  return flr_sweep_record(sweep, last_loss(entry, sweep), NAN, 75, 0);
}

/* The point of fastai's suggestion: where on the recorded curve its rate (times `factor`) lies. */
static int64_t fastai_point(const cJSON *entry, const char *name, double factor) {
  const double lr = cJSON_GetNumberValue(cJSON_GetObjectItem(entry, name)) * factor;
  const int n = cJSON_GetArraySize(cJSON_GetObjectItem(entry, "lrs"));
  for (int i = 0; i < n; ++i)
    if (fabs(item(entry, "lrs", i) / lr - 1) < 1e-3) return i;
  fail_msg("%s: %g is no rate of the curve", name, lr);
  return -1;
}

static void check_suggestions(const flr_sweep *sweep, const cJSON *entry, const char *title) {
  static const struct {
    flr_suggest_kind kind;
    const char *name;
    double factor;
  } rules[] = {{FLR_SUGGEST_VALLEY, "valley", 1},
               {FLR_SUGGEST_STEEPEST, "steepest", 1},
               {FLR_SUGGEST_MINIMUM, "minimum", 10},
               {FLR_SUGGEST_SLIDE, "slide", 1}};
  double lr[MOST_POINTS], loss[MOST_POINTS], smooth[MOST_POINTS], scratch[2 * MOST_POINTS];
  for (int64_t i = 0; i < sweep->count; ++i) {
    lr[i] = sweep->points[i].lr;
    loss[i] = sweep->points[i].loss;
    smooth[i] = sweep->points[i].smooth;
  }
  flr_suggest_options options = flr_suggest_options_defaults();
  options.asked = sweep->options.iterations;
  flr_suggestion out[FLR_SUGGEST_COUNT];
  const flr_suggest_curve curve = {.n = sweep->count, .lr = lr, .loss = loss, .smooth = smooth};
  flr_suggest(out, &curve, &options, scratch);
  for (size_t r = 0; r < sizeof rules / sizeof rules[0]; ++r) {
    const flr_suggestion *ours = &out[rules[r].kind];
    const int64_t theirs = fastai_point(entry, rules[r].name, rules[r].factor);
    assert_int_equal(ours->status, FLR_SUGGEST_OK);
    if (ours->point != theirs)
      fail_msg("%s: %s at point %lld, fastai at %lld", title, rules[r].name, (long long)ours->point, (long long)theirs);
    CHECK_NEAR(ours->lr * rules[r].factor, lr[theirs], 1e-12, 0);
  }
}

static void check_entry(const char *title, int points, flr_sweep_verdict verdict) {
  const cJSON *entry = cJSON_GetObjectItem(parity, title);
  assert_non_null(entry);
  flr_sweep sweep;
  assert_int_equal(replay(&sweep, entry), verdict);
  assert_int_equal(sweep.count, points);
  for (int i = 0; i < points; ++i) {
    CHECK_NEAR(sweep.points[i].lr, item(entry, "lrs", i), 1e-6, 0);
    CHECK_NEAR(sweep.points[i].smooth, item(entry, "smooth", i), 1e-5, 0);
  }
  check_suggestions(&sweep, entry, title);
  flr_sweep_clear(&sweep);
}

static void test_find__mlp_sgd(void **state) {
  (void)state;
  check_entry("find_mlp_sgd", 100, FLR_SWEEP_FINISHED);
}

static void test_find__mlp_adam(void **state) {
  (void)state;
  check_entry("find_mlp_adam", 89, FLR_SWEEP_DIVERGED);
}

static void test_find__resnet20_sgd(void **state) {
  (void)state;
  check_entry("find_resnet20_sgd", 100, FLR_SWEEP_DIVERGED);
}

static void test_find__resnet20_adam(void **state) {
  (void)state;
  check_entry("find_resnet20_adam", 99, FLR_SWEEP_DIVERGED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_find__mlp_sgd),
      cmocka_unit_test(test_find__mlp_adam),
      cmocka_unit_test(test_find__resnet20_sgd),
      cmocka_unit_test(test_find__resnet20_adam),
  };
  return cmocka_run_group_tests_name("optim.parity", tests, read_parity, free_parity);
}
