/* What the repeats of a sweep come to together: the median of their losses with a band around it, and what the rules read off
   it. Pure. */
#ifndef FLR_OPTIM_SWEEP_CURVE_H
#define FLR_OPTIM_SWEEP_CURVE_H

#include <stdint.h>

#include "core/status.h"
#include "optim/lr_range.h"
#include "optim/suggest.h"

/* The curve of one or more sweeps over the same rates; n values each. */
typedef struct flr_sweep_curve {
  int64_t n;
  int repeats;                      /* sweeps behind it */
  flr_sweep_verdict verdict;        /* of the repeat that ended it */
  double *lr;                       /* of the last layer group */
  double *loss, *smooth;            /* medians of the repeats' raw and smoothed losses; NAN where that is no number */
  double *se;                       /* standard error of the mean of those losses, NAN when unknown */
  double *low, *high;               /* band around loss */
  double *smooth_low, *smooth_high; /* and around smooth; high ends are INFINITY where so many repeats have ended */
  int64_t *samples;                 /* behind each loss, over all repeats */
  double *memory;                   /* what the columns above lie in; owned */
} flr_sweep_curve;

/* Computes the curve of `repeats` finished sweeps (at least 1) with the same rates. Of each point it takes the medians over all
   repeats, where one that has ended, or whose loss is not finite, counts as above all others: a repeat that diverged would
   have gone on above, and to leave it out would make the rates beyond look good. So the curve has as many points as more than
   half of the repeats recorded (repeats / 2 + 1 of them), and the verdict is that of the repeat with so many points (of
   several such, the first). Of an even number the median is the mean of the middle two. The band is from the least to the
   largest of up to 3 repeats; of more from the 16th to the 84th percentile, between neighbours by linear interpolation (Hyndman
   and Fan 1996, type 7: numpy's default). se: the root mean square of the standard errors of the repeats that count, over the
   root of their number (a median's own is up to 1.25 times that). A single sweep's curve is its points. The caller clears it.
   Errors: those of memory. */
flr_status flr_sweep_curve_init(flr_sweep_curve *out, const flr_sweep *sweeps, int repeats);
void flr_sweep_curve_clear(flr_sweep_curve *curve);

/* The curve, the suggestions read off it, and those read off each repeat's own. */
typedef struct flr_sweep_findings {
  flr_sweep_curve curve;
  flr_suggestion suggestions[FLR_SUGGEST_COUNT];
  flr_suggestion *own; /* [repeats, FLR_SUGGEST_COUNT], owned; NULL for a single sweep, whose are the above */
} flr_sweep_findings;

/* Fills all of it; with repeats the suggestions get their ranges (flr_suggestion.low, .high, .repeats). The caller clears it,
   also after an error. */
flr_status flr_sweep_findings_init(flr_sweep_findings *out, const flr_sweep *sweeps, int repeats,
                                   const flr_suggest_options *options);
void flr_sweep_findings_clear(flr_sweep_findings *findings);

#endif
