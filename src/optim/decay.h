/* Which of several weight decays to take, from a sweep over rates for each. Pure. */
#ifndef FLR_OPTIM_DECAY_H
#define FLR_OPTIM_DECAY_H

#include "core/status.h"
#include "optim/sweep_curve.h"

enum { FLR_MOST_DECAYS = 8 };

/* The decays of --sweep-wd; count 0: none are compared. */
typedef struct flr_decays {
  int count;
  double wd[FLR_MOST_DECAYS];
} flr_decays;

/* Reads "0,1e-4,1e-2"; NULL: none. Errors: FLR_ERROR_USAGE for a list that is empty, too long, or has what is no number of at
   least 0 or is there twice. */
flr_status flr_decays_parse(flr_decays *out, const char *text);

/* What a decay's curve tells. */
typedef struct flr_decay_row {
  double least_loss, least_lr; /* least smoothed loss and its rate; NAN where no loss is finite */
  double highest_lr;           /* up to where, behind it, the smoothed loss stays at or below the curve's first; NAN as above */
} flr_decay_row;

/* Fills a row for each of `count` curves (at least 1) and returns the place of the decay to take. Of those that go as low as
   the best, which is least_loss <= L + 0.1 (F - L), it is the largest whose highest_lr >= H / 2: L is the least loss of all, F
   the first smoothed loss of the curve that L is of, H the highest highest_lr of those. Where no loss is finite, the first. L.
   N. Smith, A disciplined approach to neural network hyper-parameters, arXiv:1803.09820 (2018), section 4.4, and S. Gugger, The
   1cycle policy (2018): run the range test with several decays and take the largest that still lets the rate be high. They
   judge by eye; the tolerances are ours. Pure. */
int flr_decay_choose(flr_decay_row *rows, const double *wd, const flr_sweep_findings *findings, int count);

#endif
