/* Pieces of gnuplot scripts, and of what becomes of the answer. */
#include "report/plot_script.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { COLOURS = 8, LEAST_COLUMNS = 40, MOST_COLUMNS = 400, LEAST_ROWS = 12, MOST_ROWS = 200 };

const char *flr_plot_colour(int i) {
  static const char *const colours[COLOURS] = {"#d55e00", "#009e73", "#cc79a7", "#e69f00",
                                               "#000000", "#56b4e9", "#8c510a", "#7570b3"};
  return colours[i % COLOURS];
}

void flr_plot_quote(FILE *script, const char *text) {
  fputc('\'', script);
  for (const char *c = text ? text : ""; *c; ++c) {
    if (*c == '\'') fputc('\'', script);
    fputc((unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c, script);
  }
  fputc('\'', script);
}

void flr_plot_look(FILE *script, flr_plot_format format, int height) {
  fputs("set encoding utf8\n", script);
  if (format == FLR_PLOT_SVG)
    fprintf(script,
            "set terminal svg size 960,%d dynamic enhanced rounded background rgb 'white' font 'DejaVu "
            "Sans,Helvetica,Arial,sans-serif,15'\n",
            height);
  else
    fprintf(script,
            "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
            "set terminal pngcairo size 1440,%d enhanced rounded background rgb 'white' font 'DejaVu Sans,15' fontscale 1.3 "
            "linewidth 1.5\n"
            "} else {\nset terminal png size 1440,%d enhanced truecolor\n}\n",
            height * 3 / 2, height * 3 / 2);
  fputs(
      "set border 3 lc rgb '#808080'\nset tics nomirror out textcolor rgb '#303030'\n"
      "set grid xtics ytics lt 1 lw 0.8 lc rgb '#e4e4e4'\nset title font ',18'\n"
      "set key below center horizontal Left reverse samplen 2 width 2 spacing 1.25 title ' ' font ',6'\n",
      script);
}

void flr_plot_text_look(FILE *script, int columns, int rows) {
  fprintf(script, "set encoding utf8\nset terminal dumb size %d,%d noenhanced mono\n", columns, rows);
  fprintf(script, "set lmargin %d\nset rmargin %d\nset tmargin %d\nset bmargin %d\n", FLR_PLOT_LEFT, FLR_PLOT_RIGHT,
          FLR_PLOT_TOP, FLR_PLOT_BOTTOM);
  fputs("unset key\nset border 3\nset tics nomirror out\n", script);
}

static int limit(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

int flr_plot_limit_columns(int columns) { return limit(columns, LEAST_COLUMNS, MOST_COLUMNS); }

int flr_plot_limit_rows(int rows) { return limit(rows, LEAST_ROWS, MOST_ROWS); }

static int ends_in(const char *text, const char *ending) {
  const size_t length = strlen(text), tail = strlen(ending);
  return length >= tail && strcmp(text + length - tail, ending) == 0;
}

flr_status flr_plot_format_of(flr_plot_format *out, const char *path) {
  *out = ends_in(path, ".svg") ? FLR_PLOT_SVG : FLR_PLOT_PNG;
  if (*out == FLR_PLOT_SVG || ends_in(path, ".png")) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "cannot plot to %s: the name must end in .svg or .png", path);
}

void flr_plot_copy_text(FILE *page, const char *plot) {
  const char *first = plot + strspn(plot, " \f\n");
  while (first > plot && first[-1] == ' ') --first; /* the blanks before it stay */
  plot = first;
  while (*plot) {
    const size_t length = strcspn(plot, "\n");
    size_t kept = length;
    while (kept > 0 && (plot[kept - 1] == ' ' || plot[kept - 1] == '\f')) --kept;
    fprintf(page, "%.*s\n", (int)kept, plot);
    plot += length + (plot[length] == '\n');
    plot += strspn(plot, "\n\f") == strlen(plot) ? strlen(plot) : 0;
  }
}

flr_status flr_plot_close_page(char **out, FILE *page, char **text) {
  if (!page || fclose(page) != 0) {
    free(*text);
    return flr_fail(FLR_ERROR_INTERNAL, "cannot build a text plot: memory is exhausted");
  }
  const flr_status status = flr_strdup(out, *text);
  free(*text);
  return status;
}
