/* When a run saves and when it has to end: pure functions of steps and seconds. */
#ifndef FLR_TRAIN_CADENCE_H
#define FLR_TRAIN_CADENCE_H

#include <stdint.h>

#include "core/status.h"

/* How far checkpoints are apart; the two that were not given are 0. */
typedef struct flr_cadence {
  double seconds;
  int64_t steps, epochs;
} flr_cadence;

/* From "300s" (or m, h, d), "500" steps, "1e" epochs. Errors: FLR_ERROR_USAGE naming option, value and forms. Pure. */
flr_status flr_cadence_parse(flr_cadence *out, const char *text, const char *option);

/* 1: steps or epochs ask for a checkpoint after `step`. steps_per_epoch 0: there are none (a sweep). Pure. */
int flr_cadence_is_due(const flr_cadence *cadence, int64_t step, int64_t steps_per_epoch);

/* A span of time: "5400s", "90m", "2h", "1d", "5400" seconds, or as Slurm writes it, "1:30:00" and "1-12:00:00". Errors:
   FLR_ERROR_USAGE naming option, value and forms. Pure. */
flr_status flr_duration_parse(double *seconds, const char *text, const char *option);

/* Seconds before its end that a run must begin to stop: time for two steps and twice the slowest checkpoint so far, and some
   for what the clock does not tell. Pure. */
double flr_stop_lead(double step_seconds, double checkpoint_seconds);

#endif
