/* Schedules from options, and the per-group forms of a rate. */
#include "optim/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/policy.h"

static double or_default(double value, double fallback) { return isnan(value) ? fallback : value; }

static double level(const flr_schedule_options *o, flr_level which, double max) {
  switch (which) {
    case FLR_LEVEL_PEAK: break;
    case FLR_LEVEL_START: return max / o->div_factor;
    case FLR_LEVEL_END: return max / o->final_div;
    case FLR_LEVEL_TORCH_END: return max / o->div_factor / o->final_div;
    case FLR_LEVEL_ANNIHILATED: return max / o->div_factor / 100;
    case FLR_LEVEL_ZERO: return 0;
  }
  return max;
}

/* From a at p = 0 to b at p = 1. */
static double anneal(const flr_stretch *s, double a, double b) {
  return s->linear ? (1 - s->p) * a + s->p * b : b + (a - b) / 2 * (1 + cos(M_PI * s->p));
}

const char *flr_schedule_policy_name(int i) {
  const flr_policy *policy = flr_policy_get(i);
  return policy ? policy->name : NULL;
}

flr_schedule_options flr_schedule_options_defaults(void) {
  flr_schedule_options options = {.policy = flr_policy_get(0)->name,
                                  .total_steps = 1,
                                  .groups = 1,
                                  .div_factor = NAN,
                                  .pct_start = NAN,
                                  .final_div = NAN,
                                  .annihilate_pct = NAN,
                                  .lr_mult = NAN,
                                  .cycles = -1,
                                  .cycle_mult = -1,
                                  .moms = {NAN, NAN, NAN}};
  for (int g = 0; g < FLR_MAX_GROUPS; ++g) options.max_lr[g] = NAN;
  return options;
}

static flr_status unknown_policy(const char *name) {
  char known[256] = "";
  for (int i = 0; flr_policy_get(i); ++i) {
    const size_t used = strlen(known);
    (void)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", flr_policy_get(i)->name);
  }
  return flr_fail(FLR_ERROR_USAGE, "--policy %s is unknown: choose one of %s", name ? name : "(none)", known);
}

static flr_status find_policy(int *out, const char *name) {
  for (int i = 0; name && flr_policy_get(i); ++i) {
    if (strcmp(flr_policy_get(i)->name, name) != 0) continue;
    *out = i;
    return FLR_OK;
  }
  return unknown_policy(name);
}

static flr_status check_extent(const flr_schedule_options *options) {
  if (options->total_steps < 1)
    return flr_fail(FLR_ERROR_USAGE, "--steps %lld is out of range: at least 1", (long long)options->total_steps);
  if (options->groups < 1 || options->groups > FLR_MAX_GROUPS)
    return flr_fail(FLR_ERROR_USAGE, "--groups %d is out of range: 1..%d", options->groups, FLR_MAX_GROUPS);
  for (int g = 0; g < options->groups; ++g)
    if (!isfinite(options->max_lr[g]) || options->max_lr[g] < 0)
      return flr_fail(FLR_ERROR_USAGE, "--lr %g of layer group %d is out of range: a finite number, at least 0",
                      options->max_lr[g], g);
  return FLR_OK;
}

/* The policy's default for a number that was not given; one that it has no use for is refused. */
static flr_status take_number(double *value, double fallback, const char *option, const flr_policy *policy) {
  if (isnan(fallback) && !isnan(*value))
    return flr_fail(FLR_ERROR_USAGE, "--policy %s takes no %s: leave it out", policy->name, option);
  *value = or_default(*value, fallback);
  return FLR_OK;
}

static flr_status take_count(int64_t *value, int64_t fallback, const char *option, const flr_policy *policy) {
  if (fallback == 0 && *value >= 0)
    return flr_fail(FLR_ERROR_USAGE, "--policy %s takes no %s: leave it out", policy->name, option);
  if (fallback > 0 && *value < 0) *value = fallback;
  return FLR_OK;
}

