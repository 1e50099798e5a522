/* What a person sees of a run, on a terminal and in a file. */
#include "harness/harness.h"

#include <fcntl.h>
#include <unistd.h>

#include "report/progress.h"

/* A log into memory and a progress on it. */
typedef struct screen {
  char *text;
  size_t bytes;
  FILE *stream;
  flr_log *log;
  flr_progress *progress;
} screen;

static void open_screen(screen *s, int terminal, flr_log_level level) {
  memset(s, 0, sizeof *s);
  s->stream = open_memstream(&s->text, &s->bytes);
  assert_non_null(s->stream);
  CHECK_OK(flr_log_create(&s->log, s->stream, level, terminal));
  CHECK_OK(flr_progress_create(&s->progress, s->log));
}

static void close_screen(screen *s) {
  flr_progress_destroy(s->progress);
  flr_log_destroy(s->log);
  fclose(s->stream);
  free(s->text);
}

/* What was written so far. */
static const char *look(screen *s) {
  fflush(s->stream);
  return s->text;
}

static int count(const char *text, char letter) {
  int found = 0;
  for (; *text; ++text) found += *text == letter;
  return found;
}

static flr_progress_state training(int64_t step) {
  return (flr_progress_state){.phase = "train",
                              .step = step,
                              .steps = 1000,
                              .epoch = (double)(step + 1) / 100,
                              .epochs = 10,
                              .loss = 0.4321,
                              .metric = 0.0516,
                              .lr = 3e-3,
                              .samples = 64 * (step + 1)};
}

static void update(screen *s, int64_t step) {
  const flr_progress_state state = training(step);
  flr_progress_update(s->progress, &state);
}

static void test_plain__one_line_in_ten_seconds(void **state) {
  (void)state;
  screen s;
  open_screen(&s, 0, FLR_LOG_INFO);
  for (int64_t step = 0; step < 500; ++step) update(&s, step);
  assert_string_equal(look(&s), "train  epoch 0.01/10  step 1/1000  loss 0.4321  error 5.16 %  lr 3.00e-03\n");
  flr_progress_finish(s.progress); /* the next phase begins with its line */
  update(&s, 0);
  assert_int_equal(count(look(&s), '\n'), 2);
  close_screen(&s);
}

static void test_plain__a_new_phase_shows_at_once(void **state) {
  (void)state;
  screen s;
  open_screen(&s, 0, FLR_LOG_INFO);
  update(&s, 0);
  const flr_progress_state sweep = {.phase = "sweep", .steps = 100, .loss = 2.3, .metric = NAN, .lr = 1e-7, .samples = 64};
  flr_progress_update(s.progress, &sweep);
  assert_non_null(strstr(look(&s), "\nsweep  step 1/100  loss 2.3000  lr 1.00e-07\n"));
  close_screen(&s);
}

static void test_plain__tells_which_part_of_a_phase(void **state) {
  (void)state;
  screen s;
  open_screen(&s, 0, FLR_LOG_INFO);
  flr_progress_state sweep = {
      .phase = "sweep", .part = "repeat 1 of 3", .step = 4, .steps = 100, .later = 200, .loss = 2.3, .metric = NAN, .lr = 1e-7};
  flr_progress_update(s.progress, &sweep);
  sweep.part = "repeat 2 of 3";
  sweep.step = 0;
  flr_progress_update(s.progress, &sweep); /* a new part shows at once */
  assert_non_null(strstr(look(&s), "sweep  repeat 1 of 3  step 5/100  loss 2.3000  lr 1.00e-07\n"));
  assert_non_null(strstr(look(&s), "\nsweep  repeat 2 of 3  step 1/100  loss 2.3000  lr 1.00e-07\n"));
  close_screen(&s);
}

static void test_quiet__shows_nothing(void **state) {
  (void)state;
  for (int terminal = 0; terminal < 2; ++terminal) {
    screen s;
    open_screen(&s, terminal, FLR_LOG_WARNING);
    update(&s, 0);
    assert_string_equal(look(&s), "");
    close_screen(&s);
  }
}

static void test_null_log__does_nothing(void **state) {
  (void)state;
  flr_progress *progress = NULL;
  CHECK_OK(flr_progress_create(&progress, NULL));
  const flr_progress_state s = training(0);
  flr_progress_update(progress, &s);
  flr_progress_finish(progress);
  flr_progress_destroy(progress);
  flr_progress_update(NULL, &s);
  flr_progress_finish(NULL);
  flr_progress_destroy(NULL);
}

/* Standard error is no terminal while this runs, so that COLUMNS counts. */
static int hide_terminal(void) {
  const int saved = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
  return saved;
}

