/* Charts of a run's course: panels one above the other over the same x, drawn by gnuplot as SVG, PNG or text. */
#ifndef FLR_REPORT_CHART_H
#define FLR_REPORT_CHART_H

#include <stdint.h>

#include "core/status.h"

typedef enum flr_chart_style {
  FLR_CHART_LINE,   /* a line; in text: its letter in every column */
  FLR_CHART_JOINED, /* points, joined by a line */
  FLR_CHART_DOTS,   /* light dots */
  FLR_CHART_CROSSES,
  FLR_CHART_RULES /* a vertical line at each x; y does not matter */
} flr_chart_style;

/* One thing of a panel. Points that are not finite, and on a logarithmic axis those not above 0, are left out. */
typedef struct flr_chart_line {
  const char *label; /* in the key; NULL or "": not there */
  flr_chart_style style;
  const char *colour; /* "#rrggbb" */
  int dash;           /* of lines, 1: none .. 5; told apart without colour */
  char letter;        /* in text */
  int64_t n;
  const double *x, *y;
} flr_chart_line;

typedef struct flr_chart_panel {
  const char *y_label;
  double low, high; /* of the y axis; low < high, above 0 when logarithmic */
  int logarithmic;
  double share; /* of the height; all panels together 1 */
  int line_count;
  const flr_chart_line *lines; /* drawn in this order, the last on top */
} flr_chart_panel;

typedef struct flr_chart {
  const char *title, *x_label;
  double left, right; /* of the x axis; left < right */
  int panel_count;
  const flr_chart_panel *panels; /* from the top */
} flr_chart;

/* Writes the chart to a file (under a temporary name, then renamed); the format follows the ending, .svg or .png. Errors:
   FLR_ERROR_UNAVAILABLE without gnuplot, FLR_ERROR_IO when it fails or the file cannot be written, FLR_ERROR_USAGE for another
   ending; nothing is left behind then. Not collective. */
flr_status flr_chart_write(const char *path, const flr_chart *chart);

/* Draws it as text of at most columns x rows characters (never less than 40 x 12 a panel and the key below it) into *out, owned
   by the caller (flr_free): ASCII alone, no colours. Errors as flr_chart_write. */
flr_status flr_chart_text(char **out, const flr_chart *chart, int columns, int rows);

/* The fewest rows that a chart as text can take. */
int flr_chart_least_rows(const flr_chart *chart);

#endif
