/* Plots: the formats, what they show, and what happens without a working gnuplot. */
#include "harness/harness.h"

#include "core/memory.h"
#include "harness/scratch_dir.h"
#include "report/plot.h"

enum { N = 100, PATH_ROOM = SCRATCH_PATH + 64 };

static double x[N], y[N], raw[N];
static flr_plot_marker markers[2];

static flr_plot_curve make_curve(void) {
  for (int i = 0; i < N; ++i) {
    x[i] = 1e-7 * pow(1e8, i / (double)N);
    const double l = log10(x[i]);
    y[i] = 2.3 - 1.6 / (1 + exp(-2.5 * (l + 3))) + exp(5 * l);
    raw[i] = y[i] + (i % 2 ? .05 : -.05);
  }
  markers[0] = (flr_plot_marker){"steepest: 1.00e-03", x[50], y[50]};
  markers[1] = (flr_plot_marker){"minimum/10: 6.92e-03", x[73], y[73]};
  return (flr_plot_curve){
      .title = "Range test of a_b, 'quoted' `date`", .n = N, .x = x, .y = y, .raw = raw, .markers = markers, .marker_count = 2};
}

static char *read_back(const char *path, size_t *bytes) {
  char *text = scratch_read(path, bytes);
  assert_non_null(text);
  assert_true(*bytes > 1000);
  return text;
}

static void need_gnuplot(void) {
  if (!flr_plot_available()) skip();
}

static void test_svg__holds_title_axes_and_markers(void **state) {
  need_gnuplot();
  char path[PATH_ROOM];
  const flr_plot_curve curve = make_curve();
  CHECK_OK(flr_plot_write(scratch_path(path, state, "sweep.svg"), &curve));
  size_t bytes = 0;
  char *text = read_back(path, &bytes);
  assert_non_null(strstr(text, "<svg"));
  assert_non_null(strstr(text, "</svg>"));
  static const char *const wanted[] = {"Range test of a_b, ",
                                       "quoted",
                                       "`date`",
                                       "learning rate (log scale)",
                                       "loss",
                                       "each batch",
                                       "smoothed",
                                       "steepest: 1.00e-03",
                                       "minimum/10: 6.92e-03"};
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; ++i)
    if (!strstr(text, wanted[i])) fail_msg("the plot lacks \"%s\"", wanted[i]);
  free(text);
  assert_int_equal(scratch_files(state, 1), 1); /* no temporary file beside it */
}

/* Raw losses of two sweeps and a band that ends above the frame and, at last, nowhere. */
static void test_svg__shows_the_band_of_several_sweeps(void **state) {
  need_gnuplot();
  static double low[N], high[N], both[2 * N];
  char path[PATH_ROOM];
  flr_plot_curve curve = make_curve();
  for (int i = 0; i < N; i++) {
    low[i] = y[i] - 0.1;
    high[i] = i > 90 ? INFINITY : y[i] + 0.1;
    both[i] = raw[i];
    both[N + i] = i > 80 ? NAN : raw[i] + 0.2;
  }
  curve.low = low;
  curve.high = high;
  curve.raw = both;
  curve.raw_count = 2;
  CHECK_OK(flr_plot_write(scratch_path(path, state, "band.svg"), &curve));
  size_t bytes = 0;
  char *text = read_back(path, &bytes);
  assert_non_null(strstr(text, "band of the repeats"));
  assert_null(strstr(text, "nan"));
  free(text);
  assert_int_equal(scratch_files(state, 1), 1);
  char *page;
  CHECK_OK(flr_plot_text(&page, &curve, 78, 22)); /* without band */
  assert_null(strstr(page, "band"));
  flr_free(page);
}

static void test_png__is_a_picture(void **state) {
  need_gnuplot();
  char path[PATH_ROOM];
  const flr_plot_curve curve = make_curve();
  CHECK_OK(flr_plot_write(scratch_path(path, state, "sweep.png"), &curve));
  size_t bytes = 0;
  char *text = read_back(path, &bytes);
  assert_memory_equal(text, "\x89PNG\r\n\x1a\n", 8);
  assert_memory_equal(text + bytes - 8, "IEND\xae\x42\x60\x82", 8);
  free(text);
  assert_int_equal(scratch_files(state, 1), 1);
}

static void test_write__refuses_other_endings(void **state) {
  char path[PATH_ROOM];
  const flr_plot_curve curve = make_curve();
  CHECK_FAILS(flr_plot_write(scratch_path(path, state, "sweep.pdf"), &curve), FLR_ERROR_USAGE, ".svg or .png");
}

