/* A gnuplot that never answers. */
#include "harness/harness.h"

#include <time.h>

#include "harness/scratch_dir.h"
#include "report/plot.h"

static void test_gnuplot__hanging_is_ended(void **state) {
  char path[SCRATCH_PATH + 64];
  const double x[] = {1e-3, 1e-2}, y[] = {2, 1};
  const flr_plot_curve curve = {.title = "two points", .n = 2, .x = x, .y = y};
  char *old = scratch_program(state, "gnuplot", "exec sleep 1000");
  const time_t began = time(NULL);
  CHECK_FAILS(flr_plot_write(scratch_path(path, state, "sweep.svg"), &curve), FLR_ERROR_IO, "did not finish within 20 seconds");
  scratch_restore_path(old);
  const time_t waited = time(NULL) - began;
  assert_true(waited >= 19 && waited < 40);
  assert_int_equal(scratch_files(state, 1), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gnuplot__hanging_is_ended),
  };
  return cmocka_run_group_tests_name("report.plot_timeout", tests, scratch_make, scratch_remove);
}
