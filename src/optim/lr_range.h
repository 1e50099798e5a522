/* The learning-rate range test as a state machine fed one global loss at a time: fastai's lr_find, but that a loss
 * which is not finite ends it. Pure: no tensors, no
 * ranks. */
#ifndef FLR_OPTIM_LR_RANGE_H
#define FLR_OPTIM_LR_RANGE_H

#include <stdint.h>

#include "core/status.h"
#include "optim/schedule.h"

typedef enum flr_sweep_verdict {
  FLR_SWEEP_CONTINUE,
  FLR_SWEEP_FINISHED,
  FLR_SWEEP_DIVERGED,
  FLR_SWEEP_NONFINITE,
  FLR_SWEEP_INTERRUPTED
} flr_sweep_verdict;

typedef struct flr_sweep_options {
  int groups;
  double start[FLR_MAX_GROUPS]; /* 1e-7; > 0 in exp mode */
  double end[FLR_MAX_GROUPS];   /* 10 */
  int64_t iterations;           /* N = 100; raised to 6 when smaller, as fastai does */
  double beta;                  /* 0.98, 0 <= beta < 1 */
  double stop_factor;           /* 4; 0: never stop on divergence */
  double momentum;              /* 0.9, constant through the sweep */
  int linear;                   /* 0: exponential */
  int inclusive;                /* 1: the last iteration is at `end` (N-1 in the exponent's denominator) */
} flr_sweep_options;

/* One recorded point. */
typedef struct flr_sweep_point {
  double lr;     /* the last group's rate, which is what "the" rate of a curve means */
  double loss;   /* raw global loss */
  double smooth; /* bias-corrected EWMA */
  double se;     /* standard error of the loss, NAN when unknown */
  int64_t samples;
} flr_sweep_point;

typedef struct flr_sweep {
  flr_sweep_options options;
  int64_t count;     /* points recorded */
  double ewma, best; /* running average before bias correction; least smoothed loss, +inf at first */
  flr_sweep_verdict verdict;
  flr_sweep_point *points; /* [options.iterations], owned */
} flr_sweep;

/* One group, the defaults said above. Pure. */
flr_sweep_options flr_sweep_options_defaults(void);

/* Allocates the points. The caller clears it. Errors: FLR_ERROR_USAGE naming option, value and range. */
flr_status flr_sweep_init(flr_sweep *out, const flr_sweep_options *options);
void flr_sweep_clear(flr_sweep *sweep);

/* The rates of iteration i: lr = start * (end/start)^(i/N), N-1 with `inclusive`; or linear. Pure. */
flr_rates flr_sweep_rates(const flr_sweep *sweep, int64_t i);

/* The rates of all groups where the last group's is `lr`: with exponential sweeps on the curves themselves, which need not end
   there; with linear ones in the ratios of the nearest point of the sweep. Groups that sweep as the last one does get `lr`
   itself. Pure. */
void flr_sweep_rates_at(const flr_sweep_options *options, double lr, double out[FLR_MAX_GROUPS]);

/* Records the loss of iteration sweep->count (mean over `samples`, with standard error `se`), then updates the best smoothed
   loss, then decides (fastai's order: the diverging point is recorded). A loss that is not finite, or nonfinite > 0, ends the
   sweep with FLR_SWEEP_NONFINITE; the point is recorded with its raw loss and smooth = NAN. Returns the verdict, also kept in
   sweep->verdict; once it is not CONTINUE further calls change nothing. No allocation. */
flr_sweep_verdict flr_sweep_record(flr_sweep *sweep, double loss, double se, int64_t samples, int64_t nonfinite);

/* "continue", "finished", "diverged", "nonfinite", "interrupted". */
const char *flr_sweep_verdict_text(flr_sweep_verdict verdict);

#endif