static void test_write__tells_where_it_cannot(void **state) {
  need_gnuplot();
  char path[PATH_ROOM];
  const flr_plot_curve curve = make_curve();
  CHECK_FAILS(flr_plot_write(scratch_path(path, state, "missing/sweep.svg"), &curve), FLR_ERROR_IO, "missing/sweep.svg");
}

/* The script that draws the curve, given to a gnuplot that keeps it. */
static char *kept_script(void **state, const flr_plot_curve *curve) {
  char path[PATH_ROOM], kept[PATH_ROOM], body[2 * PATH_ROOM];
  size_t bytes = 0;
  (void)snprintf(body, sizeof body, "cat >'%s'; exit 1", scratch_path(kept, state, "kept"));
  char *old = scratch_program(state, "gnuplot", body);
  CHECK_FAILS(flr_plot_write(scratch_path(path, state, "sweep.svg"), curve), FLR_ERROR_IO, "");
  scratch_restore_path(old);
  return read_back(kept, &bytes);
}

static void find_range(const char *script, double *low, double *high) {
  const char *range = strstr(script, "set yrange [");
  assert_non_null(range);
  assert_int_equal(sscanf(range, "set yrange [%lf:%lf]", low, high), 2);
}

static void test_axes__follow_the_curve_not_a_marker_on_its_diverging_end(void **state) {
  flr_plot_curve curve = make_curve();
  double low, high, marked_low, marked_high, at, height;
  curve.raw = NULL;
  markers[1] = (flr_plot_marker){"far up", x[N - 1], y[N - 1]};
  curve.marker_count = 0;
  char *without = kept_script(state, &curve);
  find_range(without, &low, &high);
  assert_true(high < y[N - 1]);
  curve.marker_count = 2;
  char *with = kept_script(state, &curve);
  find_range(with, &marked_low, &marked_high);
  CHECK_NEAR(marked_low, low, 1e-12, 1);
  CHECK_NEAR(marked_high, high, 1e-12, 1);
  const char *marker = strstr(with, "$marker1 << EOD\n");
  assert_non_null(marker);
  assert_int_equal(sscanf(marker, "$marker1 << EOD\n%lf %lf", &at, &height), 2);
  CHECK_NEAR(at, x[N - 1], 1e-12, 1e-3);
  CHECK_NEAR(height, high, 1e-12, 1);
  (void)scratch_files(state, 1);
  free(without);
  free(with);
}

/* Lines of the text, the longest of them, and whether all is printable ASCII. */
static void measure(const char *text, int *lines, int *widest, int *clean) {
  int width = 0;
  *lines = *widest = 0;
  *clean = 1;
  for (; *text; ++text) {
    if (*text == '\n') {
      ++*lines;
      width = 0;
      continue;
    }
    if (++width > *widest) *widest = width;
    if (*text < ' ' || *text > '~') *clean = 0;
  }
}

/* The letter is in the plot once, and once more below it. */
static void check_letter(const char *text, char letter) {
  int seen = 0;
  for (const char *c = strchr(text, '|'); *c; ++c) seen += *c == letter;
  if (seen != 2) fail_msg("%c is there %d times:\n%s", letter, seen, text);
}

static void test_text__fits_and_explains_its_letters(void **state) {
  (void)state;
  need_gnuplot();
  static const int sizes[][2] = {{80, 24}, {60, 20}, {140, 40}};
  const flr_plot_curve curve = make_curve();
  for (int i = 0; i < 3; ++i) {
    char *text = NULL;
    int lines, widest, clean;
    CHECK_OK(flr_plot_text(&text, &curve, sizes[i][0], sizes[i][1]));
    measure(text, &lines, &widest, &clean);
    if (widest > sizes[i][0] || lines > sizes[i][1] || !clean) fail_msg("%d lines, %d wide:\n%s", lines, widest, text);
    assert_non_null(strstr(text, "A  steepest: 1.00e-03\n"));
    assert_non_null(strstr(text, "B  minimum/10: 6.92e-03\n"));
    assert_non_null(strstr(text, "learning rate (log scale)"));
    assert_non_null(strstr(text, "1e-5"));
    assert_non_null(strstr(text, "*  smoothed loss   .  each batch\n"));
    check_letter(text, 'A');
    check_letter(text, 'B');
    assert_non_null(strstr(text, "**"));
    flr_free(text);
  }
}

static void test_text__markers_of_one_place_are_all_seen(void **state) {
  (void)state;
  need_gnuplot();
  flr_plot_curve curve = make_curve();
  const flr_plot_marker same[3] = {{"one", x[60], y[60]}, {"two", x[60], y[60]}, {"three", x[60], y[60]}};
  curve.markers = same;
  curve.marker_count = 3;
  char *text = NULL;
  CHECK_OK(flr_plot_text(&text, &curve, 80, 30));
  for (char letter = 'A'; letter <= 'C'; ++letter) {
    check_letter(text, letter);
  }
  flr_free(text);
}