static flr_status take_moms(double moms[3], const flr_policy *policy) {
  moms[0] = or_default(moms[0], policy->moms[0]);
  moms[1] = policy->mom_count == 1 ? moms[0] : or_default(moms[1], policy->moms[1]);
  moms[2] = policy->mom_count == 1 ? moms[0] : or_default(moms[2], moms[0]);
  if (policy->mom_count == 2 && moms[2] != moms[0])
    return flr_fail(FLR_ERROR_USAGE, "--moms %g,%g,%g: --policy %s takes two values and ends where it began", moms[0], moms[1],
                    moms[2], policy->name);
  return FLR_OK;
}

/* Afterwards what the policy has no use for is NAN, or -1, and everything else has its value. */
static flr_status resolve(flr_schedule_options *o, const flr_policy *policy) {
  FLR_TRY(take_number(&o->div_factor, policy->div_factor, "--div-factor", policy));
  FLR_TRY(take_number(&o->pct_start, policy->pct_start, "--pct-start", policy));
  FLR_TRY(take_number(&o->final_div, policy->final_div <= 0 ? o->div_factor * 1e4 : policy->final_div, "--final-div", policy));
  FLR_TRY(take_number(&o->annihilate_pct, policy->annihilate_pct, "--annihilate-pct", policy));
  FLR_TRY(take_number(&o->lr_mult, policy->lr_mult, "--lr-mult", policy));
  FLR_TRY(take_count(&o->cycles, policy->cycles, "--cycles", policy));
  FLR_TRY(take_count(&o->cycle_mult, policy->cycle_mult, "--cycle-mult", policy));
  return take_moms(o->moms, policy);
}

static flr_status check_range(const char *option, double value, int allowed, const char *range) {
  if (allowed || isnan(value)) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "%s %g is out of range: %s", option, value, range);
}

static flr_status check_numbers(const flr_schedule_options *o) {
  static const char positive[] = "a finite number above 0", whole[] = "at least 1";
  FLR_TRY(check_range("--div-factor", o->div_factor, o->div_factor > 0 && isfinite(o->div_factor), positive));
  FLR_TRY(check_range("--final-div", o->final_div, o->final_div > 0 && isfinite(o->final_div), positive));
  FLR_TRY(check_range("--lr-mult", o->lr_mult, o->lr_mult > 0 && isfinite(o->lr_mult), positive));
  FLR_TRY(check_range("--pct-start", o->pct_start, o->pct_start > 0 && o->pct_start < 1, "above 0 and below 1"));
  FLR_TRY(
      check_range("--annihilate-pct", o->annihilate_pct, o->annihilate_pct >= 0 && o->annihilate_pct < 1, "from 0 to below 1"));
  FLR_TRY(check_range("--cycles", (double)o->cycles, o->cycles != 0, whole));
  FLR_TRY(check_range("--cycle-mult", (double)o->cycle_mult, o->cycle_mult != 0, whole));
  for (int i = 0; i < 3; ++i)
    if (!(o->moms[i] >= 0 && o->moms[i] < 1))
      return flr_fail(FLR_ERROR_USAGE, "--moms %g is out of range: 0 <= momentum < 1", o->moms[i]);
  return FLR_OK;
}

flr_status flr_schedule_init(flr_schedule *out, const flr_schedule_options *options) {
  flr_schedule schedule = {.options = *options};
  FLR_TRY(find_policy(&schedule.policy, options->policy));
  const flr_policy *policy = flr_policy_get(schedule.policy);
  schedule.options.policy = policy->name; /* the caller's string may go away */
  FLR_TRY(check_extent(options));
  FLR_TRY(resolve(&schedule.options, policy));
  FLR_TRY(check_numbers(&schedule.options));
  if (policy->check) FLR_TRY(policy->check(&schedule.options));
  *out = schedule;
  return FLR_OK;
}

flr_rates flr_schedule_at(const flr_schedule *schedule, int64_t step) {
  const flr_policy *policy = flr_policy_get(schedule->policy);
  if (step < 0) step = 0;
  const flr_schedule_options o = policy->part ? policy->part(&schedule->options, &step) : schedule->options;
  const flr_stretch s = policy->locate(&o, step);
  flr_rates rates = {.momentum = anneal(&s, s.mom_from, s.mom_to)};
  for (int g = 0; g < o.groups; ++g) rates.lr[g] = anneal(&s, level(&o, s.from, o.max_lr[g]), level(&o, s.to, o.max_lr[g]));
  return rates;
}

