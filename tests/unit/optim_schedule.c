/* Schedules and group rates against golden values in double precision. */
#include "harness/harness.h"

#include "optim/schedule.h"

enum { STEPS = 100 };

static flr_schedule make(const char *policy, int64_t steps, double max) {
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = policy;
  options.total_steps = steps;
  options.max_lr[0] = max;
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  return schedule;
}

static void test_one_cycle__matches_fastai_v1(void **state) {
  (void)state;
  static const struct {
    int64_t step;
    double lr, momentum;
  } golden[] = {{0, 4e-4, .95},  {1, 4.262949022322878e-4, .9497260947684136}, {29, 9.973705097767712e-3, .8502739052315863},
                {30, 1e-2, .85}, {65, (1e-2 + 1e-2 / 250000) / 2, .9},         {99, 5.07464715475788e-6, .9499496533270657}};
  const flr_schedule schedule = make("one-cycle", STEPS, 1e-2);
  for (size_t i = 0; i < sizeof golden / sizeof golden[0]; ++i) {
    const flr_rates rates = flr_schedule_at(&schedule, golden[i].step);
    CHECK_NEAR(rates.lr[0], golden[i].lr, 1e-12, 0);
    CHECK_NEAR(rates.momentum, golden[i].momentum, 1e-12, 0);
  }
}

static void test_one_cycle__stays_at_its_end_after_the_last_step(void **state) {
  (void)state;
  const flr_schedule schedule = make("one-cycle", STEPS, 1e-2);
  for (int64_t step = STEPS; step < STEPS + 3; ++step) {
    CHECK_NEAR(flr_schedule_at(&schedule, step).lr[0], 1e-2 / 250000, 1e-12, 0);
    CHECK_NEAR(flr_schedule_at(&schedule, step).momentum, .95, 1e-12, 0);
  }
}

static void test_one_cycle__without_warm_up_peaks_at_step_one(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.total_steps = 10;
  options.max_lr[0] = 1;
  options.pct_start = 0;
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  CHECK_NEAR(flr_schedule_at(&schedule, 0).lr[0], 1. / 25, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 1).lr[0], 1, 1e-12, 0);
  /* the second phase has all ten steps and is shifted by one: p = 5/10 at step 6 */
  CHECK_NEAR(flr_schedule_at(&schedule, 6).lr[0], (1 + 1. / 250000) / 2, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 11).lr[0], 1. / 250000, 1e-9, 0);
}

static void test_one_cycle__all_warm_up_still_falls_at_the_end(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.total_steps = 10;
  options.max_lr[0] = 1;
  options.pct_start = 1;
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  CHECK_NEAR(flr_schedule_at(&schedule, 10).lr[0], 1, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 11).lr[0], 1. / 250000, 1e-9, 0);
}

static void test_one_cycle__single_step_is_defined(void **state) {
  (void)state;
  const flr_schedule schedule = make("one-cycle", 1, 1e-2);
  CHECK_NEAR(flr_schedule_at(&schedule, 0).lr[0], 4e-4, 1e-12, 0);
}

static void test_one_cycle__groups_keep_their_ratios(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.total_steps = STEPS;
  options.groups = 3;
  CHECK_OK(flr_parse_group_rates(options.max_lr, 3, "1e-5:1e-3", "--lr"));
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  for (int64_t step = 0; step <= STEPS; ++step) {
    const flr_rates rates = flr_schedule_at(&schedule, step);
    CHECK_NEAR(rates.lr[1] / rates.lr[0], 10, 1e-9, 0);
    CHECK_NEAR(rates.lr[2] / rates.lr[1], 10, 1e-9, 0);
  }
}

static void test_one_cycle__own_settings_are_used(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.total_steps = STEPS;
  options.max_lr[0] = 1;
  options.div_factor = 10;
  options.pct_start = .5;
  options.final_div = 1000;
  options.moms[0] = .9;
  options.moms[1] = .8;
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  CHECK_NEAR(flr_schedule_at(&schedule, 0).lr[0], .1, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 25).lr[0], .55, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 50).lr[0], 1, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 50).momentum, .8, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 100).lr[0], 1e-3, 1e-12, 0);
}

static void test_constant__never_changes(void **state) {
  (void)state;
  const flr_schedule schedule = make("constant", STEPS, 3e-2);
  for (int64_t step = 0; step < STEPS + 10; step += 7) {
    assert_true(flr_schedule_at(&schedule, step).lr[0] == 3e-2);
    assert_true(flr_schedule_at(&schedule, step).momentum == .9);
  }
}

static void test_init__copies_hold_no_borrowed_text(void **state) {
  (void)state;
  char name[] = "constant";
  flr_schedule schedule = make(name, 5, 1);
  memset(name, 'x', sizeof name - 1);
  assert_string_equal(schedule.options.policy, "constant");
  assert_string_equal(flr_schedule_policy_name(schedule.policy), "constant");
  flr_schedule again; /* what a checkpoint stores makes the same schedule */
  CHECK_OK(flr_schedule_init(&again, &schedule.options));
  assert_true(again.policy == schedule.policy && again.options.moms[0] == schedule.options.moms[0]);
}