static void test_text__leaves_out_what_is_not_finite(void **state) {
  (void)state;
  need_gnuplot();
  flr_plot_curve curve = make_curve();
  y[10] = NAN;
  y[11] = INFINITY;
  raw[12] = -INFINITY;
  markers[0].y = NAN;
  char *text = NULL;
  CHECK_OK(flr_plot_text(&text, &curve, 80, 24));
  assert_null(strstr(text, "steepest"));
  assert_non_null(strstr(text, "B  minimum/10"));
  flr_free(text);
}

static void test_text__linear_axis_single_point_and_flat_curve(void **state) {
  (void)state;
  need_gnuplot();
  flr_plot_curve curve = make_curve();
  curve.linear_x = 1;
  char *text = NULL;
  CHECK_OK(flr_plot_text(&text, &curve, 80, 24));
  assert_null(strstr(text, "log scale"));
  flr_free(text);
  curve.linear_x = 0;
  curve.n = 1;
  curve.marker_count = 0;
  CHECK_OK(flr_plot_text(&text, &curve, 80, 24));
  flr_free(text);
  curve.n = N;
  curve.raw = NULL;
  for (int i = 0; i < N; ++i) y[i] = 0;
  CHECK_OK(flr_plot_text(&text, &curve, 80, 24));
  flr_free(text);
}

static void test_text__nothing_to_show_is_told(void **state) {
  (void)state;
  flr_plot_curve curve = make_curve();
  char *text = NULL;
  for (int i = 0; i < N; ++i) y[i] = NAN;
  CHECK_FAILS(flr_plot_text(&text, &curve, 80, 24), FLR_ERROR_DATA, "none of the 100 points");
  curve.n = 0;
  CHECK_FAILS(flr_plot_text(&text, &curve, 80, 24), FLR_ERROR_DATA, "none of the 0 points");
  assert_null(text);
}

static void test_gnuplot__missing(void **state) {
  char path[PATH_ROOM];
  const flr_plot_curve curve = make_curve();
  char *old = strdup(getenv("PATH"));
  setenv("PATH", *state, 1);
  assert_false(flr_plot_available());
  CHECK_FAILS(flr_plot_write(scratch_path(path, state, "sweep.svg"), &curve), FLR_ERROR_UNAVAILABLE, "no gnuplot in PATH");
  unsetenv("PATH");
  assert_false(flr_plot_available());
  setenv("PATH", "", 1);
  assert_false(flr_plot_available());
  scratch_restore_path(old);
  assert_int_equal(scratch_files(state, 0), 0);
}

static void test_gnuplot__failing_leaves_nothing(void **state) {
  static const char *const bodies[] = {"echo 'no such terminal' >&2; exit 1", "exec <&-; echo 'no such terminal' >&2; exit 3",
                                       "cat >/dev/null; echo 'no such terminal' >&2",
                                       "echo 'no such terminal' >&2; kill -9 $$"};
  char path[PATH_ROOM];
  const flr_plot_curve curve = make_curve();
  for (int i = 0; i < 4; ++i) {
    char *old = scratch_program(state, "gnuplot", bodies[i]);
    CHECK_FAILS(flr_plot_write(scratch_path(path, state, "sweep.svg"), &curve), FLR_ERROR_IO, "no such terminal");
    scratch_restore_path(old);
    assert_int_equal(scratch_files(state, 1), 1); /* the script alone */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_svg__holds_title_axes_and_markers),
      cmocka_unit_test(test_svg__shows_the_band_of_several_sweeps),
      cmocka_unit_test(test_png__is_a_picture),
      cmocka_unit_test(test_axes__follow_the_curve_not_a_marker_on_its_diverging_end),
      cmocka_unit_test(test_write__refuses_other_endings),
      cmocka_unit_test(test_write__tells_where_it_cannot),
      cmocka_unit_test(test_text__fits_and_explains_its_letters),
      cmocka_unit_test(test_text__markers_of_one_place_are_all_seen),
      cmocka_unit_test(test_text__leaves_out_what_is_not_finite),
      cmocka_unit_test(test_text__linear_axis_single_point_and_flat_curve),
      cmocka_unit_test(test_text__nothing_to_show_is_told),
      cmocka_unit_test(test_gnuplot__missing),
      cmocka_unit_test(test_gnuplot__failing_leaves_nothing),
  };
  return cmocka_run_group_tests_name("report.plot", tests, scratch_make, scratch_remove);
}
