/* The script that makes gnuplot draw a loss-against-rate curve. */
#include "report/plot.h"

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

enum { LAST_COLOUR = 7 };
enum { SHAPES = 8, LETTERS = 26, HEIGHT = 620 };

/* Each marker has its own shape. */
static const int shapes[SHAPES] = {7, 5, 9, 13, 11, 7, 5, 9};

/* What part of the plane is shown. */
typedef struct frame {
  double left, right, low, high;
} frame;

int flr_plot_available(void) { return flr_gnuplot_available(); }

static int shown(const flr_plot_curve *curve, double x, double y) {
  return isfinite(x) && isfinite(y) && (curve->linear_x || x > 0);
}

static int64_t raw_values(const flr_plot_curve *curve) { return curve->n * (curve->raw_count > 1 ? curve->raw_count : 1); }

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The smoothed losses that can be shown, sorted into values; *first is the first of them in the curve's order. */
static int64_t sort_losses(double *values, double *first, const flr_plot_curve *curve) {
  int64_t count = 0;
  for (int64_t i = 0; i < curve->n; ++i) {
    if (!shown(curve, curve->x[i], curve->y[i])) continue;
    if (count == 0) *first = curve->y[i];
    values[count++] = curve->y[i];
  }
  qsort(values, (size_t)count, sizeof *values, compare_doubles);
  return count;
}

static void lower_to_the_rest(frame *f, const flr_plot_curve *curve) {
  for (int k = 0; k < curve->line_count; ++k)
    for (int64_t i = 0; i < curve->lines[k].n; ++i)
      if (shown(curve, curve->lines[k].x[i], curve->lines[k].y[i])) f->low = fmin(f->low, curve->lines[k].y[i]);
  for (int64_t i = 0; curve->low && i < curve->n; ++i)
    if (shown(curve, curve->x[i], curve->low[i])) f->low = fmin(f->low, curve->low[i]);
  for (int64_t i = 0; curve->raw && i < raw_values(curve); ++i)
    if (shown(curve, curve->x[i % curve->n], curve->raw[i])) f->low = fmin(f->low, curve->raw[i]);
  for (int i = 0; i < curve->marker_count; ++i)
    if (shown(curve, curve->markers[i].x, curve->markers[i].y)) f->low = fmin(f->low, curve->markers[i].y);
}

/* A marker above the frame, on a diverging tail, stands on its border. */
static double marker_height(const frame *f, const flr_plot_marker *marker) { return fmin(marker->y, f->high); }

/* A diverging tail must not squash the curve: it is cut a fifth above the first and the middle loss, whatever is marked on it.
 */
static flr_status find_frame(frame *out, const flr_plot_curve *curve) {
  double *values = NULL, first = 0;
  FLR_TRY(flr_alloc(&values, curve->n, sizeof *values));
  const int64_t count = sort_losses(values, &first, curve);
  if (count == 0) {
    flr_free(values);
    return flr_fail(FLR_ERROR_DATA, "plot \"%s\": none of the %lld points can be shown", curve->title, (long long)curve->n);
  }
  const double usual = fmax(first, values[count / 2]);
  *out = (frame){.left = INFINITY, .right = -INFINITY, .low = values[0]};
  out->high = fmin(values[count - 1], usual + 0.2 * fabs(usual));
  flr_free(values);
  lower_to_the_rest(out, curve);
  for (int64_t i = 0; i < curve->n; ++i) {
    if (!shown(curve, curve->x[i], curve->y[i])) continue;
    out->left = fmin(out->left, curve->x[i]);
    out->right = fmax(out->right, curve->x[i]);
  }
  const double span = out->high - out->low;
  const double margin = span > 0 ? 0.05 * span : fmax(0.05 * fabs(out->high), 1e-3);
  out->low -= margin;
  out->high += margin;
  if (out->left == out->right) { /* a single rate */
    out->left = curve->linear_x ? out->left - 1 : out->left / 10;
    out->right = curve->linear_x ? out->right + 1 : out->right * 10;
  }
  return FLR_OK;
}

