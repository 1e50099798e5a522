/* What people watch: a one-line display on a terminal, plain lines elsewhere. */
#ifndef FLR_REPORT_PROGRESS_H
#define FLR_REPORT_PROGRESS_H

#include <stdint.h>

#include "core/log.h"
#include "core/status.h"

typedef struct flr_progress flr_progress;

typedef struct flr_progress_state {
  const char *phase;    /* "sweep", "train", "valid" */
  const char *part;     /* which part of the phase, "repeat 2 of 3"; NULL or "": it has none */
  int64_t step, steps;  /* 0-based step just done, steps in all of this part of the phase */
  int64_t later;        /* steps of the parts to come */
  double epoch, epochs; /* fraction of epochs done; epochs 0 where it means nothing (sweep) */
  double loss;          /* smoothed for people */
  double metric;        /* last error rate, NAN before the first evaluation */
  double lr;            /* of the last layer group */
  double lr_first;      /* of the first one, where there are several */
  int groups;           /* layer groups; 0, 1: one */
  double momentum;      /* 0: not shown */
  int64_t samples;      /* samples trained since the phase began */
} flr_progress_state;

/* *out owned by the caller; log is borrowed. Redraws at most ten times a second on a terminal; elsewhere it writes a plain line
   at most every ten seconds. A NULL log gives a progress that does nothing. Errors: FLR_ERROR_INTERNAL (memory). Not
   collective. */
flr_status flr_progress_create(flr_progress **out, flr_log *log);
/* Shows the state when it is time to: epoch, step, loss, metric, rate, samples/s, time left. No allocation. */
void flr_progress_update(flr_progress *progress, const flr_progress_state *state);
/* Ends a phase: removes the live line, forgets the rate. */
void flr_progress_finish(flr_progress *progress);
void flr_progress_destroy(flr_progress *progress);

/* "1m05s", "2h03m", "0.8s" into text (16 bytes at least). Returns text. */
char *flr_format_duration(char *text, double seconds);

#endif
