/* Schedules and group rates against golden values in double precision. */
#include "harness/harness.h"

#include "optim/schedule.h"

enum { STEPS = 100 };

static flr_schedule make(const char *policy, int64_t steps, double max) {
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = policy;
  options.total_steps = steps;
  options.max_lr[0] = max;
  if (strcmp(policy, "fine-tune") == 0) {
    options.groups = 2;
    options.max_lr[1] = max;
    options.frozen_steps = steps / 3;
  }
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

typedef struct golden {
  int64_t step;
  double lr, momentum; /* momentum NAN: not looked at */
} golden;

static void check_golden(const flr_schedule *schedule, const golden *rows, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const flr_rates rates = flr_schedule_at(schedule, rows[i].step);
    CHECK_NEAR(rates.lr[0], rows[i].lr, 1e-12, 0);
    if (!isnan(rows[i].momentum)) CHECK_NEAR(rates.momentum, rows[i].momentum, 1e-12, 0);
  }
}

static void test_one_cycle_v2__matches_fastai_v2(void **state) {
  (void)state;
  static const golden rows[] = {{0, 4e-4, .95},
                                {1, 4.378494336905042e-4, .9496057350657239},
                                {24, 9.962150566309494e-3, NAN},
                                {25, 1e-2, .85},
                                {26, 9.995614194352787e-3, NAN},
                                {62, 5.104761052295791e-3, .8989528790058321},
                                {99, 4.485805647213027e-6, .9499561415049429},
                                {100, 1e-7, .95},
                                {120, 1e-7, .95}};
  const flr_schedule schedule = make("one-cycle-v2", STEPS, 1e-2);
  check_golden(&schedule, rows, sizeof rows / sizeof rows[0]);
}

static void test_one_cycle_v2__ends_at_its_third_momentum(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = "one-cycle-v2";
  options.total_steps = STEPS;
  options.max_lr[0] = 1;
  CHECK_OK(flr_schedule_parse_moms(options.moms, "0.9,0.8,0.7"));
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  CHECK_NEAR(flr_schedule_at(&schedule, 0).momentum, .9, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 25).momentum, .8, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 100).momentum, .7, 1e-12, 0);
}

static void test_one_cycle_torch__matches_pytorch(void **state) {
  (void)state;
  static const golden rows[] = {{0, 4e-4, .95},
                                {1, 4.2813780565907275e-4, .9497068978577179},
                                {29, 1e-2, .85},
                                {30, 9.994965352845242e-3, .8500503466729342},
                                {65, 4.775696745544034e-3, .9022432415175257},
                                {99, 4e-8, .95},
                                {100, 4e-8, .95}};
  const flr_schedule schedule = make("one-cycle-torch", STEPS, 1e-2);
  check_golden(&schedule, rows, sizeof rows / sizeof rows[0]);
}

static void test_one_cycle_torch3__matches_pytorch(void **state) {
  (void)state;
  static const golden rows[] = {{0, 4e-4, .95},
                                {29, 1e-2, .85},
                                {30, 9.971862194340927e-3, NAN},
                                {58, 4e-4, .95},
                                {59, 3.994132189207244e-4, .95},
                                {80, 1.770856085888279e-4, .95},
                                {99, 4e-8, .95},
                                {300, 4e-8, .95}};
  const flr_schedule schedule = make("one-cycle-torch3", STEPS, 1e-2);
  check_golden(&schedule, rows, sizeof rows / sizeof rows[0]);
}

static void test_torch__phases_without_length_are_at_their_end(void **state) {
  (void)state;
  /* pct_start * steps is 1 here: PyTorch itself divides by zero */
  flr_schedule_options options = flr_schedule_options_defaults();
  options.total_steps = 4;
  options.pct_start = .25;
  options.max_lr[0] = 1;
  static const char *const policies[] = {"one-cycle-torch", "one-cycle-torch3"};
  for (int i = 0; i < 2; ++i) {
    flr_schedule schedule;
    options.policy = policies[i];
    CHECK_OK(flr_schedule_init(&schedule, &options));
    CHECK_NEAR(flr_schedule_at(&schedule, 0).lr[0], 1, 1e-12, 0);
    CHECK_NEAR(flr_schedule_at(&schedule, 3).lr[0], 1 / 25e4, 1e-12, 0);
  }
}