/* The line colours follow those of the markers from the far end. */
static const char *line_colour(int i) { return flr_plot_colour(LAST_COLOUR - i % (LAST_COLOUR + 1)); }

static void write_lines(FILE *script, const flr_plot_curve *curve) {
  char a[32], b[32];
  for (int k = 0; k < curve->line_count; ++k) {
    const flr_plot_line *line = &curve->lines[k];
    fprintf(script, "$line%d << EOD\n", k);
    for (int64_t i = 0; i < line->n; ++i)
      if (shown(curve, line->x[i], line->y[i]))
        fprintf(script, "%s %s\n", flr_format_number(a, line->x[i], "NaN"), flr_format_number(b, line->y[i], "NaN"));
    fputs("EOD\n", script);
  }
}

/* count values over the curve's rates, again and again. */
static void write_points(FILE *script, const char *name, const flr_plot_curve *curve, const double *y, int64_t count) {
  char a[32], b[32];
  fprintf(script, "$%s << EOD\n", name);
  for (int64_t i = 0; i < count; ++i)
    if (shown(curve, curve->x[i % curve->n], y[i]))
      fprintf(script, "%s %s\n", flr_format_number(a, curve->x[i % curve->n], "NaN"), flr_format_number(b, y[i], "NaN"));
  fputs("EOD\n", script);
}

/* Rate, low end, high end, both within the frame: what lies beyond would be filled beyond its border. */
static void write_band(FILE *script, const flr_plot_curve *curve, const frame *f) {
  char a[32], b[32], c[32];
  fputs("$band << EOD\n", script);
  for (int64_t i = 0; i < curve->n; ++i) {
    if (!shown(curve, curve->x[i], curve->low[i])) continue;
    const double high = isfinite(curve->high[i]) ? fmin(curve->high[i], f->high) : f->high;
    fprintf(script, "%s %s %s\n", flr_format_number(a, curve->x[i], "NaN"),
            flr_format_number(b, fmin(fmax(curve->low[i], f->low), f->high), "NaN"), flr_format_number(c, high, "NaN"));
  }
  fputs("EOD\n", script);
}

static void write_axes(FILE *script, const flr_plot_curve *curve, const frame *f, flr_plot_format format) {
  fprintf(script, "set xrange [%.17g:%.17g] noextend\nset yrange [%.17g:%.17g] noextend\n", f->left, f->right, f->low, f->high);
  fputs("set title ", script);
  flr_plot_quote(script, curve->title);
  fputs(" noenhanced\nset ylabel 'loss'\n", script);
  if (curve->linear_x) {
    fputs("set xlabel 'learning rate'\nset format x '%g'\n", script);
    return;
  }
  fputs("set xlabel 'learning rate (log scale)'\nset logscale x 10\n", script);
  const double decades = log10(f->right / f->left);
  if (decades < 1.5)
    fputs("set format x '%g'\n", script);
  else
    fprintf(script, "set format x '%s'\nset xtics 10\n", format == FLR_PLOT_TEXT ? "1e%L" : "10^{%L}");
}

/* A vertical line through each marker; the points themselves are plotted last, on top. */
static void write_marker_lines(FILE *script, const flr_plot_curve *curve, const frame *f) {
  for (int i = 0; i < curve->marker_count; ++i) {
    const flr_plot_marker *marker = &curve->markers[i];
    if (!shown(curve, marker->x, marker->y)) continue;
    fprintf(script, "set arrow from first %.17g, graph 0 to first %.17g, graph 1 nohead back dt 2 lw 1.4 lc rgb '%s'\n",
            marker->x, marker->x, flr_plot_colour(i));
    fprintf(script, "$marker%d << EOD\n%.17g %.17g\nEOD\n", i, marker->x, marker_height(f, marker));
  }
}

