/* Charts: the formats, what is shown of odd points, and the room that text takes. */
#include "harness/harness.h"

#include "core/memory.h"
#include "harness/scratch_dir.h"
#include "report/chart.h"
#include "report/plot.h"

enum { N = 50, PATH_ROOM = SCRATCH_PATH + 64 };

static double x[N], rates[N], losses[N];
static flr_chart_line upper[3], lower[2];
static flr_chart_panel panels[2];

static flr_chart make_chart(void) {
  for (int i = 0; i < N; ++i) {
    x[i] = i / 10.0;
    rates[i] = i == 7 ? 0 : 1e-6 * (1 + i);
    losses[i] = i == 9 ? NAN : i == 11 ? INFINITY : 2 - i / 30.0;
  }
  static const double resumed = 2;
  upper[0] = (flr_chart_line){
      .style = FLR_CHART_RULES, .label = "resumed", .colour = "#909090", .dash = 2, .n = 1, .x = &resumed, .y = &resumed};
  upper[1] =
      (flr_chart_line){.label = "it's a_rate", .colour = "#d55e00", .dash = 1, .letter = '*', .n = N, .x = x, .y = rates};
  upper[2] =
      (flr_chart_line){.label = "nothing", .colour = "#000000", .dash = 1, .letter = 'E', .n = 1, .x = x + 7, .y = rates + 7};
  lower[0] = (flr_chart_line){
      .style = FLR_CHART_DOTS, .label = "dots", .colour = "#8fadcf", .letter = '.', .n = N, .x = x, .y = losses};
  lower[1] = (flr_chart_line){
      .style = FLR_CHART_JOINED, .colour = "#d55e00", .dash = 1, .letter = 'V', .n = 2, .x = x + 20, .y = losses + 20};
  panels[0] = (flr_chart_panel){
      .y_label = "learning rate", .low = 1e-6, .high = 1e-4, .logarithmic = 1, .share = 0.6, .line_count = 3, .lines = upper};
  panels[1] = (flr_chart_panel){.y_label = "loss", .low = 0, .high = 2.1, .share = 0.4, .line_count = 2, .lines = lower};
  return (flr_chart){.title = "a 'quoted' `date` $title", .x_label = "epoch", .right = 5, .panel_count = 2, .panels = panels};
}

static void need_gnuplot(void) {
  if (!flr_plot_available()) skip();
}

static void test_svg__holds_title_axes_and_key(void **state) {
  need_gnuplot();
  char path[PATH_ROOM];
  size_t bytes;
  const flr_chart chart = make_chart();
  CHECK_OK(flr_chart_write(scratch_path(path, state, "chart.svg"), &chart));
  char *text = scratch_read(path, &bytes);
  static const char *const wanted[] = {"</svg>", "quoted", "`date` $title", "learning rate", "loss",
                                       "epoch",  "a_rate", "dots",          "resumed"};
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; ++i)
    if (!strstr(text, wanted[i])) fail_msg("the chart lacks \"%s\"", wanted[i]);
  if (strstr(text, "nothing")) fail_msg("a line without a point that can be shown is in the key");
  free(text);
  assert_int_equal(scratch_files(state, 1), 1); /* no temporary file beside it */
}

static void test_png__is_a_picture(void **state) {
  need_gnuplot();
  char path[PATH_ROOM];
  size_t bytes;
  const flr_chart chart = make_chart();
  CHECK_OK(flr_chart_write(scratch_path(path, state, "chart.png"), &chart));
  char *text = scratch_read(path, &bytes);
  assert_true(bytes > 1000);
  assert_memory_equal(text, "\x89PNG\r\n\x1a\n", 8);
  free(text);
  assert_int_equal(scratch_files(state, 1), 1);
}

static void test_write__refuses_other_endings_and_places(void **state) {
  char path[PATH_ROOM];
  const flr_chart chart = make_chart();
  CHECK_FAILS(flr_chart_write(scratch_path(path, state, "chart.pdf"), &chart), FLR_ERROR_USAGE, ".svg or .png");
  need_gnuplot();
  CHECK_FAILS(flr_chart_write(scratch_path(path, state, "missing/chart.svg"), &chart), FLR_ERROR_IO, "missing/chart.svg");
}

static void test_text__fits_and_is_plain(void **state) {
  (void)state;
  need_gnuplot();
  static const int sizes[][2] = {{80, 40}, {60, 32}, {140, 60}, {10, 1}};
  const flr_chart chart = make_chart();
  for (int i = 0; i < 4; ++i) {
    char *text;
    CHECK_OK(flr_chart_text(&text, &chart, sizes[i][0], sizes[i][1]));
    const int columns = sizes[i][0] > 40 ? sizes[i][0] : 40;
    const int rows = sizes[i][1] > flr_chart_least_rows(&chart) ? sizes[i][1] : flr_chart_least_rows(&chart);
    int lines = 0, width = 0;
    for (const char *c = text; *c; ++c) {
      width = *c == '\n' ? 0 : width + 1;
      lines += *c == '\n';
      if (width > columns || (*c != '\n' && (*c < ' ' || *c > '~')))
        fail_msg("wider than %d, or not plain:\n%s", columns, text);
    }
    if (lines > rows) fail_msg("%d lines, not %d:\n%s", lines, rows, text);
    assert_non_null(strstr(text, "a 'quoted' `date` $title\n"));
    assert_non_null(strstr(text, "learning rate\n"));
    assert_non_null(strstr(text, "*  it's a_rate\n"));
    assert_non_null(strstr(text, ".  dots\n"));
    assert_null(strstr(text, "resumed"));
    assert_null(strstr(text, "nothing"));
    flr_free(text);
  }
}

static void test_chart__of_nothing_is_an_empty_frame(void **state) {
  need_gnuplot();
  char path[PATH_ROOM];
  flr_chart chart = make_chart();
  panels[0].line_count = 1; /* the rule alone */
  panels[1].line_count = 0;
  CHECK_OK(flr_chart_write(scratch_path(path, state, "empty.svg"), &chart));
  char *text;
  CHECK_OK(flr_chart_text(&text, &chart, 80, 40));
  flr_free(text);
  assert_int_equal(scratch_files(state, 1), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_svg__holds_title_axes_and_key),           cmocka_unit_test(test_png__is_a_picture),
      cmocka_unit_test(test_write__refuses_other_endings_and_places), cmocka_unit_test(test_text__fits_and_is_plain),
      cmocka_unit_test(test_chart__of_nothing_is_an_empty_frame),
  };
  return cmocka_run_group_tests_name("report.chart", tests, scratch_make, scratch_remove);
}
