/* The run directory: made, and what is written into it beside metrics.jsonl. Rank 0 writes; the calls are collective because
   all ranks leave the same way. */
#ifndef FLR_TRAIN_RUN_DIR_H
#define FLR_TRAIN_RUN_DIR_H

#include "train/session.h"

/* Makes the directory (--out, else runs/<time>-<model>), config.ini and the run log with its `start` line; a metrics.jsonl of
   an earlier run is kept as metrics.jsonl.old, that of the run being resumed is cut back to its checkpoint and continued.
   Errors: FLR_ERROR_IO naming the path. Collective. */
flr_status flr_run_dir_create(flr_session *session);

/* Cuts the run log back to its first `bytes`. Collective. */
flr_status flr_run_dir_cut_log(flr_session *session, int64_t bytes);

/* config.ini again, after the sweep has settled what was left to it. Collective. */
flr_status flr_run_dir_write_config(flr_session *session);

/* sweep.h5, sweep.csv, sweep-wd.csv (where decays are compared), sweep.svg, sweep.png and the plot in the terminal. Without
   gnuplot the plots are left out with a warning. Collective. */
flr_status flr_run_dir_write_sweep(flr_session *session, const char *picked, double picked_lr);

/* final.h5 (or another name). Collective. */
flr_status flr_run_dir_write_weights(flr_session *session, const char *name);

#endif
