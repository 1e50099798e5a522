/* metrics.jsonl read back, as runs leave it: whole, cut off, resumed, rescheduled, of several groups, and not at all. */
#include "harness/harness.h"

#include "harness/scratch_dir.h"
#include "report/run_chart.h"

static const char start[] =
    "{\"event\": \"start\", \"time\": 0, \"config\": {\"batch\":\"32\",\"optimizer\":\"sgd\",\"steps\":\"25\"}, \"model\": "
    "\"cnn\"}\n";

/* Writes metrics.jsonl of a start line and `lines`, and reads it. */
static flr_status read_lines(flr_run_history *h, void **state, const char *lines) {
  char path[SCRATCH_PATH + 64];
  FILE *file = fopen(scratch_path(path, state, "metrics.jsonl"), "w");
  assert_non_null(file);
  fprintf(file, "%s%s", start, lines);
  fclose(file);
  return flr_run_history_read(h, *state);
}

static void add_step(char *lines, int step, const char *lr, const char *loss) {
  sprintf(lines + strlen(lines),
          "{\"event\": \"step\", \"time\": 1, \"step\": %d, \"epoch\": %.17g, \"lr\": %s, \"momentum\": 0.9, \"loss\": %s}\n",
          step, (step + 1) / 10.0, lr, loss);
}

static void add_epoch(char *lines, int epoch, const char *valid) {
  sprintf(lines + strlen(lines),
          "{\"event\": \"epoch\", \"epoch\": %d, \"train_loss\": 1.5, \"valid_loss\": %s, \"error_rate\": 0.125}\n", epoch,
          valid);
}

static void test_history__holds_what_the_run_tells(void **state) {
  flr_run_history h;
  char lines[4096] =
      "{\"event\": \"sweep\", \"i\": 0, \"lr\": 1e-3, \"loss\": 2.5, \"smooth\": 2.25}\n"
      "{\"event\": \"sweep\", \"i\": 1, \"lr\": 1e-2, \"loss\": null, \"smooth\": null}\n"
      "{\"event\": \"suggest\", \"valley\": {\"lr\":0.001,\"status\":\"ok\"}, \"slide\": {\"lr\":null,\"status\":"
      "\"monotone\"}, \"picked\": \"valley\", \"lr\": 0.001}\n";
  add_step(lines, 0, "0.5", "2");
  add_step(lines, 10, "0.25", "null");
  add_epoch(lines, 0, "1.25");
  add_epoch(lines, 1, "null");
  CHECK_OK(read_lines(&h, state, lines));
  assert_string_equal(h.model, "cnn");
  assert_string_equal(h.optimizer, "sgd");
  assert_int_equal(h.batch, 32);
  assert_true(h.planned_steps == 25);
  assert_int_equal(h.sweep_loss.n, 2);
  assert_true(h.sweep_loss.x[1] == 1e-2 && isnan(h.sweep_loss.y[1]) && h.sweep_smooth.y[0] == 2.25);
  assert_int_equal(h.rules, 2);
  assert_string_equal(h.rule[0].name, "valley");
  assert_true(h.rule[0].lr == 0.001 && isnan(h.rule[1].lr));
  assert_int_equal(h.groups, 1);
  assert_int_equal(h.loss.n, 2);
  assert_true(h.loss.x[1] == 10 && isnan(h.loss.y[1]) && h.lr[0].y[1] == 0.25 && h.momentum.y[0] == 0.9 && h.epoch.y[0] == 0.1);
  assert_int_equal(h.valid_loss.n, 2);
  assert_true(h.valid_loss.x[1] == 2 && isnan(h.valid_loss.y[1]) && h.error_rate.y[0] == 0.125 && h.train_loss.y[1] == 1.5);
  assert_int_equal(h.wrong, 0);
  flr_run_history_clear(&h);
}