static void test_policy_names__end_with_null(void **state) {
  (void)state;
  int count = 0;
  while (flr_schedule_policy_name(count)) ++count;
  assert_true(count >= 2);
  assert_null(flr_schedule_policy_name(-1));
}

static void test_init__refuses_wrong_options(void **state) {
  (void)state;
  flr_schedule schedule;
  flr_schedule_options good = flr_schedule_options_defaults();
  good.max_lr[0] = 1e-2;
  flr_schedule_options options = good;
  options.policy = "zigzag";
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--policy zigzag");
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "one-cycle, constant");
  options.policy = NULL;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--policy");
  options = good;
  options.total_steps = 0;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--steps 0");
  options = good;
  options.groups = FLR_MAX_GROUPS + 1;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "1..16");
  options = good;
  options.max_lr[0] = -1;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--lr -1");
  options = good;
  options.pct_start = 1.5;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--pct-start 1.5");
  options = good;
  options.div_factor = 0;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--div-factor 0");
  options = good;
  options.final_div = INFINITY;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--final-div");
  options = good;
  options.moms[1] = 1;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--moms 1");
  options = good;
  options.moms[2] = .5;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "takes two values");
}

static void check_rates(const char *text, int groups, double a, double b, double c) {
  double rates[FLR_MAX_GROUPS];
  CHECK_OK(flr_parse_group_rates(rates, groups, text, "--lr"));
  CHECK_NEAR(rates[0], a, 1e-14, 0);
  if (groups > 1) CHECK_NEAR(rates[1], b, 1e-14, 0);
  if (groups > 2) CHECK_NEAR(rates[2], c, 1e-14, 0);
}

static void test_group_rates__all_forms(void **state) {
  (void)state;
  check_rates("3e-3", 3, 3e-3, 3e-3, 3e-3);
  check_rates("1e-5:1e-3", 3, 1e-5, 1e-4, 1e-3);
  check_rates(":2e-3", 3, 2e-4, 2e-4, 2e-3);
  check_rates("2e-3", 1, 2e-3, 0, 0);
  check_rates("0:2e-3", 3, 2e-4, 2e-4, 2e-3);
  check_rates("1e-4,2e-4,0", 3, 1e-4, 2e-4, 0);
  check_rates("0", 2, 0, 0, 0);
}

static void test_group_rates__refuse_what_they_cannot_read(void **state) {
  (void)state;
  static const char *const bad[] = {"",     "abc",   "1e-3x", "-1", "nan", "inf", "1,2",  "1,2,3,4", "1,,3",
                                    "1,2,", "1:2:3", ":",     "1:", "a:1", "1:0", "1:-1", "1;2;3"};
  double rates[FLR_MAX_GROUPS];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i)
    CHECK_FAILS(flr_parse_group_rates(rates, 3, bad[i], "--sweep-start"), FLR_ERROR_USAGE, "--sweep-start");
  CHECK_FAILS(flr_parse_group_rates(rates, 3, "1,2", "--lr"), FLR_ERROR_USAGE, "2 values, the model 3 layer groups");
  CHECK_FAILS(flr_parse_group_rates(rates, 3, NULL, "--lr"), FLR_ERROR_USAGE, "--lr");
  CHECK_FAILS(flr_parse_group_rates(rates, 1, "1e-5:1e-3", "--lr"), FLR_ERROR_USAGE, "there is only one");
  CHECK_FAILS(flr_parse_group_rates(rates, 1, ":1e-3", "--sweep-end"), FLR_ERROR_USAGE, "--sweep-end: :1e-3 spreads rates");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_cycle__matches_fastai_v1),
      cmocka_unit_test(test_one_cycle__stays_at_its_end_after_the_last_step),
      cmocka_unit_test(test_one_cycle__without_warm_up_peaks_at_step_one),
      cmocka_unit_test(test_one_cycle__all_warm_up_still_falls_at_the_end),
      cmocka_unit_test(test_one_cycle__single_step_is_defined),
      cmocka_unit_test(test_one_cycle__groups_keep_their_ratios),
      cmocka_unit_test(test_one_cycle__own_settings_are_used),
      cmocka_unit_test(test_constant__never_changes),
      cmocka_unit_test(test_init__copies_hold_no_borrowed_text),
      cmocka_unit_test(test_policy_names__end_with_null),
      cmocka_unit_test(test_init__refuses_wrong_options),
      cmocka_unit_test(test_group_rates__all_forms),
      cmocka_unit_test(test_group_rates__refuse_what_they_cannot_read),
  };
  return cmocka_run_group_tests_name("optim.schedule", tests, NULL, NULL);
}