static void restore_terminal(int saved) {
  dup2(saved, STDERR_FILENO);
  close(saved);
}

/* Draws twice, 0.15 s apart, and returns the last live line, without the code that erases the one before. */
static void draw_twice(char line[300], const char *columns) {
  screen s;
  const int saved = hide_terminal();
  setenv("COLUMNS", columns, 1);
  open_screen(&s, 1, FLR_LOG_INFO);
  update(&s, 0);
  usleep(150000);
  for (int64_t step = 1; step <= 100; ++step) update(&s, step); /* drawn at the first, too soon for the rest */
  restore_terminal(saved);
  const char *text = look(&s);
  assert_int_equal(count(text, '\r'), 1);
  const char *last = strrchr(text, 'K');
  assert_non_null(last);
  (void)snprintf(line, 300, "%s", last + 1);
  flr_progress_finish(s.progress);
  const char *after = look(&s);
  assert_string_equal(after + strlen(after) - 4, "\r\033[K"); /* removed */
  close_screen(&s);
}

static void test_terminal__redraws_at_most_ten_times_a_second(void **state) {
  (void)state;
  char line[300];
  draw_twice(line, "200");
  assert_non_null(strstr(line, "train  epoch 0.02/10  step 2/1000  loss 0.4321  error 5.16 %  lr 3.00e-03  "));
  /* 64 samples in 0.15 s or somewhat more, 998 steps left at a step in that time */
  const char *speed = strstr(line, "lr 3.00e-03  ") + strlen("lr 3.00e-03  ");
  const double rate = atof(speed);
  assert_non_null(strstr(speed, " samples/s  left "));
  assert_true(rate > 5 && rate < 430);
  char left[16];
  const double seconds = 998 * 64 / rate;
  (void)snprintf(left, sizeof left, "%s", strstr(speed, "left ") + 5);
  assert_true(atof(left) == floor(seconds / 60) ||
              fabs(fmod(seconds, 60) - 30) > 29); /* whole minutes agree, but at their ends */
}

static void test_terminal__lines_fit_its_width(void **state) {
  (void)state;
  static const char *const widths[] = {"120", "80", "60", "40", "21"};
  char line[300];
  for (int i = 0; i < 5; ++i) {
    draw_twice(line, widths[i]);
    if (strlen(line) >= (size_t)atoi(widths[i])) fail_msg("\"%s\" does not fit %s columns", line, widths[i]);
    assert_memory_equal(line, "train", 5);
    assert_true(line[strlen(line) - 1] != ' ');
    if (i < 4) assert_non_null(strstr(line, "loss 0.4321")); /* the last things to go: the loss and the time left */
  }
}

static void test_duration__is_short(void **state) {
  (void)state;
  static const struct {
    double seconds;
    const char *text;
  } cases[] = {{0, "0.0s"},     {0.8, "0.8s"}, {9.94, "9.9s"},    {9.96, "10s"},   {59.4, "59s"},
               {59.6, "1m00s"}, {65, "1m05s"}, {3599.7, "1h00m"}, {7380, "2h03m"}, {86400 * 3 + 3600 * 4, "3d04h"},
               {-1, "?"},       {NAN, "?"},    {INFINITY, "?"}};
  char text[16];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    assert_string_equal(flr_format_duration(text, cases[i].seconds), cases[i].text);
}

static void test_progress__shows_the_rates_of_the_first_and_the_last_group(void **state) {
  (void)state;
  screen s;
  flr_progress_state now = training(10);
  now.groups = 3;
  now.lr_first = 1e-5;
  now.momentum = 0.85;
  open_screen(&s, 0, FLR_LOG_INFO);
  flr_progress_update(s.progress, &now);
  assert_non_null(strstr(look(&s), "lr 1.00e-05:3.00e-03  mom 0.850"));
  close_screen(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plain__one_line_in_ten_seconds),
      cmocka_unit_test(test_plain__a_new_phase_shows_at_once),
      cmocka_unit_test(test_plain__tells_which_part_of_a_phase),
      cmocka_unit_test(test_quiet__shows_nothing),
      cmocka_unit_test(test_null_log__does_nothing),
      cmocka_unit_test(test_terminal__redraws_at_most_ten_times_a_second),
      cmocka_unit_test(test_terminal__lines_fit_its_width),
      cmocka_unit_test(test_duration__is_short),
      cmocka_unit_test(test_progress__shows_the_rates_of_the_first_and_the_last_group),
  };
  return cmocka_run_group_tests_name("report.progress", tests, NULL, NULL);
}
