/* The policies: one function and one row each (their formulas: schedule.h). */
#include "optim/policy.h"

#include <math.h>
#include <stddef.h>

static int64_t at_least_one(int64_t steps) { return steps < 1 ? 1 : steps; }

static flr_stretch rise(const flr_schedule_options *o, double p) {
  return (flr_stretch){.p = p, .from = FLR_LEVEL_START, .to = FLR_LEVEL_PEAK, .mom_from = o->moms[0], .mom_to = o->moms[1]};
}

static flr_stretch fall(const flr_schedule_options *o, flr_level to, double p) {
  return (flr_stretch){.p = fmin(1, p), .from = FLR_LEVEL_PEAK, .to = to, .mom_from = o->moms[1], .mom_to = o->moms[2]};
}

/* The rate goes down, the momentum stays. */
static flr_stretch settle(const flr_schedule_options *o, flr_level from, flr_level to, double p) {
  return (flr_stretch){.p = fmin(1, p), .from = from, .to = to, .mom_from = o->moms[0], .mom_to = o->moms[0]};
}

/* fastai v1 never lets a phase be shorter than one step: without a warm-up step 0 still is at max / div_factor, step 1 at max.
 */
static flr_stretch one_cycle(const flr_schedule_options *o, int64_t step) {
  const int64_t asked = (int64_t)((double)o->total_steps * o->pct_start);
  const int64_t up = at_least_one(asked), down = at_least_one(o->total_steps - asked);
  if (step <= up) return rise(o, (double)step / (double)up);
  return fall(o, FLR_LEVEL_END, (double)(step - up) / (double)down);
}

static flr_stretch one_cycle_v2(const flr_schedule_options *o, int64_t step) {
  const double position = (double)step / (double)o->total_steps;
  if (position < o->pct_start) return rise(o, position / o->pct_start);
  return fall(o, FLR_LEVEL_END, (position - o->pct_start) / (1 - o->pct_start));
}

/* Share of the way from `begin` to `end`; a phase without length is at its end. */
static double between(double begin, double end, int64_t step) {
  return end > begin ? ((double)step - begin) / (end - begin) : 1;
}

static flr_stretch one_cycle_torch(const flr_schedule_options *o, int64_t step) {
  const double peak = o->pct_start * (double)o->total_steps - 1, end = (double)o->total_steps - 1;
  if ((double)step <= peak) return rise(o, between(0, peak, step));
  return fall(o, FLR_LEVEL_TORCH_END, between(peak, end, step));
}

static flr_stretch one_cycle_torch3(const flr_schedule_options *o, int64_t step) {
  const double peak = o->pct_start * (double)o->total_steps - 1, back = 2 * peak, end = (double)o->total_steps - 1;
  if ((double)step <= peak) return rise(o, between(0, peak, step));
  if ((double)step <= back) return fall(o, FLR_LEVEL_START, between(peak, back, step));
  return settle(o, FLR_LEVEL_START, FLR_LEVEL_TORCH_END, between(back, end, step));
}

/* Past one half the way down would not end before the schedule does. */
static flr_status check_torch3(const flr_schedule_options *o) {
  if (o->pct_start <= 0.5) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--pct-start %g is out of range: one-cycle-torch3 goes down as long as up, at most 0.5",
                  o->pct_start);
}

static flr_stretch annihilate(const flr_schedule_options *o, int64_t step) {
  const int64_t half = at_least_one((int64_t)((double)o->total_steps * (1 - o->annihilate_pct) / 2));
  const int64_t rest = at_least_one(o->total_steps - 2 * half);
  flr_stretch s;
  if (step <= half)
    s = rise(o, (double)step / (double)half);
  else if (step <= 2 * half)
    s = fall(o, FLR_LEVEL_START, (double)(step - half) / (double)half);
  else
    s = settle(o, FLR_LEVEL_START, FLR_LEVEL_ANNIHILATED, (double)(step - 2 * half) / (double)rest);
  s.linear = 1;
  return s;
}

static flr_stretch flat_cos(const flr_schedule_options *o, int64_t step) {
  const double position = (double)step / (double)o->total_steps;
  const double p = position < o->pct_start ? 0 : (position - o->pct_start) / (1 - o->pct_start);
  return settle(o, FLR_LEVEL_PEAK, FLR_LEVEL_END, p);
}

/* How many first cycles the schedule is long: 1 + mult + mult^2 + .. */
static double sgdr_parts(const flr_schedule_options *o) {
  double parts = 0, part = 1;
  for (int64_t cycle = 0; cycle < o->cycles && isfinite(parts); cycle++) {
    parts += part;
    part *= (double)o->cycle_mult;
  }
  return parts;
}