static void test_history__repeats_and_decays_begin_anew_with_each_sweep(void **state) {
  flr_run_history h;
  static const char sweep[] =
      "{\"event\": \"sweep\", \"i\": 0, \"lr\": 1, \"loss\": 2, \"smooth\": 2, \"smooth_low\": 1, \"smooth_high\": null, "
      "\"losses\": [2, null, "
      "3]}\n{\"event\": \"decay\", \"wd\": 0, \"rates\": [1, 2], \"smooth\": [5, null]}\n{\"event\": \"decay\", \"wd\": 0.5}\n"
      "{\"event\": \"suggest\", \"valley\": {\"lr\":1,\"status\":\"ok\",\"low\":0.5,\"high\":2}, \"wd\": 0.5}\n";
  char lines[4096];
  (void)snprintf(lines, sizeof lines, "%s%s", sweep, sweep);
  CHECK_OK(read_lines(&h, state, lines));
  assert_int_equal(h.repeats, 3);
  assert_true(h.sweep_losses.n == 3 && isnan(h.sweep_losses.y[1]) && h.sweep_losses.y[2] == 3);
  assert_true(h.sweep_low.n == 1 && h.sweep_low.y[0] == 1 && isnan(h.sweep_high.y[0]));
  assert_true(h.rules == 1 && h.rule[0].low == 0.5 && h.rule[0].high == 2 && h.taken == 0.5);
  assert_int_equal(h.decays, 1); /* the other has no curve */
  assert_true(h.decay[0].wd == 0 && h.decay[0].smooth.n == 2 && h.decay[0].smooth.x[1] == 2 && isnan(h.decay[0].smooth.y[1]));
  flr_run_history_clear(&h);
}

static void test_history__a_half_line_at_the_end_is_left_out(void **state) {
  flr_run_history h;
  char lines[4096] = "";
  add_step(lines, 0, "1", "2");
  strcat(lines, "{\"event\": \"step\", \"step\": 1, \"lo");
  CHECK_OK(read_lines(&h, state, lines));
  assert_int_equal(h.loss.n, 1);
  assert_int_equal(h.lines, 2);
  assert_int_equal(h.wrong, 0);
  flr_run_history_clear(&h);
}

static void test_history__wrong_lines_are_counted(void **state) {
  flr_run_history h;
  char lines[4096] = "noise\n[1, 2]\n";
  add_step(lines, 0, "1", "2");
  strcat(lines, "{\"event\": \"step\"}\n{\"event\": \"step\", \"step\": \"x\"}\n{\"event\": 5}\n{}\n");
  CHECK_OK(read_lines(&h, state, lines));
  assert_int_equal(h.loss.n, 1);
  assert_int_equal(h.lines, 8);
  assert_int_equal(h.wrong, 2);
  flr_run_history_clear(&h);
}

static void test_history__steps_done_again_count_once(void **state) {
  flr_run_history h;
  char lines[8192] = "";
  for (int step = 0; step < 20; step += 5) add_step(lines, step, "1", "9");
  add_epoch(lines, 0, "9");
  strcat(lines, "{\"event\": \"resume\", \"step\": 10, \"ranks\": 2, \"rescheduled\": {\"steps\": [\"25\", \"40\"]}}\n");
  for (int step = 10; step < 20; step += 5) add_step(lines, step, "2", "1");
  strcat(lines, "{\"event\": \"rollback\", \"file\": \"c\", \"step\": 12, \"lr_factor\": 0.5}\n");
  add_step(lines, 15, "3", "2");
  add_epoch(lines, 0, "8");
  CHECK_OK(read_lines(&h, state, lines));
  static const double steps[] = {0, 5, 10, 15}, rates[] = {1, 1, 2, 3}, losses[] = {9, 9, 1, 2};
  assert_int_equal(h.loss.n, 4);
  for (int i = 0; i < 4; ++i) assert_true(h.loss.x[i] == steps[i] && h.lr[0].y[i] == rates[i] && h.loss.y[i] == losses[i]);
  assert_int_equal(h.valid_loss.n, 1);
  assert_true(h.valid_loss.y[0] == 8);
  assert_int_equal(h.resumes.n, 2);
  assert_true(h.resumes.x[0] == 10 && h.resumes.y[0] == 0 && h.resumes.x[1] == 12 && h.resumes.y[1] == 1);
  assert_true(h.planned_steps == 40);
  flr_run_history_clear(&h);
}