static void test_annihilate__matches_gugger(void **state) {
  (void)state;
  static const golden rows[] = {{0, .08, .95},
                                {1, .096, .9477777777777777},
                                {22, .432, .9011111111111111},
                                {45, .8, .85},
                                {46, .784, .8522222222222222},
                                {67, .448, .8988888888888888},
                                {90, .08, .95},
                                {91, .07208, .95},
                                {95, .0404, .95},
                                {99, .00872, .95},
                                {100, .0008, .95}};
  const flr_schedule schedule = make("annihilate", STEPS, .8);
  check_golden(&schedule, rows, sizeof rows / sizeof rows[0]);
}

static void test_annihilate__is_defined_when_short_or_without_its_last_part(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = "annihilate";
  options.max_lr[0] = 1;
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options)); /* one step */
  CHECK_NEAR(flr_schedule_at(&schedule, 0).lr[0], .1, 1e-12, 0);
  options.total_steps = 10;
  options.annihilate_pct = 0;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  CHECK_NEAR(flr_schedule_at(&schedule, 5).lr[0], 1, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 10).lr[0], .1, 1e-12, 0);
}

static void test_flat_cos__is_flat_then_falls(void **state) {
  (void)state;
  /* at p = 1/5 and 4/5 of the last quarter: (1 + cos 36 degrees) / 2 and its complement */
  const double c = .904508497187473712, end = 1e-5;
  const golden rows[] = {
      {0, 1, .9}, {74, 1, .9}, {75, 1, .9}, {80, end + (1 - end) * c, .9}, {95, end + (1 - end) * (1 - c), .9}, {100, end, .9}};
  const flr_schedule schedule = make("flat-cos", STEPS, 1);
  check_golden(&schedule, rows, sizeof rows / sizeof rows[0]);
}

static void test_sgdr__restarts_and_stretches(void **state) {
  (void)state;
  /* three cycles of 10, 20 and 40 of 70 steps */
  static const golden rows[] = {{0, 1, .9},  {5, .5, .9},  {9, .024471741852423213, .9},  {10, 1, .9}, {20, .5, .9},
                                {30, 1, .9}, {50, .5, .9}, {69, .0015413331334360180, .9}};
  const flr_schedule schedule = make("sgdr", 70, 1);
  check_golden(&schedule, rows, sizeof rows / sizeof rows[0]);
  assert_true(fabs(flr_schedule_at(&schedule, 70).lr[0]) < 1e-15);
}

static void test_sgdr__equal_cycles_repeat(void **state) {
  (void)state;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = "sgdr";
  options.total_steps = 28;
  options.cycles = 4;
  options.cycle_mult = 1;
  options.max_lr[0] = 3e-3;
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  for (int64_t step = 0; step < 28; ++step)
    CHECK_NEAR(flr_schedule_at(&schedule, step).lr[0], 3e-3 / 2 * (1 + cos(M_PI * (double)(step % 7) / 7)), 1e-12, 0);
}

static void test_every_policy__is_a_pure_function_that_its_resolved_options_give_again(void **state) {
  (void)state;
  for (int i = 0; flr_schedule_policy_name(i); ++i)
    for (int64_t steps = 7; steps <= 1000; steps += 331) { /* (few: a cycle of sgdr needs a step) */
      const flr_schedule schedule = make(flr_schedule_policy_name(i), steps, .1);
      flr_schedule again;
      CHECK_OK(flr_schedule_init(&again, &schedule.options));
      for (int64_t step = steps + 2; step >= 0; --step) {
        const flr_rates a = flr_schedule_at(&schedule, step), b = flr_schedule_at(&again, step);
        assert_true(a.lr[0] == b.lr[0] && a.momentum == b.momentum);
        assert_true(a.lr[0] >= 0 && a.lr[0] <= .1 * (1 + 1e-14) && a.momentum >= .85 - 1e-14 && a.momentum <= .95 + 1e-14);
      }
    }
}

static void check_unused(const char *policy, double *number, int64_t *count, flr_schedule_options *options,
                         const char *option) {
  char words[120];
  flr_schedule schedule;
  (void)snprintf(words, sizeof words, "--policy %s takes no %s", policy, option);
  options->policy = policy;
  if (number) *number = .5;
  if (count) *count = 2;
  CHECK_FAILS(flr_schedule_init(&schedule, options), FLR_ERROR_USAGE, words);
  if (number) *number = NAN;
  if (count) *count = -1;
}

