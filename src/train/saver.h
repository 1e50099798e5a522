/* Saves a run while it goes on: gathers its state on rank 0, where a thread writes it beside training. */
#ifndef FLR_TRAIN_SAVER_H
#define FLR_TRAIN_SAVER_H

#include "checkpoint/checkpoint.h"
#include "train/conductor.h"
#include "train/session.h"

typedef struct flr_saver flr_saver;

/* What goes with the state: where the run stands. Rank 0's counts. */
typedef struct flr_save_point {
  flr_checkpoint_progress progress; /* phase, step and what training counts; the rest is filled in */
  const double *lr;                 /* [groups] the policy's rates; NULL: not known yet */
  int kinds;                        /* FLR_WRITE_GENERATION | FLR_WRITE_BEST; 0: nothing is written */
} flr_save_point;

/* For the session's run directory; without one nothing is ever written. *out is owned by the caller. Errors:
   FLR_ERROR_INTERNAL (memory, no room for a thread). Collective. */
flr_status flr_saver_create(flr_saver **out, flr_session *session);
/* Ends the thread. Not collective. NULL allowed. */
void flr_saver_destroy(flr_saver *saver);

/* A sweep begins: the state as it is now is what training will start from. Collective. */
flr_status flr_saver_begin_sweep(flr_saver *saver);
/* The session's sweeps before the one under way go with every checkpoint of it. Collective. */
flr_status flr_saver_keep_sweeps(flr_saver *saver);
/* Training begins. Collective. */
flr_status flr_saver_begin_training(flr_saver *saver);

/* Copies the state and starts writing it; waits for the write before, if that is still under way. A file that cannot be written
   is a warning: older ones are still there, and the next may be better. So are parameters that are not finite, which are never
   written. Collective. */
flr_status flr_saver_save(flr_saver *saver, const flr_save_point *point);
/* Waits for the last write. Errors: what that write met, on all ranks. Collective. */
flr_status flr_saver_finish(flr_saver *saver);

/* Before each directive, rank 0 alone: notes a write that has ended meanwhile; asks the conductor for a checkpoint when it is
   time for one by --checkpoint-every, and to leave when the time limit is near. */
void flr_saver_consult(flr_saver *saver, flr_conductor *conductor);

/* The last checkpoint is written, the run ends for `reason` before step `next`: says so in the run log, and returns FLR_STOPPED
   with words on how to go on. Errors: what writing met. Collective. */
flr_status flr_saver_stop(flr_saver *saver, flr_stop_reason reason, const flr_save_point *point);

#endif
