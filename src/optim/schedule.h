/* Learning rate and momentum as pure functions of the step: policies of fastai, Gugger's posts and PyTorch. */
#ifndef FLR_OPTIM_SCHEDULE_H
#define FLR_OPTIM_SCHEDULE_H

#include <stdint.h>

#include "core/status.h"

/* The most layer groups a model may have. */
enum { FLR_MAX_GROUPS = 16 };

/* What one step trains with: a learning rate per layer group (group 0 nearest the input) and one momentum (beta1 of Adam). */
typedef struct flr_rates {
  double lr[FLR_MAX_GROUPS];
  double momentum;
} flr_rates;

/* What a schedule is made from; NAN in a number means "the policy's own default". */
typedef struct flr_schedule_options {
  const char *policy;            /* a name of flr_schedule_policy_name */
  int64_t total_steps;           /* optimizer steps of the whole run, >= 1 */
  int groups;                    /* 1..FLR_MAX_GROUPS */
  double max_lr[FLR_MAX_GROUPS]; /* the peak per group, finite, >= 0 */
  double div_factor;             /* max / div_factor at step 0, > 0 */
  double pct_start;              /* share of the steps before the rate falls, between 0 and 1 */
  double final_div;              /* max / final_div at the end, > 0 (torch's policies: of the start's rate) */
  double annihilate_pct;         /* share of the steps behind the cycle, 0 <= p < 1 */
  double lr_mult;                /* fine-tune: by how much the first group's rate is below the last one's when all train, > 0 */
  int64_t cycles, cycle_mult;    /* sgdr: how many, each mult times as long as the one before it; -1: the policy's own */
  int64_t frozen_steps;          /* fine-tune: steps of its first phase, 1..total_steps - 1; others do not look at it */
  double moms[3];                /* outside, at the peak, at the end, 0 <= m < 1; policies that keep it take the first */
} flr_schedule_options;

/* A ready schedule: plain data, copied freely, stored in checkpoints by its options. */
typedef struct flr_schedule {
  flr_schedule_options options; /* every default resolved; NAN or -1 where the policy has no such option */
  int policy;                   /* index into the table of policies */
} flr_schedule;

/* Options with every number "the policy's own", one group, policy one-cycle. */
flr_schedule_options flr_schedule_options_defaults(void);

/* Fills *out after checking the options. Errors: FLR_ERROR_USAGE naming option, value and range; also for options that the
   policy has no use for, and for cycles that make no steps. Not collective. */
flr_status flr_schedule_init(flr_schedule *out, const flr_schedule_options *options);

/* Rates and momentum of the 0-based optimizer step. Steps past the end keep the last phase's formula at its end (p = 1). Pure.
   All cosine but annihilate; each layer group follows the same shape below its own max:
   one-cycle (fastai v1): max/div -> max over a1 = trunc(total * pct_start) steps, then max -> max/final_div.
   one-cycle-v2 (fastai v2): the same over shares of step/total; final_div 1e5, pct_start 0.25, a momentum of its own at the
   end. one-cycle-torch (PyTorch's OneCycleLR): peak at step pct_start * total - 1, max/div/final_div at step total - 1.
   one-cycle-torch3 (its three_phase): back to max/div in as many steps as up, then to max/div/final_div.
   annihilate (Gugger): linear up and down over all but annihilate_pct of the steps, then linear to max/div/100.
   flat-cos: max until pct_start, then to max/final_div. sgdr: `cycles` times max -> 0, from one to the next at once.
   constant: max. These three keep the first momentum.
   fine-tune (fastai v2's fine_tune), from one base rate b: over frozen_steps one-cycle-v2 with peaks b/10, .., b/10, b, div 25
   and pct_start 0.99; then over the rest one-cycle-v2 with peaks from b/2/lr_mult in a geometric row to b/2, div 5, pct_start
   0.3. */
flr_rates flr_schedule_at(const flr_schedule *schedule, int64_t step);

/* Name of the i-th policy, NULL past the last. Pure. */
const char *flr_schedule_policy_name(int i);

/* Parses --moms: "A", "A,B" or "A,B,C"; those not given (all for NULL) are NAN, the policy's own. Errors: FLR_ERROR_USAGE. */
flr_status flr_schedule_parse_moms(double out[3], const char *text);

/* Expands the per-group forms of a rate (fastai's slices): "X" all groups; "A:B" geometric from A to B; ":B" = B/10 for all but
   the last, B for the last; "X0,X1,.." exactly `groups` values (one value is broadcast). "0:B" is ":B". With one
   group the forms with a colon are refused. Errors: FLR_ERROR_USAGE naming `option` and the text. Not collective. */
flr_status flr_parse_group_rates(double out[FLR_MAX_GROUPS], int groups, const char *text, const char *option);

#endif
