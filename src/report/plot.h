/* Plots drawn by gnuplot as a child process: SVG, PNG and text for a terminal. Never fatal when gnuplot is missing. */
#ifndef FLR_REPORT_PLOT_H
#define FLR_REPORT_PLOT_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* A marker on the curve: where its suggestion sits and what to call it. */
typedef struct flr_plot_marker {
  const char *label; /* "minimum/10: 3.02e-02" */
  double x, y;       /* a marker whose x or y is not finite is left out */
} flr_plot_marker;

/* Another curve beside the main one. */
typedef struct flr_plot_line {
  const char *label;
  int64_t n;
  const double *x, *y;
} flr_plot_line;

/* A loss-against-rate curve, x logarithmic unless linear_x. Not-finite points are left out. The losses shown end a fifth above
   the first and the median one, so that a diverging tail does not squash the curve. */
typedef struct flr_plot_curve {
  const char *title; /* above the plot */
  int64_t n;
  const double *x;   /* learning rates */
  const double *y;   /* smoothed losses: the line */
  const double *raw; /* [raw_count, n] raw losses: light dots; NULL for none */
  int raw_count;     /* sweeps that they are of; 0: 1 */
  const double *low,
      *high;        /* a band around y, drawn behind it; NULL: none. High ends that are not finite reach beyond the top */
  const char *name; /* of the line; NULL: "smoothed" */
  const flr_plot_line *lines; /* further ones, thin, behind it; not in text plots */
  int line_count;
  int linear_x;
  const flr_plot_marker *markers;
  int marker_count;
} flr_plot_curve;

/* Whether gnuplot can be run on this machine. */
int flr_plot_available(void);

/* Writes the plot to a file (under a temporary name, then renamed); the format follows the ending, .svg or .png.
   Errors: FLR_ERROR_UNAVAILABLE without gnuplot, FLR_ERROR_IO when it fails or takes longer than 20 seconds, FLR_ERROR_DATA
   when no point can be shown, FLR_ERROR_USAGE for another ending; nothing is left behind then. Not collective. */
flr_status flr_plot_write(const char *path, const flr_plot_curve *curve);

/* Draws the plot as text of at most columns x rows characters (never less than 40 x 12 and the lines below) into *out, owned by
   the caller (flr_free). Markers are letters on the curve, explained below it; ANSI colours are never used. Errors as
   flr_plot_write. */
flr_status flr_plot_text(char **out, const flr_plot_curve *curve, int columns, int rows);

#endif
