/* A sweep's curve as a table. */
#ifndef FLR_REPORT_SWEEP_FILES_H
#define FLR_REPORT_SWEEP_FILES_H

#include <stdint.h>

#include "core/status.h"

/* The columns of a sweep, n values each. */
typedef struct flr_sweep_columns {
  int64_t n;
  const double *lr, *loss, *smooth;
  const double *se;       /* standard error of the loss; NULL: unknown everywhere */
  const int64_t *samples; /* NULL: 0 everywhere */
  /* of several sweeps, whose medians loss and smooth are; NULL for a single one */
  const double *low, *high, *smooth_low, *smooth_high; /* bands around loss and smooth */
  int repeats;
  const double *losses; /* [repeats, n] raw losses of each */
} flr_sweep_columns;

/* Writes the header lr,loss,smooth,se,samples (of several sweeps ,low,high,smooth_low,smooth_high,loss1,..,lossR too) and one
   line per point, 17 significant digits, nan for what is not finite; under a temporary name, then renamed. Errors: FLR_ERROR_IO
   with path and reason. Not collective. */
flr_status flr_sweep_write_csv(const char *path, const flr_sweep_columns *columns);

/* What a sweep told of one weight decay. */
typedef struct flr_decay_line {
  double wd;
  int64_t points;
  const char *verdict;
  double least_loss, least_lr, highest_lr, lr;
  int taken;
} flr_decay_line;

/* Writes the header wd,points,verdict,least_loss,least_lr,highest_lr,lr,taken and one line per decay. Numbers and errors as
   above. */
flr_status flr_sweep_write_decays(const char *path, const flr_decay_line *lines, int count);

#endif
