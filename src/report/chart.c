/* The scripts that make gnuplot draw charts. */
#include "report/chart.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "report/gnuplot.h"
#include "report/plot_script.h"
#include "report/replace_file.h"
#include "report/run_log.h"

enum { HEIGHT = 620, HEIGHT_OF_MORE = 820, MANY = 50 };
static const double title_share = 0.07; /* of a picture of several panels */

static int has_label(const flr_chart_line *line) { return line->label && line->label[0]; }

static int shown(const flr_chart_panel *panel, double x, double y) {
  return isfinite(x) && isfinite(y) && (!panel->logarithmic || y > 0);
}

static int64_t count_shown(const flr_chart_panel *panel, const flr_chart_line *line) {
  int64_t count = 0;
  for (int64_t i = 0; i < line->n; ++i) count += shown(panel, line->x[i], line->y[i]);
  return count;
}

static void write_points(FILE *script, int index, const flr_chart_panel *panel, const flr_chart_line *line) {
  char a[32], b[32];
  fprintf(script, "$line%d << EOD\n", index);
  for (int64_t i = 0; i < line->n; ++i)
    if (shown(panel, line->x[i], line->y[i]))
      fprintf(script, "%s %s\n", flr_format_number(a, line->x[i], "NaN"), flr_format_number(b, line->y[i], "NaN"));
  fputs("EOD\n", script);
}

static void write_axes(FILE *script, const flr_chart *chart, const flr_chart_panel *panel, flr_plot_format format) {
  fprintf(script, "set xrange [%.17g:%.17g] noextend\nset yrange [%.17g:%.17g] noextend\n", chart->left, chart->right,
          panel->low, panel->high);
  fputs("set ylabel ", script);
  flr_plot_quote(script, panel->y_label);
  fputs(" noenhanced\nset format x '%g'\n", script);
  if (!panel->logarithmic) {
    fputs("unset logscale y\nset ytics autofreq\nset format y '%g'\n", script);
    return;
  }
  fprintf(script, "set logscale y 10\nset ytics 10\n%s", format == FLR_PLOT_TEXT ? "unset mytics\n" : "");
  fprintf(script, "set format y '%s'\n", format == FLR_PLOT_TEXT ? "1e%L" : "10^{%L}");
}

/* The vertical lines of a panel; its entry in the key is a line of no points. */
static void write_rules(FILE *script, const flr_chart_line *line) {
  for (int64_t i = 0; i < line->n; ++i)
    if (isfinite(line->x[i]))
      fprintf(script, "set arrow from first %.17g, graph 0 to first %.17g, graph 1 nohead back dt %d lw 1.4 lc rgb '%s'\n",
              line->x[i], line->x[i], line->dash, line->colour);
}

/* ---- pictures ---- */

static void write_line(FILE *script, int index, const flr_chart_line *line, flr_plot_format format) {
  const double scale = format == FLR_PLOT_SVG ? 0.6 : 1.9; /* the two draw points of one size differently */
  const char *colour = line->colour;
  if (line->style == FLR_CHART_RULES)
    fprintf(script, "NaN with lines lw 1.4 dt %d lc rgb '%s'", line->dash, colour);
  else if (line->style == FLR_CHART_DOTS)
    fprintf(script, "$line%d using 1:2 with points pt 7 ps %g lc rgb '%s'", index, 0.45 * scale, colour);
  else if (line->style == FLR_CHART_CROSSES)
    fprintf(script, "$line%d using 1:2 with points pt 2 ps %g lw 1.6 lc rgb '%s'", index, 1.2 * scale, colour);
  else if (line->style == FLR_CHART_JOINED)
    fprintf(script, "$line%d using 1:2 with linespoints pt 7 ps %g lw 2.2 dt %d lc rgb '%s'", index,
            line->n > MANY ? scale / 2 : scale, line->dash, colour);
  else
    fprintf(script, "$line%d using 1:2 with lines lw 2.6 dt %d lc rgb '%s'", index, line->dash, colour);
  if (!has_label(line)) {
    fputs(" notitle", script);
    return;
  }
  fputs(" title ", script);
  flr_plot_quote(script, line->label);
  fputs(" noenhanced", script);
}

static int is_empty(const flr_chart_panel *panel, const flr_chart_line *line) {
  return line->style != FLR_CHART_RULES && count_shown(panel, line) == 0;
}

