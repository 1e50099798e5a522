/* The sweep of a run directory whose log does not tell of it. */
#ifndef FLR_CLI_PLOT_SWEEP_H
#define FLR_CLI_PLOT_SWEEP_H

#include "report/run_history.h"

/* Fills in a history without a sweep what `directory`/sweep.csv holds, if it is there: losses, smoothed as a sweep does by
   default, and what the rules make of them. Errors: FLR_ERROR_DATA with file and line. */
flr_status flr_plot_add_sweep(flr_run_history *history, const char *directory);

#endif