static void test_init__refuses_options_the_policy_has_no_use_for(void **state) {
  (void)state;
  flr_schedule_options o = flr_schedule_options_defaults();
  o.total_steps = STEPS;
  o.max_lr[0] = 1;
  check_unused("constant", &o.pct_start, NULL, &o, "--pct-start");
  check_unused("constant", &o.final_div, NULL, &o, "--final-div");
  check_unused("flat-cos", &o.div_factor, NULL, &o, "--div-factor");
  check_unused("annihilate", &o.pct_start, NULL, &o, "--pct-start");
  check_unused("annihilate", &o.final_div, NULL, &o, "--final-div");
  check_unused("one-cycle", &o.annihilate_pct, NULL, &o, "--annihilate-pct");
  check_unused("sgdr", &o.final_div, NULL, &o, "--final-div");
  check_unused("one-cycle-torch", NULL, &o.cycles, &o, "--cycles");
  check_unused("one-cycle-v2", NULL, &o.cycle_mult, &o, "--cycle-mult");
  check_unused("one-cycle-v2", &o.lr_mult, NULL, &o, "--lr-mult");
  check_unused("fine-tune", &o.annihilate_pct, NULL, &o, "--annihilate-pct");
  check_unused("fine-tune", NULL, &o.cycles, &o, "--cycles");
}

static void test_sgdr__refuses_cycles_without_steps(void **state) {
  (void)state;
  flr_schedule schedule;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = "sgdr";
  options.max_lr[0] = 1;
  options.total_steps = 6;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "a cycle makes no steps");
  options.total_steps = 7;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  options.cycles = 10000;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--cycles 10000");
  options.cycles = 0;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--cycles 0");
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
  options.pct_start = .05; /* no whole step */
  flr_schedule schedule;
  CHECK_OK(flr_schedule_init(&schedule, &options));
  CHECK_NEAR(flr_schedule_at(&schedule, 0).lr[0], 1. / 25, 1e-12, 0);
  CHECK_NEAR(flr_schedule_at(&schedule, 1).lr[0], 1, 1e-12, 0);
  /* the second phase has all ten steps and is shifted by one: p = 5/10 at step 6 */
  CHECK_NEAR(flr_schedule_at(&schedule, 6).lr[0], (1 + 1. / 250000) / 2, 1e-12, 0);
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
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE,
              "one-cycle-torch3, annihilate, flat-cos, sgdr, constant");
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
  for (int i = 0; i < 4; ++i) {
    static const double outside[] = {1.5, 1, 0, -.1};
    options.pct_start = outside[i];
    CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "above 0 and below 1");
  }
  options.policy = "one-cycle-torch3";
  options.pct_start = .6;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--pct-start 0.6");
  options = good;
  options.policy = "annihilate";
  options.annihilate_pct = 1;
  CHECK_FAILS(flr_schedule_init(&schedule, &options), FLR_ERROR_USAGE, "--annihilate-pct 1");
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
      cmocka_unit_test(test_one_cycle_v2__matches_fastai_v2),
      cmocka_unit_test(test_one_cycle_v2__ends_at_its_third_momentum),
      cmocka_unit_test(test_one_cycle_torch__matches_pytorch),
      cmocka_unit_test(test_one_cycle_torch3__matches_pytorch),
      cmocka_unit_test(test_torch__phases_without_length_are_at_their_end),
      cmocka_unit_test(test_annihilate__matches_gugger),
      cmocka_unit_test(test_annihilate__is_defined_when_short_or_without_its_last_part),
      cmocka_unit_test(test_flat_cos__is_flat_then_falls),
      cmocka_unit_test(test_sgdr__restarts_and_stretches),
      cmocka_unit_test(test_sgdr__equal_cycles_repeat),
      cmocka_unit_test(test_sgdr__refuses_cycles_without_steps),
      cmocka_unit_test(test_every_policy__is_a_pure_function_that_its_resolved_options_give_again),
      cmocka_unit_test(test_init__refuses_options_the_policy_has_no_use_for),
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