static flr_stretch sgdr(const flr_schedule_options *o, int64_t step) {
  const double position = (double)step * sgdr_parts(o) / (double)o->total_steps;
  double begin = 0, part = 1;
  for (int64_t cycle = 1; cycle < o->cycles && position >= begin + part; cycle++) {
    begin += part;
    part *= (double)o->cycle_mult;
  }
  return settle(o, FLR_LEVEL_PEAK, FLR_LEVEL_ZERO, (position - begin) / part);
}

static flr_status check_sgdr(const flr_schedule_options *o) {
  if (sgdr_parts(o) <= (double)o->total_steps) return FLR_OK;
  return flr_fail(
      FLR_ERROR_USAGE,
      "--cycles %lld with --cycle-mult %lld: a cycle makes no steps, as there are only %lld in all: lower one of them",
      (long long)o->cycles, (long long)o->cycle_mult, (long long)o->total_steps);
}

static flr_stretch constant(const flr_schedule_options *o, int64_t step) {
  (void)step;
  return settle(o, FLR_LEVEL_PEAK, FLR_LEVEL_PEAK, 0);
}

/* fastai's fine_tune: first only the last group at the full rate, then all groups, at half of it and below. The other options
   are the same for both. */
static flr_schedule_options fine_tune_part(const flr_schedule_options *o, int64_t *step) {
  flr_schedule_options part = *o;
  const int last = o->groups - 1;
  const double base = o->max_lr[last];
  if (*step < o->frozen_steps) {
    part.total_steps = o->frozen_steps;
    part.pct_start = 0.99;
    part.div_factor = 25;
    for (int g = 0; g < last; g++) part.max_lr[g] = base / 10;
    return part;
  }
  *step -= o->frozen_steps;
  part.total_steps = o->total_steps - o->frozen_steps;
  for (int g = 0; g < last; g++) part.max_lr[g] = base / 2 / o->lr_mult * pow(o->lr_mult, (double)g / last);
  part.max_lr[last] = base / 2;
  return part;
}

static flr_status check_fine_tune(const flr_schedule_options *o) {
  if (o->groups < 2)
    return flr_fail(FLR_ERROR_USAGE,
                    "--policy fine-tune freezes all layer groups but the last, and there is only one: give --groups 2 or more");
  for (int g = 1; g < o->groups; g++)
    if (o->max_lr[g] < o->max_lr[0] || o->max_lr[g] > o->max_lr[0])
      return flr_fail(FLR_ERROR_USAGE, "--lr: --policy fine-tune makes the rates of layer groups itself: give one rate");
  if (o->frozen_steps >= 1 && o->frozen_steps < o->total_steps) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--freeze-epochs: %lld frozen steps of %lld leave none to one of the two phases",
                  (long long)o->frozen_steps, (long long)o->total_steps);
}

/* final_div 0: div_factor * 1e4. */
static const flr_policy policies[] = {
    {"one-cycle", 25, 0.3, 0, NAN, NAN, 0, 0, {0.95, 0.85}, 2, NULL, NULL, one_cycle},
    {"one-cycle-v2", 25, 0.25, 1e5, NAN, NAN, 0, 0, {0.95, 0.85}, 3, NULL, NULL, one_cycle_v2},
    {"one-cycle-torch", 25, 0.3, 1e4, NAN, NAN, 0, 0, {0.95, 0.85}, 2, NULL, NULL, one_cycle_torch},
    {"one-cycle-torch3", 25, 0.3, 1e4, NAN, NAN, 0, 0, {0.95, 0.85}, 2, check_torch3, NULL, one_cycle_torch3},
    {"annihilate", 10, NAN, NAN, 0.1, NAN, 0, 0, {0.95, 0.85}, 2, NULL, NULL, annihilate},
    {"flat-cos", NAN, 0.75, 1e5, NAN, NAN, 0, 0, {0.9, 0.9}, 1, NULL, NULL, flat_cos},
    {"sgdr", NAN, NAN, NAN, NAN, NAN, 3, 2, {0.9, 0.9}, 1, check_sgdr, NULL, sgdr},
    {"constant", NAN, NAN, NAN, NAN, NAN, 0, 0, {0.9, 0.9}, 1, NULL, NULL, constant},
    {"fine-tune", 5, 0.3, 1e5, NAN, 100, 0, 0, {0.95, 0.85}, 3, check_fine_tune, fine_tune_part, one_cycle_v2},
};

const flr_policy *flr_policy_get(int i) {
  return i >= 0 && i < (int)(sizeof policies / sizeof policies[0]) ? &policies[i] : NULL;
}