static void test_history__equal_rates_are_those_of_all_groups(void **state) {
  flr_run_history h;
  char lines[4096] = "";
  add_step(lines, 0, "0.5", "1");
  add_step(lines, 1, "[0.25, 0.5, 1]", "1");
  add_step(lines, 2, "0", "1");
  CHECK_OK(read_lines(&h, state, lines));
  static const double wanted[3][3] = {{.5, .25, 0}, {.5, .5, 0}, {.5, 1, 0}};
  assert_int_equal(h.groups, 3);
  for (int group = 0; group < 3; ++group)
    for (int i = 0; i < 3; ++i) assert_true(h.lr[group].n == 3 && h.lr[group].y[i] == wanted[group][i]);
  flr_run_history_clear(&h);
}

static void test_history__what_is_no_run_is_refused(void **state) {
  flr_run_history h;
  char path[SCRATCH_PATH + 64];
  scratch_files(state, 1);
  CHECK_FAILS(flr_run_history_read(&h, *state), FLR_ERROR_NO_INPUT, "is no run directory: it has no metrics.jsonl");
  flr_run_history_clear(&h);
  CHECK_FAILS(flr_run_history_read(&h, scratch_path(path, state, "nowhere")), FLR_ERROR_NO_INPUT, "No such file");
  FILE *file = fopen(scratch_path(path, state, "metrics.jsonl"), "w");
  assert_non_null(file);
  fputs("lr,loss\n1,2\n", file);
  fclose(file);
  CHECK_FAILS(flr_run_history_read(&h, path), FLR_ERROR_NO_INPUT, "is no folder");
  CHECK_FAILS(flr_run_history_read(&h, *state), FLR_ERROR_DATA, "no line of it is a JSON object");
  flr_run_history_clear(&h);
}

static void test_chart__the_last_epoch_may_be_cut_short(void **state) {
  flr_run_history h;
  flr_run_chart c;
  char lines[8192] = "";
  for (int step = 0; step < 25; ++step) add_step(lines, step, "1", "2");
  for (int epoch = 0; epoch < 3; ++epoch) add_epoch(lines, epoch, "1.25");
  CHECK_OK(read_lines(&h, state, lines));
  CHECK_OK(flr_run_chart_loss(&c, &h, 100, 1));
  assert_string_equal(c.chart.x_label, "epoch");
  assert_true(c.chart.right == 2.5);
  const flr_chart_line *valid = &c.panels[1].lines[0]; /* ten steps an epoch, 25 in all */
  assert_int_equal(valid->n, 3);
  assert_true(valid->x[0] == 1 && valid->x[1] == 2 && valid->x[2] == 2.5 && valid->y[2] == 12.5);
  flr_run_chart_clear(&c);
  flr_run_history_clear(&h);
}

static void test_chart__steps_of_fine_tune_count_from_its_second_phase(void **state) {
  flr_run_history h;
  flr_run_chart c;
  char lines[8192] =
      "{\"event\": \"start\", \"config\": {\"policy\":\"fine-tune\",\"steps\":\"15\"}, \"model\": \"cnn\"}\n"
      "{\"event\": \"phase\", \"phase\": \"frozen\", \"step\": 0}\n";
  for (int step = 0; step < 10; ++step) add_step(lines, step, "1", "2");
  add_epoch(lines, 0, "1");
  strcat(lines, "{\"event\": \"phase\", \"phase\": \"unfrozen\", \"step\": 10}\n");
  for (int step = 10; step < 25; ++step) add_step(lines, step, "1", "2");
  add_epoch(lines, 1, "1");
  add_epoch(lines, 2, "1");
  CHECK_OK(read_lines(&h, state, lines));
  assert_true(h.fine_tune && h.unfrozen == 10);
  CHECK_OK(flr_run_chart_loss(&c, &h, 100, 1));
  const flr_chart_line *valid = &c.panels[1].lines[0];
  assert_true(valid->n == 3 && valid->x[2] == 2.5);
  assert_string_equal(c.labels[0], "unfrozen");
  assert_true(c.lines[0].n == 1 && c.lines[0].x[0] == 1);
  flr_run_chart_clear(&c);
  flr_run_history_clear(&h);
}