/* How many later markers sit where marker i does: it is drawn larger, so that they do not hide it. */
static int later_there(const flr_plot_curve *curve, int i) {
  int count = 0;
  for (int j = i + 1; j < curve->marker_count; ++j)
    count += curve->markers[j].x == curve->markers[i].x && curve->markers[j].y == curve->markers[i].y;
  return count;
}

/* Labels with ranges are wide: two columns hold them. */
static void write_key(FILE *script, const flr_plot_curve *curve) {
  const int entries = (curve->low != NULL) + (curve->raw != NULL) + curve->line_count + 1 + curve->marker_count;
  if (curve->low || curve->line_count > 0) fprintf(script, "set key vertical maxrows %d width -4\n", (entries + 1) / 2);
}

static void write_picture(FILE *script, const flr_plot_curve *curve, const frame *f, flr_plot_format format) {
  const double scale = format == FLR_PLOT_SVG ? 0.6 : 1.9; /* the two draw points of one size differently */
  flr_plot_look(script, format, HEIGHT);
  write_key(script, curve);
  write_axes(script, curve, f, format);
  write_marker_lines(script, curve, f);
  write_points(script, "smooth", curve, curve->y, curve->n);
  if (curve->raw) write_points(script, "raw", curve, curve->raw, raw_values(curve));
  if (curve->low) write_band(script, curve, f);
  write_lines(script, curve);
  fputs("plot ", script);
  if (curve->low)
    fputs("$band using 1:2:3 with filledcurves fs solid 1 noborder lc rgb '#d3deeb' title 'band of the repeats', ", script);
  if (curve->raw) fprintf(script, "$raw using 1:2 with points pt 7 ps %g lc rgb '#8fadcf' title 'each batch', ", 0.55 * scale);
  for (int i = 0; i < curve->line_count; ++i) {
    fprintf(script, "$line%d using 1:2 with lines lw 1.9 lc rgb '%s' title ", i, line_colour(i));
    flr_plot_quote(script, curve->lines[i].label);
    fputs(" noenhanced, ", script);
  }
  fputs("$smooth using 1:2 with lines lw 2.6 lc rgb '#1f4e79' title ", script);
  flr_plot_quote(script, curve->name ? curve->name : "smoothed");
  fputs(" noenhanced", script);
  for (int i = 0; i < curve->marker_count; ++i) {
    if (!shown(curve, curve->markers[i].x, curve->markers[i].y)) continue;
    fprintf(script, ", $marker%d using 1:2 with points pt %d ps %g lc rgb '%s' title ", i, shapes[i % SHAPES],
            scale * (1.4 + 0.9 * later_there(curve, i)), flr_plot_colour(i));
    flr_plot_quote(script, curve->markers[i].label);
    fputs(" noenhanced", script);
  }
  fputs("\n", script);
}

/* The column and row of the text plot on which a marker's letter lands. */
static void place_letter(int cell[2], const flr_plot_curve *curve, const frame *f, const flr_plot_marker *marker, int columns,
                         int rows) {
  const double wide = columns - FLR_PLOT_LEFT - FLR_PLOT_RIGHT, high = rows - FLR_PLOT_TOP - FLR_PLOT_BOTTOM;
  const double p =
      curve->linear_x ? (marker->x - f->left) / (f->right - f->left) : log(marker->x / f->left) / log(f->right / f->left);
  cell[0] = (int)lround(p * wide);
  cell[1] = (int)lround((marker_height(f, marker) - f->low) / (f->high - f->low) * high);
}

/* Letters that would fall on one another are put above one another. */
static void write_letters(FILE *script, const flr_plot_curve *curve, const frame *f, int columns, int rows) {
  int cells[LETTERS][2];
  const int count = curve->marker_count < LETTERS ? curve->marker_count : LETTERS;
  for (int i = 0; i < count; ++i) {
    const flr_plot_marker *marker = &curve->markers[i];
    cells[i][0] = cells[i][1] = -1;
    if (!shown(curve, marker->x, marker->y)) continue;
    place_letter(cells[i], curve, f, marker, columns, rows);
    const int row = cells[i][1];
    for (int j = 0; j < i; ++j)
      if (cells[j][0] == cells[i][0] && cells[j][1] == cells[i][1]) {
        ++cells[i][1];
        j = -1; /* and look again from the first */
      }
    fprintf(script, "set label '%c' at first %.17g, first %.17g center offset character 0,%d front\n", 'A' + i, marker->x,
            marker_height(f, marker), cells[i][1] - row);
  }
}

