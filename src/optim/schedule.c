/* The table of schedule policies and the per-group forms of a rate. */
#include "optim/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One policy: how it completes its options, and its rates at a step. */
typedef struct policy_row {
  const char *name;
  flr_status (*resolve)(flr_schedule_options *options);
  flr_rates (*at)(const flr_schedule_options *options, int64_t step);
} policy_row;

static double or_default(double value, double fallback) { return isnan(value) ? fallback : value; }

/* From a at p = 0 to b at p = 1. */
static double anneal_cosine(double a, double b, double p) { return b + (a - b) / 2 * (1 + cos(M_PI * p)); }

static int64_t at_least_one(int64_t steps) { return steps < 1 ? 1 : steps; }

/* fastai v1 never lets a phase be shorter than one step: without a warm-up step 0 still is at max / div_factor, step 1 at max.
 */
static flr_rates one_cycle_at(const flr_schedule_options *options, int64_t step) {
  const int64_t asked = (int64_t)((double)options->total_steps * options->pct_start);
  const int64_t up = at_least_one(asked), down = at_least_one(options->total_steps - asked);
  const int rising = step <= up;
  const double p = rising ? (double)step / (double)up : fmin(1, (double)(step - up) / (double)down);
  flr_rates rates = {.momentum = rising ? anneal_cosine(options->moms[0], options->moms[1], p)
                                        : anneal_cosine(options->moms[1], options->moms[2], p)};
  for (int g = 0; g < options->groups; ++g) {
    const double max = options->max_lr[g];
    rates.lr[g] = rising ? anneal_cosine(max / options->div_factor, max, p) : anneal_cosine(max, max / options->final_div, p);
  }
  return rates;
}

static flr_status one_cycle_resolve(flr_schedule_options *options) {
  options->div_factor = or_default(options->div_factor, 25);
  options->pct_start = or_default(options->pct_start, 0.3);
  options->final_div = or_default(options->final_div, options->div_factor * 1e4);
  options->moms[0] = or_default(options->moms[0], 0.95);
  options->moms[1] = or_default(options->moms[1], 0.85);
  options->moms[2] = or_default(options->moms[2], options->moms[0]);
  if (options->moms[2] != options->moms[0])
    return flr_fail(FLR_ERROR_USAGE, "--moms %g,%g,%g: --policy one-cycle takes two values and ends where it began",
                    options->moms[0], options->moms[1], options->moms[2]);
  return FLR_OK;
}

static flr_rates constant_at(const flr_schedule_options *options, int64_t step) {
  (void)step;
  flr_rates rates = {.momentum = options->moms[0]};
  for (int g = 0; g < options->groups; ++g) rates.lr[g] = options->max_lr[g];
  return rates;
}

/* What a policy leaves alone gets a neutral value, so that a stored schedule never holds NAN. */
static flr_status constant_resolve(flr_schedule_options *options) {
  options->div_factor = or_default(options->div_factor, 1);
  options->pct_start = or_default(options->pct_start, 0);
  options->final_div = or_default(options->final_div, 1);
  options->moms[0] = or_default(options->moms[0], 0.9);
  options->moms[1] = or_default(options->moms[1], options->moms[0]);
  options->moms[2] = or_default(options->moms[2], options->moms[0]);
  return FLR_OK;
}

static const policy_row policies[] = {
    {"one-cycle", one_cycle_resolve, one_cycle_at},
    {"constant", constant_resolve, constant_at},
};
enum { POLICY_COUNT = sizeof policies / sizeof policies[0] };

const char *flr_schedule_policy_name(int i) { return i >= 0 && i < POLICY_COUNT ? policies[i].name : NULL; }

flr_schedule_options flr_schedule_options_defaults(void) {
  flr_schedule_options options = {.policy = policies[0].name,
                                  .total_steps = 1,
                                  .groups = 1,
                                  .div_factor = NAN,
                                  .pct_start = NAN,
                                  .final_div = NAN,
                                  .moms = {NAN, NAN, NAN}};
  for (int g = 0; g < FLR_MAX_GROUPS; ++g) options.max_lr[g] = NAN;
  return options;
}

static flr_status unknown_policy(const char *name) {
  char known[256] = "";
  for (int i = 0; i < POLICY_COUNT; ++i) {
    const size_t used = strlen(known);
    (void)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", policies[i].name);
  }
  return flr_fail(FLR_ERROR_USAGE, "--policy %s is unknown: choose one of %s", name ? name : "(none)", known);
}

static flr_status find_policy(int *out, const char *name) {
  for (int i = 0; name && i < POLICY_COUNT; ++i) {
    if (strcmp(policies[i].name, name) != 0) continue;
    *out = i;
    return FLR_OK;
  }
  return unknown_policy(name);
}

static flr_status check_positive(const char *option, double value) {
  if (isfinite(value) && value > 0) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "%s %g is out of range: a finite number above 0", option, value);
}

static flr_status check_moms(const double moms[3]) {
  for (int i = 0; i < 3; ++i)
    if (!(moms[i] >= 0 && moms[i] < 1))
      return flr_fail(FLR_ERROR_USAGE, "--moms %g is out of range: 0 <= momentum < 1", moms[i]);
  return FLR_OK;
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

flr_status flr_schedule_init(flr_schedule *out, const flr_schedule_options *options) {
  flr_schedule schedule = {.options = *options};
  FLR_TRY(find_policy(&schedule.policy, options->policy));
  schedule.options.policy = policies[schedule.policy].name; /* the caller's string may go away */
  FLR_TRY(check_extent(options));
  FLR_TRY(policies[schedule.policy].resolve(&schedule.options));
  FLR_TRY(check_positive("--div-factor", schedule.options.div_factor));
  FLR_TRY(check_positive("--final-div", schedule.options.final_div));
  if (!(schedule.options.pct_start >= 0 && schedule.options.pct_start <= 1))
    return flr_fail(FLR_ERROR_USAGE, "--pct-start %g is out of range: 0..1", schedule.options.pct_start);
  FLR_TRY(check_moms(schedule.options.moms));
  *out = schedule;
  return FLR_OK;
}

flr_rates flr_schedule_at(const flr_schedule *schedule, int64_t step) {
  return policies[schedule->policy].at(&schedule->options, step < 0 ? 0 : step);
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