static flr_status bad_rates(const char *option, const char *text, const char *wanted) {
  return flr_fail(FLR_ERROR_USAGE, "%s: %.200s is not allowed: %s", option, *text ? text : "\"\"", wanted);
}

/* Reads one rate at *cursor and moves the cursor behind it; only `stop` or the end may follow. */
static int read_rate(double *out, const char **cursor, char stop) {
  char *end = NULL;
  *out = strtod(*cursor, &end);
  if (end == *cursor || !isfinite(*out) || *out < 0) return 0;
  if (*end && *end != stop) return 0;
  *cursor = end;
  return 1;
}

static void fill_tenth(double out[FLR_MAX_GROUPS], int groups, double last) {
  for (int g = 0; g < groups - 1; ++g) out[g] = last / 10;
  out[groups - 1] = last;
}

static flr_status parse_slice(double out[FLR_MAX_GROUPS], int groups, const char *text, const char *option) {
  const char *cursor = text;
  double first = 0, last = 0;
  const int has_first = *text != ':';
  if (groups == 1)
    return flr_fail(FLR_ERROR_USAGE, "%s: %.200s spreads rates over layer groups, but there is only one: give one rate", option,
                    text);
  if (has_first && !read_rate(&first, &cursor, ':')) return bad_rates(option, text, "A:B takes two finite rates of at least 0");
  ++cursor; /* the colon */
  if (!read_rate(&last, &cursor, '\0')) return bad_rates(option, text, "A:B takes two finite rates of at least 0");
  if (first == 0) {
    fill_tenth(out, groups, last);
    return FLR_OK;
  }
  if (last == 0) return bad_rates(option, text, "A:B is a geometric row and cannot end at 0");
  for (int g = 0; g < groups; ++g) out[g] = first * pow(last / first, (double)g / (groups - 1));
  out[groups - 1] = last;
  return FLR_OK;
}

static flr_status parse_list(double out[FLR_MAX_GROUPS], int groups, const char *text, const char *option) {
  const char *cursor = text;
  double values[FLR_MAX_GROUPS];
  int count = 0;
  for (;;) {
    if (count == FLR_MAX_GROUPS) return bad_rates(option, text, "more values than layer groups");
    if (!read_rate(&values[count++], &cursor, ','))
      return bad_rates(option, text, "a finite rate of at least 0, in one of the forms X, A:B, :B or X0,X1,..");
    if (*cursor != ',') break;
    ++cursor;
  }
  if (count != 1 && count != groups)
    return flr_fail(FLR_ERROR_USAGE, "%s: %.200s has %d values, the model %d layer group%s: give one value or one per group",
                    option, text, count, groups, groups == 1 ? "" : "s");
  for (int g = 0; g < groups; ++g) out[g] = values[count == 1 ? 0 : g];
  return FLR_OK;
}

flr_status flr_parse_group_rates(double out[FLR_MAX_GROUPS], int groups, const char *text, const char *option) {
  if (groups < 1 || groups > FLR_MAX_GROUPS)
    return flr_fail(FLR_ERROR_USAGE, "%s: %d layer groups are out of range: 1..%d", option, groups, FLR_MAX_GROUPS);
  if (!text || !*text) return bad_rates(option, text ? text : "", "give a rate such as 3e-3");
  return strchr(text, ':') ? parse_slice(out, groups, text, option) : parse_list(out, groups, text, option);
}

flr_status flr_schedule_parse_moms(double out[3], const char *text) {
  int count = 0;
  for (int i = 0; i < 3; i++) out[i] = NAN;
  for (const char *at = text; at && count < 3; count++) {
    char *end;
    out[count] = strtod(at, &end);
    if (end == at || (*end != ',' && *end != '\0') || !(out[count] >= 0 && out[count] < 1)) break;
    if (*end == '\0') return FLR_OK;
    at = end + 1;
  }
  if (!text) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--moms: %.200s is not allowed: one to three numbers from 0 to below 1, as 0.95,0.85",
                  *text ? text : "\"\"");
}
