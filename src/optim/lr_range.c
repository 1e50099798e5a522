/* The learning-rate range test fed one loss at a time. */
#include "optim/lr_range.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { LEAST_ITERATIONS = 6 };

flr_sweep_options flr_sweep_options_defaults(void) {
  flr_sweep_options options = {.groups = 1, .iterations = 100, .beta = 0.98, .stop_factor = 4, .momentum = 0.9};
  for (int g = 0; g < FLR_MAX_GROUPS; ++g) {
    options.start[g] = 1e-7;
    options.end[g] = 10;
  }
  return options;
}

static flr_status check_group(const flr_sweep_options *options, int g) {
  const double start = options->start[g], end = options->end[g];
  if (!isfinite(start) || start < 0 || (start == 0 && !options->linear))
    return flr_fail(FLR_ERROR_USAGE, "--sweep-start %g of layer group %d is out of range: a finite rate %s", start, g,
                    options->linear ? "of at least 0" : "above 0");
  if (!isfinite(end) || end <= start)
    return flr_fail(FLR_ERROR_USAGE, "--sweep-end %g of layer group %d is out of range: a finite rate above --sweep-start %g",
                    end, g, start);
  return FLR_OK;
}

static flr_status check_options(const flr_sweep_options *options) {
  if (options->groups < 1 || options->groups > FLR_MAX_GROUPS)
    return flr_fail(FLR_ERROR_USAGE, "a sweep over %d layer groups is out of range: 1..%d", options->groups, FLR_MAX_GROUPS);
  for (int g = 0; g < options->groups; ++g) FLR_TRY(check_group(options, g));
  if (options->iterations < 1)
    return flr_fail(FLR_ERROR_USAGE, "--sweep-iters %lld is out of range: at least 1", (long long)options->iterations);
  if (!(options->beta >= 0 && options->beta < 1))
    return flr_fail(FLR_ERROR_USAGE, "--sweep-beta %g is out of range: 0 <= beta < 1", options->beta);
  if (options->stop_factor != 0 && !(options->stop_factor >= 1 && isfinite(options->stop_factor)))
    return flr_fail(FLR_ERROR_USAGE, "--sweep-stop %g is out of range: at least 1, or 0 for never", options->stop_factor);
  if (!(options->momentum >= 0 && options->momentum < 1))
    return flr_fail(FLR_ERROR_USAGE, "--sweep-mom %g is out of range: 0 <= momentum < 1", options->momentum);
  return FLR_OK;
}

flr_status flr_sweep_init(flr_sweep *out, const flr_sweep_options *options) {
  FLR_TRY(check_options(options));
  flr_sweep sweep = {.options = *options, .best = INFINITY, .verdict = FLR_SWEEP_CONTINUE};
  if (sweep.options.iterations < LEAST_ITERATIONS) sweep.options.iterations = LEAST_ITERATIONS;
  FLR_TRY(flr_alloc(&sweep.points, sweep.options.iterations, sizeof *sweep.points));
  *out = sweep;
  return FLR_OK;
}

void flr_sweep_clear(flr_sweep *sweep) {
  if (!sweep) return;
  flr_free(sweep->points);
  memset(sweep, 0, sizeof *sweep);
}

/* The rate of a group a share p of the way through the sweep. */
static double rate_of(const flr_sweep_options *options, int group, double p) {
  const double start = options->start[group], end = options->end[group];
  return options->linear ? start + p * (end - start) : start * pow(end / start, p);
}

void flr_sweep_rates_at(const flr_sweep_options *options, double lr, double out[FLR_MAX_GROUPS]) {
  const int last = options->groups - 1;
  const double start = options->start[last], end = options->end[last];
  double p = options->linear ? fmin(1, (lr - start) / (end - start)) : log(lr / start) / log(end / start);
  if (options->linear && !(p > 0)) p = start > 0 ? 0 : 1; /* (from 0 the ratios are those of the ends) */
  for (int g = 0; g < options->groups; ++g) out[g] = lr * (rate_of(options, g, p) / rate_of(options, last, p));
}

flr_rates flr_sweep_rates(const flr_sweep *sweep, int64_t i) {
  const flr_sweep_options *options = &sweep->options;
  const double p = (double)i / (double)(options->iterations - (options->inclusive ? 1 : 0));
  flr_rates rates = {.momentum = options->momentum};
  for (int g = 0; g < options->groups; ++g) rates.lr[g] = rate_of(options, g, p);
  return rates;
}

/* The bias-corrected running average after this loss. */
static double smoothed(flr_sweep *sweep, double loss) {
  const double beta = sweep->options.beta;
  sweep->ewma = beta * sweep->ewma + (1 - beta) * loss;
  return sweep->ewma / (1 - pow(beta, (double)(sweep->count + 1)));
}

flr_sweep_verdict flr_sweep_record(flr_sweep *sweep, double loss, double se, int64_t samples, int64_t nonfinite) {
  if (sweep->verdict != FLR_SWEEP_CONTINUE || sweep->count >= sweep->options.iterations) return sweep->verdict;
  const int finite = isfinite(loss) && nonfinite == 0;
  flr_sweep_point *point = &sweep->points[sweep->count];
  *point = (flr_sweep_point){.lr = flr_sweep_rates(sweep, sweep->count).lr[sweep->options.groups - 1],
                             .loss = loss,
                             .smooth = finite ? smoothed(sweep, loss) : NAN,
                             .se = se,
                             .samples = samples};
  ++sweep->count;
  if (!finite) return sweep->verdict = FLR_SWEEP_NONFINITE;
  sweep->best = fmin(sweep->best, point->smooth);
  if (sweep->options.stop_factor > 0 && point->smooth > sweep->options.stop_factor * sweep->best)
    sweep->verdict = FLR_SWEEP_DIVERGED;
  else if (sweep->count >= sweep->options.iterations)
    sweep->verdict = FLR_SWEEP_FINISHED;
  return sweep->verdict;
}

const char *flr_sweep_verdict_text(flr_sweep_verdict verdict) {
  static const char *const texts[] = {[FLR_SWEEP_CONTINUE] = "continue",
                                      [FLR_SWEEP_FINISHED] = "finished",
                                      [FLR_SWEEP_DIVERGED] = "diverged",
                                      [FLR_SWEEP_NONFINITE] = "nonfinite",
                                      [FLR_SWEEP_INTERRUPTED] = "interrupted"};
  return texts[verdict];
}