static void test_chart__far_apart_rates_have_a_logarithmic_axis(void **state) {
  static const char *const rates[] = {"[1e-6, 1e-5, 1e-4]", "[1e-5, 2e-5, 1e-4]"};
  for (int i = 0; i < 2; ++i) {
    flr_run_history h;
    flr_run_chart c;
    char lines[4096] = "";
    add_step(lines, 0, rates[i], "1");
    add_step(lines, 1, "0", "1");
    CHECK_OK(read_lines(&h, state, lines));
    CHECK_OK(flr_run_chart_schedule(&c, &h, 100));
    assert_string_equal(c.chart.x_label, "step");
    assert_int_equal(c.panels[0].logarithmic, i == 0);
    assert_true(c.panels[0].low < 1e-6 && c.panels[0].high > 1e-4 && (i == 1 || c.panels[0].low > 0));
    assert_int_equal(c.panels[0].line_count, 3);
    flr_run_chart_clear(&c);
    flr_run_history_clear(&h);
  }
}

static void test_chart__a_diverging_end_does_not_squash_the_rest(void **state) {
  flr_run_history h;
  flr_run_chart c;
  char lines[16384] = "", loss[32];
  for (int step = 0; step < 40; ++step) {
    (void)snprintf(loss, sizeof loss, "%g", step < 30 ? 2.0 - step / 20.0 : step < 38 ? 1e6 : NAN);
    add_step(lines, step, "1", step < 38 ? loss : "null");
  }
  CHECK_OK(read_lines(&h, state, lines));
  CHECK_OK(flr_run_chart_loss(&c, &h, 1000, 1));
  assert_true(c.panels[0].high > 2 && c.panels[0].high < 3);
  int told = 0;
  for (int i = 0; i < c.line_count; ++i)
    told += strstr(c.labels[i], "each batch (8 above)") != NULL || strcmp(c.labels[i], "not finite (2)") == 0;
  assert_int_equal(told, 2);
  flr_run_chart_clear(&c);
  flr_run_history_clear(&h);
}

static void test_chart__nothing_to_draw_is_said(void **state) {
  flr_run_history h;
  flr_run_chart c;
  char lines[4096] = "";
  CHECK_OK(read_lines(&h, state, lines));
  CHECK_FAILS(flr_run_chart_schedule(&c, &h, 100), FLR_ERROR_NO_INPUT, "no step was logged");
  flr_run_chart_clear(&c);
  flr_run_history_clear(&h);
  add_step(lines, 0, "1", "null");
  CHECK_OK(read_lines(&h, state, lines));
  CHECK_FAILS(flr_run_chart_loss(&c, &h, 100, 1), FLR_ERROR_NO_INPUT, "none that was logged is finite");
  flr_run_chart_clear(&c);
  flr_run_history_clear(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_history__holds_what_the_run_tells),
      cmocka_unit_test(test_history__repeats_and_decays_begin_anew_with_each_sweep),
      cmocka_unit_test(test_history__a_half_line_at_the_end_is_left_out),
      cmocka_unit_test(test_history__wrong_lines_are_counted),
      cmocka_unit_test(test_history__steps_done_again_count_once),
      cmocka_unit_test(test_history__equal_rates_are_those_of_all_groups),
      cmocka_unit_test(test_history__what_is_no_run_is_refused),
      cmocka_unit_test(test_chart__the_last_epoch_may_be_cut_short),
      cmocka_unit_test(test_chart__steps_of_fine_tune_count_from_its_second_phase),
      cmocka_unit_test(test_chart__far_apart_rates_have_a_logarithmic_axis),
      cmocka_unit_test(test_chart__a_diverging_end_does_not_squash_the_rest),
      cmocka_unit_test(test_chart__nothing_to_draw_is_said),
  };
  return cmocka_run_group_tests_name("report.run_history", tests, scratch_make, scratch_remove);
}
