/* How long training took so far, and for how much of that it waited for samples: over all parts of a run. */
#ifndef FLR_TRAIN_TRAIN_CLOCK_H
#define FLR_TRAIN_TRAIN_CLOCK_H

#include "datasets/loader.h"

/* Seconds, evaluation and what else is done between epochs left out. */
typedef struct flr_train_cost {
  double seconds; /* of training */
  double stall;   /* of these, in which this rank waited for its loader */
} flr_train_cost;

/* Zeros: nothing yet. */
typedef struct flr_train_clock {
  flr_train_cost past;      /* of loaders that are gone, and of earlier parts of the run */
  double epoch_past;        /* stall of the epoch under way before the loader's mark */
  const flr_loader *loader; /* borrowed; NULL: training stands still */
  double began, mark;       /* when training went on; the loader's stall when the epoch began */
} flr_train_clock;

/* Training goes on with this loader; until flr_train_clock_stop, before the loader is destroyed. */
void flr_train_clock_start(flr_train_clock *clock, const flr_loader *loader);
void flr_train_clock_stop(flr_train_clock *clock);
/* An evaluation begins; it is over. */
void flr_train_clock_pause(flr_train_clock *clock);
void flr_train_clock_go_on(flr_train_clock *clock);

/* Stall of the epoch under way; a new epoch begins, in which so much was waited before. */
double flr_train_clock_epoch_stall(const flr_train_clock *clock);
void flr_train_clock_begin_epoch(flr_train_clock *clock, double stall);

/* Of all parts of the run so far. */
flr_train_cost flr_train_clock_cost(const flr_train_clock *clock);

#endif
