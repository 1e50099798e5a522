/* Rank 0's mind: turns a schedule or a sweep into directives and consumes the reports. Pure state, no ranks, no tensors. */
#ifndef FLR_TRAIN_CONDUCTOR_H
#define FLR_TRAIN_CONDUCTOR_H

#include <stdint.h>

#include "optim/lr_range.h"
#include "optim/schedule.h"
#include "train/cadence.h"
#include "train/directive.h"

typedef struct flr_conductor {
  const flr_schedule *schedule; /* training; NULL in a sweep. Borrowed */
  flr_sweep *sweep;             /* sweep; NULL in training. Borrowed */
  int64_t steps;                /* of the whole phase, counted from the beginning of training */
  int more;                     /* training: another phase follows this one, so that a wish to leave at its end counts */
  int64_t steps_per_epoch;      /* training: an evaluation follows every epoch and the last step */
  int stopped;                  /* a verdict fell */
  flr_stop_reason reason;
  double lr_factor;   /* training: what the schedule's rates are multiplied by; 1 */
  flr_cadence saving; /* checkpoints by steps and epochs; all 0: none */
  int save_wanted;    /* set from outside: the next directive asks for a checkpoint */
  int leaving;        /* the run is to stop after the steps under way, for leave_reason; their reports count */
  flr_stop_reason leave_reason;
} flr_conductor;

/* A conductor of training by `schedule`, evaluating after each steps_per_epoch steps and after the last. */
flr_conductor flr_conductor_train(const flr_schedule *schedule, int64_t steps, int64_t steps_per_epoch);
/* A conductor of the range test. */
flr_conductor flr_conductor_sweep(flr_sweep *sweep);

/* The directive for `step`, knowing the reports given so far (those of step-2 and before: it is asked one step ahead). */
flr_directive flr_conductor_direct(flr_conductor *conductor, int64_t step);

/* No further step begins. The first reason counts. */
void flr_conductor_leave(flr_conductor *conductor, flr_stop_reason reason);

/* Takes the report of `step`, also a wish to stop. Reports that come after the verdict (the step that was under way) are
   ignored; returns 1 when the report counted, 0 when it was ignored. */
int flr_conductor_report(flr_conductor *conductor, int64_t step, const flr_report *report);

#endif
