/* Curves made fit for drawing: smoothed, and thinned without losing what stands out. */
#ifndef FLR_REPORT_SERIES_H
#define FLR_REPORT_SERIES_H

#include <stdint.h>

#include "core/status.h"

/* n points; arrays owned by whoever has the struct, flr_series_clear. All zero: empty. */
typedef struct flr_series {
  int64_t n, room;
  double *x, *y;
} flr_series;

/* Appends a point. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_series_add(flr_series *series, double x, double y);
void flr_series_clear(flr_series *series);

/* out[i] = the mean of the finite y[0..i], weighted by exp(-(x[i] - x[j]) / horizon): an exponential average that begins
   unbiased and knows how far apart points are. NAN before the first finite one. x must not fall; horizon > 0. */
void flr_smooth_series(double *out, const double *x, const double *y, int64_t n, double horizon);

/* What of a curve's points stays. */
typedef enum flr_thin_kind {
  FLR_THIN_DOTS, /* of each stretch the first, the least and the greatest */
  FLR_THIN_LINE  /* also its last: a line through them looks like that through all */
} flr_thin_kind;

/* Adds to *out the finite ones of n points in their order; where they are more than 3 (dots) or 4 (line) times `stretches`, the
   curve is cut into that many stretches of as many points each, and of each stay those that `kind` says. *of_each, if not NULL:
   points in a stretch, 1 when all stay. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_thin_series(flr_series *out, int64_t *of_each, const double *x, const double *y, int64_t n, int64_t stretches,
                           flr_thin_kind kind);

#endif