static void write_panel(FILE *script, const flr_chart *chart, const flr_chart_panel *panel, flr_plot_format format) {
  const char *separator = "plot ";
  write_axes(script, chart, panel, format);
  fputs("unset arrow\n", script);
  for (int i = 0; i < panel->line_count; ++i) {
    write_points(script, i, panel, &panel->lines[i]);
    if (panel->lines[i].style == FLR_CHART_RULES) write_rules(script, &panel->lines[i]);
  }
  for (int i = 0; i < panel->line_count; ++i) {
    if (is_empty(panel, &panel->lines[i])) continue; /* gnuplot takes no empty data */
    fputs(separator, script);
    write_line(script, i, &panel->lines[i], format);
    separator = ", ";
  }
  fputs(separator[0] == 'p' ? "plot NaN notitle\n" : "\n", script);
}

/* Panels share their left and right margins, so that their axes stand above one another; only the last names x. */
static void write_picture(FILE *script, const flr_chart *chart, flr_plot_format format) {
  const int several = chart->panel_count > 1;
  double top = 1 - (several ? title_share : 0);
  flr_plot_look(script, format, several ? HEIGHT_OF_MORE : HEIGHT);
  fputs("set lmargin at screen 0.13\nset rmargin at screen 0.97\n", script);
  fputs(several ? "set multiplot title " : "set title ", script);
  flr_plot_quote(script, chart->title);
  fputs(several ? " noenhanced font ',18'\n" : " noenhanced\n", script);
  for (int i = 0; i < chart->panel_count; ++i) {
    const flr_chart_panel *panel = &chart->panels[i];
    const double height = panel->share * (1 - (several ? title_share : 0));
    top -= height;
    if (several) fprintf(script, "set size 1, %g\nset origin 0, %g\n", height, top);
    if (i == chart->panel_count - 1) {
      fputs("set xlabel ", script);
      flr_plot_quote(script, chart->x_label);
      fputs("\n", script);
    }
    write_panel(script, chart, panel, format);
  }
  if (several) fputs("unset multiplot\n", script);
}

/* ---- text ---- */

static void write_text_line(FILE *script, int index, const flr_chart_line *line) {
  if (line->style == FLR_CHART_LINE && line->letter == '*')
    fprintf(script, "$line%d using 1:2 with lines lt 1", index);
  else
    fprintf(script, "$line%d using 1:2 with points pt '%c'", index, line->letter);
}

/* About a tick in three rows, where gnuplot would put labels into one another: 1, 2 or 5 times a power of ten apart. */
static double tick_step(double span, int rows) {
  const double least = span / fmax(1, rows / 3.0), power = pow(10, floor(log10(least)));
  return power * (least <= power ? 1 : least <= 2 * power ? 2 : least <= 5 * power ? 5 : 10);
}

/* The last panel has the x axis with its words; each has its own label above its axis. */
static void write_text_frame(FILE *script, const flr_chart *chart, int index, int columns, int rows) {
  const flr_chart_panel *panel = &chart->panels[index];
  const int last = index == chart->panel_count - 1, top = 1, bottom = last ? FLR_PLOT_BOTTOM : 1;
  flr_plot_text_look(script, columns, rows);
  fprintf(script, "set tmargin %d\nset bmargin %d\n", top, bottom);
  write_axes(script, chart, panel, FLR_PLOT_TEXT);
  if (!panel->logarithmic) {
    const double span = panel->high - panel->low, row = span / (rows - top - bottom); /* what lies at 0 lies not on the axis */
    fprintf(script, "set yrange [%.17g:%.17g] noextend\nset ytics %g\n", panel->low - row, panel->high,
            tick_step(span, rows - top - bottom));
  }
  fputs("unset ylabel\nset label ", script);
  flr_plot_quote(script, panel->y_label);
  fputs(" at graph 0, graph 1 left offset character 1,1\n", script);
  if (last) {
    fputs("set xlabel ", script);
    flr_plot_quote(script, chart->x_label);
    fputs("\n", script);
  } else {
    fputs("set format x ''\n", script);
  }
}

