/* Both phases of fine-tune against golden values in double precision, and against the steps that fastai 2.8.12 recorded. */
#include "harness/vectors.h"

#include "optim/schedule.h"

static flr_schedule_options settings(int groups, int64_t frozen, int64_t total, double base) {
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = "fine-tune";
  options.groups = groups;
  options.frozen_steps = frozen;
  options.total_steps = total;
  for (int g = 0; g < groups; ++g) options.max_lr[g] = base;
  return options;
}

static flr_schedule make(const flr_schedule_options *options) {
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, options));
  return schedule;
}

/* fastai's formulas, base 2e-3 and 3 groups, 20 frozen steps of 80: peaks 2e-4, 2e-4, 2e-3 at step 19.8, then 1e-5, 1e-4, 1e-3
   at step 20 + 18. */
static void test_fine_tune__matches_fastai_v2(void **state) {
  (void)state;
  static const struct {
    int64_t step;
    double lr[3], momentum;
  } golden[] = {
      {0, {8e-6, 8e-6, 8e-5}, .95},
      {1, {9.2058666870661484e-06, 9.2058666870661484e-06, 9.2058666870661494e-05}, .94937194443381967},
      {10, {.00010552313252814159, .00010552313252814159, .001055231325281416}, .89920670180825957},
      {19, {.00019922766203175636, .00019922766203175636, .0019922766203175637}, .85040225935846026},
      {20, {2e-6, 2e-5, 2e-4}, .95},
      {21, {2.0607689879511681e-06, 2.0607689879511679e-05, .00020607689879511681}, .94924038765061036},
      {38, {1e-5, 1e-4, 1e-3}, .85},
      {44, {9.5048492910687014e-06, 9.5048492910687e-05, .00095048492910687003}, .85495155660487898},
      {79, {1.4080874283959615e-08, 1.4080874283959276e-07, 1.4080874283957379e-06}, .94986018985905896},
      {80, {1e-10, 1e-9, 1e-8}, .95},
      {99, {1e-10, 1e-9, 1e-8}, .95},
  };
  const flr_schedule_options options = settings(3, 20, 80, 2e-3);
  const flr_schedule schedule = make(&options);
  for (size_t i = 0; i < sizeof golden / sizeof golden[0]; ++i) {
    const flr_rates rates = flr_schedule_at(&schedule, golden[i].step);
    for (int g = 0; g < 3; ++g) CHECK_NEAR(rates.lr[g], golden[i].lr[g], 1e-12, 0);
    CHECK_NEAR(rates.momentum, golden[i].momentum, 1e-12, 0);
  }
}

/* div-factor, pct-start and lr-mult are the second phase's; final-div and momenta those of both. */
static void test_fine_tune__own_settings_are_used(void **state) {
  (void)state;
  flr_schedule_options options = settings(2, 100, 300, 1);
  options.div_factor = 10;
  options.pct_start = .5;
  options.lr_mult = 4;
  options.final_div = 100;
  CHECK_OK(flr_schedule_parse_moms(options.moms, "0.9,0.8,0.7"));
  const flr_schedule schedule = make(&options);
  const flr_rates begin = flr_schedule_at(&schedule, 0), peak = flr_schedule_at(&schedule, 99);
  CHECK_NEAR(begin.lr[0], .004, 1e-12, 0);
  CHECK_NEAR(begin.lr[1], .04, 1e-12, 0);
  CHECK_NEAR(begin.momentum, .9, 1e-12, 0);
  CHECK_NEAR(peak.lr[1], 1, 1e-12, 0);
  CHECK_NEAR(peak.momentum, .8, 1e-12, 0);
  const flr_rates second = flr_schedule_at(&schedule, 100), top = flr_schedule_at(&schedule, 200);
  CHECK_NEAR(second.lr[0], .0125, 1e-12, 0);
  CHECK_NEAR(second.lr[1], .05, 1e-12, 0);
  CHECK_NEAR(second.momentum, .9, 1e-12, 0);
  CHECK_NEAR(top.lr[0], .125, 1e-12, 0);
  CHECK_NEAR(top.lr[1], .5, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 300).lr[1], .005, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 300).momentum, .7, 1e-12, 0);
}

static void test_fine_tune__a_rate_of_0_stays_0(void **state) {
  (void)state;
  const flr_schedule_options options = settings(3, 2, 5, 0);
  const flr_schedule schedule = make(&options);
  for (int64_t step = 0; step < 7; ++step)
    for (int g = 0; g < 3; ++g) assert_true(flr_schedule_at(&schedule, step).lr[g] == 0);
}

static void test_fine_tune__refuses_what_leaves_a_phase_empty(void **state) {
  (void)state;
  flr_schedule schedule;
  flr_schedule_options options = settings(1, 2, 5, 1);
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE,
              "--policy fine-tune freezes all layer groups but the last");
  options = settings(2, 5, 5, 1);
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--freeze-epochs: 5 frozen steps of 5");
  options = settings(2, 0, 5, 1);
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--freeze-epochs: 0 frozen steps of 5");
  options = settings(3, 2, 5, 1);
  options.max_lr[0] = .5;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE,
              "--lr: --policy fine-tune makes the rates of layer groups itself");
  options = settings(3, 2, 5, 1);
  options.lr_mult = 0;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--lr-mult 0 is out of range");
}

static double at(const cJSON *array, int i) { return cJSON_GetNumberValue(cJSON_GetArrayItem(array, i)); }

/* fastai's own run: 3 groups, base 0.012, one frozen epoch and one free one. It finds its place in single precision, which
   shows where the rate is small beside its peak. */
static void test_fine_tune__gives_the_rates_that_fastai_recorded(void **state) {
  (void)state;
  cJSON *vectors = vectors_read("parity.json");
  const cJSON *truth = cJSON_GetObjectItem(vectors, "resnet20_adam_finetune");
  const cJSON *lr = cJSON_GetObjectItem(truth, "lr"), *momentum = cJSON_GetObjectItem(truth, "momentum");
  const int steps = cJSON_GetArraySize(lr);
  assert_true(steps > 20 && steps % 2 == 0);
  const flr_schedule_options options = settings(3, steps / 2, steps, .012);
  const flr_schedule schedule = make(&options);
  for (int i = 0; i < steps; ++i) {
    const flr_rates rates = flr_schedule_at(&schedule, i);
    for (int g = 0; g < 3; ++g) CHECK_NEAR(rates.lr[g], at(cJSON_GetArrayItem(lr, i), g), 3e-6, 0);
    CHECK_NEAR(rates.momentum, at(momentum, i), 1e-6, 0);
  }
  cJSON_Delete(vectors);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fine_tune__matches_fastai_v2),
      cmocka_unit_test(test_fine_tune__own_settings_are_used),
      cmocka_unit_test(test_fine_tune__a_rate_of_0_stays_0),
      cmocka_unit_test(test_fine_tune__refuses_what_leaves_a_phase_empty),
      cmocka_unit_test(test_fine_tune__gives_the_rates_that_fastai_recorded),
  };
  return cmocka_run_group_tests_name("optim.fine_tune", tests, NULL, NULL);
}
