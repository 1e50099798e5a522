/* The plots of a run directory, redrawn from what it tells of itself. */
#ifndef FLR_REPORT_RUN_PLOT_H
#define FLR_REPORT_RUN_PLOT_H

#include "report/run_history.h"

typedef enum flr_run_plot {
  FLR_RUN_PLOT_SWEEP,    /* loss over learning rate, with the suggestions */
  FLR_RUN_PLOT_SCHEDULE, /* learning rates and momentum over the steps */
  FLR_RUN_PLOT_LOSS,     /* training and validation loss, error rate */
  FLR_RUN_PLOT_COUNT
} flr_run_plot;

/* "sweep", "schedule", "loss": also the names of the files, less their endings. */
const char *flr_run_plot_name(flr_run_plot kind);

/* Whether the run has got far enough for it. */
int flr_run_plot_has(flr_run_plot kind, const flr_run_history *history);

/* Draws it into a file, .svg or .png. Errors: FLR_ERROR_NO_INPUT when the run has nothing to draw, else those of
   flr_chart_write. Not collective. */
flr_status flr_run_plot_write(const char *path, flr_run_plot kind, const flr_run_history *history);

/* Draws it as text of at most columns x rows characters into *out, owned by the caller (flr_free). Errors as above. */
flr_status flr_run_plot_text(char **out, flr_run_plot kind, const flr_run_history *history, int columns, int rows);

/* Draws the losses alone in at most `rows` lines, for a corner of the screen. Errors as above, and FLR_ERROR_UNAVAILABLE when
   that is too few. */
flr_status flr_run_plot_small(char **out, const flr_run_history *history, int columns, int rows);

#endif
