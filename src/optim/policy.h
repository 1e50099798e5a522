/* The table of schedule policies, shared by the files that make schedules. */
#ifndef FLR_OPTIM_POLICY_H
#define FLR_OPTIM_POLICY_H

#include "optim/schedule.h"

/* Rates that stretches of a schedule begin and end at, from the peak of a layer group. */
typedef enum flr_level {
  FLR_LEVEL_PEAK,        /* max */
  FLR_LEVEL_START,       /* max / div_factor */
  FLR_LEVEL_END,         /* max / final_div */
  FLR_LEVEL_TORCH_END,   /* max / div_factor / final_div */
  FLR_LEVEL_ANNIHILATED, /* max / div_factor / 100 */
  FLR_LEVEL_ZERO
} flr_level;

/* Where a step lies: on its way from one rate and momentum to another. */
typedef struct flr_stretch {
  double p; /* 0 at `from`, 1 at `to` */
  flr_level from, to;
  double mom_from, mom_to;
  int linear; /* 0: cosine */
} flr_stretch;

/* One policy. A number of NAN (a count of 0) among the defaults: the policy has no such option. */
typedef struct flr_policy {
  const char *name;
  double div_factor, pct_start, final_div, annihilate_pct, lr_mult; /* defaults */
  int64_t cycles, cycle_mult;                                       /* defaults */
  double moms[2];                                                   /* defaults: outside (or always) and at the peak */
  int mom_count; /* 1: constant, further values are not looked at; 2: ends where it began; 3: has its own end */
  /* What only this policy asks of its options; NULL: nothing. */
  flr_status (*check)(const flr_schedule_options *options);
  /* Of a policy that is several schedules one after another: the options of the one that *step lies in, *step becoming its
     place there; locate then is given these. NULL: it is one. Pure. */
  flr_schedule_options (*part)(const flr_schedule_options *options, int64_t *step);
  /* The stretch that step >= 0 lies in; p stays 1 past the end. Pure. */
  flr_stretch (*locate)(const flr_schedule_options *options, int64_t step);
} flr_policy;

/* The i-th policy, NULL past the last. */
const flr_policy *flr_policy_get(int i);

#endif
