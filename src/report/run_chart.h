/* Charts made of a run's history: its schedule, and its losses and errors. */
#ifndef FLR_REPORT_RUN_CHART_H
#define FLR_REPORT_RUN_CHART_H

#include "report/chart.h"
#include "report/run_history.h"

enum { FLR_RUN_CHART_LINES = FLR_HISTORY_GROUPS + 8, FLR_RUN_CHART_LABEL = 96 };

/* A chart and what it points to: not to be moved. */
typedef struct flr_run_chart {
  flr_chart chart;
  flr_chart_panel panels[2];
  flr_chart_line lines[FLR_RUN_CHART_LINES];
  flr_series series[FLR_RUN_CHART_LINES]; /* of each line */
  char labels[FLR_RUN_CHART_LINES][FLR_RUN_CHART_LABEL];
  char title[FLR_RUN_CHART_LABEL];
  int line_count;
} flr_run_chart;

/* Learning rate, of each layer group, and momentum. Rates of groups that are far apart have a logarithmic axis. `stretches`:
   how many pieces a long curve is thinned to (report/series.h). Errors: FLR_ERROR_NO_INPUT when no step was logged. The caller
   clears it, also after an error. */
flr_status flr_run_chart_schedule(flr_run_chart *out, const flr_run_history *history, int64_t stretches);

/* Training loss, its batches as dots, smoothed over a fiftieth of the run; validation loss and error rate of each epoch. The
   axis ends a fifth above the first and the median loss, so that a diverging end does not squash the rest; the key says how
   many batches lie above, and losses that are not finite are crosses at the top. Errors: FLR_ERROR_NO_INPUT when there is no
   finite loss. The caller clears it, also after an error. */
flr_status flr_run_chart_loss(flr_run_chart *out, const flr_run_history *history, int64_t stretches, int with_errors);

void flr_run_chart_clear(flr_run_chart *chart);

#endif