static void write_text_plot(FILE *script, const flr_plot_curve *curve, const frame *f, int columns, int rows) {
  flr_plot_text_look(script, columns, rows);
  write_axes(script, curve, f, FLR_PLOT_TEXT);
  write_letters(script, curve, f, columns, rows);
  write_points(script, "smooth", curve, curve->y, curve->n);
  if (curve->raw) write_points(script, "raw", curve, curve->raw, raw_values(curve));
  fprintf(script, "plot %s$smooth using 1:2 with lines lt 1\n", curve->raw ? "$raw using 1:2 with points pt '.', " : "");
}

/* The script for one format; owned by the caller (free). columns and rows are those of a text plot. */
static flr_status make_script(char **out, size_t *bytes, const flr_plot_curve *curve, flr_plot_format format, int columns,
                              int rows) {
  frame f;
  FLR_TRY(find_frame(&f, curve));
  *out = NULL;
  FILE *script = open_memstream(out, bytes);
  if (!script) return flr_fail(FLR_ERROR_INTERNAL, "cannot build a plot: %s", strerror(errno));
  if (format == FLR_PLOT_TEXT)
    write_text_plot(script, curve, &f, columns, rows);
  else
    write_picture(script, curve, &f, format);
  if (fclose(script) == 0) return FLR_OK;
  free(*out);
  return flr_fail(FLR_ERROR_INTERNAL, "cannot build a plot: memory is exhausted");
}

static flr_status draw(char **out, size_t *bytes, const flr_plot_curve *curve, flr_plot_format format, int columns, int rows) {
  char *script = NULL;
  size_t script_bytes = 0;
  FLR_TRY(make_script(&script, &script_bytes, curve, format, columns, rows));
  const flr_status status = flr_gnuplot_run(out, bytes, script, script_bytes);
  free(script);
  return status;
}

flr_status flr_plot_write(const char *path, const flr_plot_curve *curve) {
  flr_plot_format format;
  char *picture = NULL;
  size_t bytes = 0;
  FLR_TRY(flr_plot_format_of(&format, path));
  FLR_TRY(draw(&picture, &bytes, curve, format, 0, 0));
  const flr_status status = flr_replace_file(path, picture, bytes);
  flr_free(picture);
  return status;
}

/* The plot, and behind it what the letters mean. */
static void write_page(FILE *page, const char *plot, const flr_plot_curve *curve) {
  flr_plot_copy_text(page, plot);
  if (curve->raw) fprintf(page, "%*c  smoothed loss   .  each batch\n", FLR_PLOT_LEFT + 1, '*');
  for (int i = 0; i < curve->marker_count && i < LETTERS; ++i)
    if (shown(curve, curve->markers[i].x, curve->markers[i].y))
      fprintf(page, "%*c  %s\n", FLR_PLOT_LEFT + 1, 'A' + i, curve->markers[i].label);
}

flr_status flr_plot_text(char **out, const flr_plot_curve *curve, int columns, int rows) {
  const int below = (curve->marker_count < LETTERS ? curve->marker_count : LETTERS) + (curve->raw ? 1 : 0);
  char *plot = NULL, *text = NULL;
  size_t bytes = 0;
  FLR_TRY(draw(&plot, &bytes, curve, FLR_PLOT_TEXT, flr_plot_limit_columns(columns), flr_plot_limit_rows(rows - below)));
  FILE *page = open_memstream(&text, &bytes);
  if (page) write_page(page, plot, curve);
  flr_free(plot);
  return flr_plot_close_page(out, page, &text);
}
