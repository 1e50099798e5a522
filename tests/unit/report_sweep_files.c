/* The sweep's table reads back to the same numbers. */
#include "harness/harness.h"

#include "harness/scratch_dir.h"
#include "report/sweep_files.h"

enum { PATH_ROOM = SCRATCH_PATH + 64, N = 3 };

static const double lr[N] = {1e-7, 1.202264434617413e-07, 1. / 3}, loss[N] = {2.3, 2.2898989898989868, INFINITY},
                    smooth[N] = {2.3, 2.1, NAN}, se[N] = {0.25, NAN, 0.125};
static const int64_t samples[N] = {64, 64, 17};

static void test_csv__reads_back_the_same(void **state) {
  char path[PATH_ROOM];
  scratch_path(path, state, "sweep.csv");
  const flr_sweep_columns columns = {.n = N, .lr = lr, .loss = loss, .smooth = smooth, .se = se, .samples = samples};
  CHECK_OK(flr_sweep_write_csv(path, &columns));
  size_t bytes = 0;
  char *text = scratch_read(path, &bytes), *rest = NULL;
  assert_non_null(text);
  assert_string_equal(strtok_r(text, "\n", &rest), "lr,loss,smooth,se,samples");
  for (int i = 0; i < N; ++i) {
    const double wanted[4] = {lr[i], loss[i], smooth[i], se[i]};
    char *cursor = strtok_r(NULL, "\n", &rest);
    assert_non_null(cursor);
    for (int c = 0; c < 4; ++c) {
      const double got = strtod(cursor, &cursor);
      assert_true(isfinite(wanted[c]) ? got == wanted[c] : isnan(got));
      assert_int_equal(*cursor++, ',');
    }
    assert_int_equal(strtoll(cursor, NULL, 10), samples[i]);
  }
  assert_null(strtok_r(NULL, "\n", &rest));
  free(text);
  assert_int_equal(scratch_files(state, 1), 1); /* no temporary name is left */
}

static void test_csv__of_several_sweeps(void **state) {
  static const double low[] = {2.25, 2}, high[] = {2.5, INFINITY}, losses[] = {2.25, 2, 2.5, NAN};
  char path[PATH_ROOM];
  scratch_path(path, state, "repeats.csv");
  const flr_sweep_columns columns = {.n = 2,
                                     .lr = lr,
                                     .loss = loss,
                                     .smooth = smooth,
                                     .low = low,
                                     .high = high,
                                     .smooth_low = smooth,
                                     .smooth_high = high,
                                     .repeats = 2,
                                     .losses = losses};
  CHECK_OK(flr_sweep_write_csv(path, &columns));
  size_t bytes = 0;
  char *text = scratch_read(path, &bytes);
  assert_non_null(text);
  assert_non_null(strstr(text, "lr,loss,smooth,se,samples,low,high,smooth_low,smooth_high,loss1,loss2\n"));
  assert_non_null(strstr(text, ",nan,0,2.25,2.5,2.2999999999999998,2.5,2.25,2.5\n"));
  assert_non_null(strstr(text, ",nan,0,2,nan,2.1000000000000001,nan,2,nan\n"));
  free(text);
  scratch_files(state, 1);
}

static void test_csv__unknown_columns(void **state) {
  char path[PATH_ROOM];
  scratch_path(path, state, "bare.csv");
  const flr_sweep_columns columns = {.n = 1, .lr = lr, .loss = loss, .smooth = smooth};
  CHECK_OK(flr_sweep_write_csv(path, &columns));
  size_t bytes = 0;
  char *text = scratch_read(path, &bytes);
  assert_non_null(text);
  assert_non_null(strstr(text, ",nan,0\n"));
  free(text);
  scratch_files(state, 1);
}

static void test_csv__failure_leaves_the_old_file(void **state) {
  char path[PATH_ROOM];
  const flr_sweep_columns columns = {.n = 1, .lr = lr, .loss = loss, .smooth = smooth};
  scratch_path(path, state, "missing/sweep.csv");
  CHECK_FAILS(flr_sweep_write_csv(path, &columns), FLR_ERROR_IO, "missing/sweep.csv");
  CHECK_FAILS(flr_sweep_write_csv(*state, &columns), FLR_ERROR_IO, "cannot rename"); /* a directory of that name */
  assert_int_equal(scratch_files(state, 0), 0);
  char beside[PATH_ROOM + 32]; /* the temporary name of the second */
  (void)snprintf(beside, sizeof beside, "%s.tmp.%ld", (const char *)*state, (long)getpid());
  assert_int_equal(access(beside, F_OK), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_csv__reads_back_the_same),
      cmocka_unit_test(test_csv__of_several_sweeps),
      cmocka_unit_test(test_csv__unknown_columns),
      cmocka_unit_test(test_csv__failure_leaves_the_old_file),
  };
  return cmocka_run_group_tests_name("report.sweep_files", tests, scratch_make, scratch_remove);
}