static void write_text_panel(FILE *script, const flr_chart *chart, int index, int columns, int rows) {
  const flr_chart_panel *panel = &chart->panels[index];
  const char *separator = "plot ";
  write_text_frame(script, chart, index, columns, rows);
  for (int i = 0; i < panel->line_count; ++i) write_points(script, i, panel, &panel->lines[i]);
  for (int i = 0; i < panel->line_count; ++i) {
    const flr_chart_line *line = &panel->lines[i];
    if (line->style == FLR_CHART_RULES || is_empty(panel, line)) continue;
    fprintf(script, "%s", separator);
    write_text_line(script, i, line);
    separator = ", ";
  }
  fputs(separator[0] == 'p' ? "plot NaN notitle\n" : "\n", script);
}

static void write_key(FILE *page, const flr_chart_panel *panel) {
  for (int i = 0; i < panel->line_count; ++i) {
    const flr_chart_line *line = &panel->lines[i];
    if (line->style != FLR_CHART_RULES && has_label(line) && count_shown(panel, line) > 0)
      fprintf(page, "%*c  %s\n", FLR_PLOT_LEFT + 1, line->letter, line->label);
  }
}

/* ---- both ---- */

static flr_status open_script(FILE **out, char **text, size_t *bytes) {
  *text = NULL;
  *out = open_memstream(text, bytes);
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "cannot build a plot: %s", strerror(errno));
}

/* Ends the script and runs it. */
static flr_status draw(char **out, size_t *bytes, FILE *script, char *const *text, const size_t *script_bytes) {
  flr_status status = FLR_OK;
  if (fclose(script) != 0) status = flr_fail(FLR_ERROR_INTERNAL, "cannot build a plot: memory is exhausted");
  if (status == FLR_OK) status = flr_gnuplot_run(out, bytes, *text, *script_bytes);
  free(*text);
  return status;
}

flr_status flr_chart_write(const char *path, const flr_chart *chart) {
  flr_plot_format format;
  FILE *script;
  char *text, *picture = NULL;
  size_t script_bytes = 0, bytes = 0;
  FLR_TRY(flr_plot_format_of(&format, path));
  FLR_TRY(open_script(&script, &text, &script_bytes));
  write_picture(script, chart, format);
  FLR_TRY(draw(&picture, &bytes, script, &text, &script_bytes));
  const flr_status status = flr_replace_file(path, picture, bytes);
  flr_free(picture);
  return status;
}

static flr_status add_text_panel(FILE *page, const flr_chart *chart, int index, int columns, int rows) {
  FILE *script;
  char *text, *plot = NULL;
  size_t script_bytes = 0, bytes = 0;
  FLR_TRY(open_script(&script, &text, &script_bytes));
  write_text_panel(script, chart, index, columns, rows);
  FLR_TRY(draw(&plot, &bytes, script, &text, &script_bytes));
  if (index > 0) fputs("\n", page);
  flr_plot_copy_text(page, plot);
  flr_free(plot);
  write_key(page, &chart->panels[index]);
  return FLR_OK;
}

/* Lines of the title, the keys and the gaps. */
static int lines_beside(const flr_chart *chart) {
  int count = chart->panel_count;
  for (int i = 0; i < chart->panel_count; ++i)
    for (int j = 0; j < chart->panels[i].line_count; ++j)
      count += chart->panels[i].lines[j].style != FLR_CHART_RULES && has_label(&chart->panels[i].lines[j]);
  return count;
}

int flr_chart_least_rows(const flr_chart *chart) { return lines_beside(chart) + chart->panel_count * flr_plot_limit_rows(0); }

flr_status flr_chart_text(char **out, const flr_chart *chart, int columns, int rows) {
  const int room = rows - lines_beside(chart), wide = flr_plot_limit_columns(columns);
  const int indent = (wide - (int)strlen(chart->title)) / 2;
  char *text = NULL;
  size_t bytes = 0;
  FILE *page = open_memstream(&text, &bytes);
  flr_status status = FLR_OK;
  if (page) fprintf(page, "%*s%s\n", indent > 0 ? indent : 0, "", chart->title);
  for (int i = 0; page && i < chart->panel_count && status == FLR_OK; ++i)
    status = add_text_panel(page, chart, i, wide, flr_plot_limit_rows((int)(room * chart->panels[i].share)));
  if (status == FLR_OK) return flr_plot_close_page(out, page, &text);
  (void)fclose(page);
  free(text);
  return status;
}
