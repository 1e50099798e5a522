/* The plots of training: small ones in the terminal while it goes on, pictures at its end. They are drawn from the run's own
   metrics.jsonl; one that cannot be drawn is a warning at most, never the end of a run. Rank 0 alone draws. Not collective. */
#ifndef FLR_TRAIN_RUN_PLOTS_H
#define FLR_TRAIN_RUN_PLOTS_H

#include "train/session.h"

/* With --plot terminal the losses so far: after each epoch on a terminal, where they replace what was drawn before; elsewhere
   after 1, 2, 4, 8 .. epochs and the last. epoch: the one that ended, from 0. */
void flr_run_plots_epoch(flr_session *session, int64_t epoch, int is_last);

/* schedule.svg, schedule.png, loss.svg and loss.png in the run directory, unless --plot none. */
void flr_run_plots_end(flr_session *session);

#endif
