/* Medians and bands over the repeats of a sweep. */
#include "optim/sweep_curve.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

enum { COLUMNS = 8, RANGE_REPEATS = 3 };
static const double band_low = 0.16, band_high = 0.84;

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* How many sweeps have to go as far as the curve. */
static int majority(int repeats) { return repeats / 2 + 1; }

/* The sweep that ends the curve: at least a majority went as far, the first of those with so many points. */
static const flr_sweep *ending_sweep(const flr_sweep *sweeps, int repeats) {
  const flr_sweep *found = NULL;
  for (int r = 0; r < repeats; ++r) {
    int as_far = 0;
    for (int other = 0; other < repeats; ++other) as_far += sweeps[other].count >= sweeps[r].count;
    if (as_far >= majority(repeats) && (!found || sweeps[r].count > found->count)) found = &sweeps[r];
  }
  return found;
}

/* The value between sorted ones a share p of the way up; INFINITY where that is no number. */
static double quantile(const double *sorted, int count, double p) {
  const double place = p * (count - 1);
  const int below = (int)place;
  const double share = place - below;
  const double value = share > 0 ? sorted[below] + share * (sorted[below + 1] - sorted[below]) : sorted[below];
  return isfinite(value) ? value : INFINITY;
}

static double median_of(const double *sorted, int count) {
  const double value = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
  return isfinite(value) ? value : NAN;
}

/* Sorts the values of a point and takes the median and the ends of the band. */
static void take_point(double *values, int count, double *middle, double *low, double *high) {
  qsort(values, (size_t)count, sizeof *values, compare_doubles);
  *middle = median_of(values, count);
  *low = isnan(*middle) ? NAN : quantile(values, count, count <= RANGE_REPEATS ? 0 : band_low);
  *high = isnan(*middle) ? NAN : quantile(values, count, count <= RANGE_REPEATS ? 1 : band_high);
}

static double finite_or_above_all(double value) { return isfinite(value) ? value : INFINITY; }

static void fill_point(flr_sweep_curve *c, const flr_sweep *sweeps, int64_t i, double *values) {
  double squares = 0, counted = 0;
  double *const smooth = values + c->repeats;
  for (int r = 0; r < c->repeats; ++r) {
    const flr_sweep_point *point = i < sweeps[r].count ? &sweeps[r].points[i] : NULL;
    values[r] = point ? finite_or_above_all(point->loss) : INFINITY;
    smooth[r] = point ? finite_or_above_all(point->smooth) : INFINITY;
    if (!point) continue;
    c->lr[i] = point->lr;
    c->samples[i] += point->samples;
    if (!isfinite(values[r])) continue;
    squares += point->se * point->se;
    counted += 1;
  }
  c->se[i] = counted > 0 ? sqrt(squares) / counted : NAN;
  take_point(values, c->repeats, &c->loss[i], &c->low[i], &c->high[i]);
  take_point(smooth, c->repeats, &c->smooth[i], &c->smooth_low[i], &c->smooth_high[i]);
}

/* A single sweep's own numbers, also where they are not finite. */
static void copy_point(flr_sweep_curve *c, const flr_sweep_point *point, int64_t i) {
  c->lr[i] = point->lr;
  c->loss[i] = c->low[i] = c->high[i] = point->loss;
  c->smooth[i] = c->smooth_low[i] = c->smooth_high[i] = point->smooth;
  c->se[i] = point->se;
  c->samples[i] = point->samples;
}

static flr_status allocate(flr_sweep_curve *c) {
  double **const columns[COLUMNS] = {&c->lr, &c->loss, &c->smooth, &c->se, &c->low, &c->high, &c->smooth_low, &c->smooth_high};
  FLR_TRY(flr_alloc(&c->memory, COLUMNS * c->n, sizeof(double)));
  for (int i = 0; i < COLUMNS; ++i) *columns[i] = c->memory + i * c->n;
  return flr_alloc(&c->samples, c->n, sizeof *c->samples);
}

flr_status flr_sweep_curve_init(flr_sweep_curve *out, const flr_sweep *sweeps, int repeats) {
  const flr_sweep *end = ending_sweep(sweeps, repeats);
  double *values = NULL;
  *out = (flr_sweep_curve){.n = end->count, .repeats = repeats, .verdict = end->verdict};
  flr_status status = allocate(out);
  if (status == FLR_OK) status = flr_alloc(&values, 2 * (int64_t)repeats, sizeof *values);
  for (int64_t i = 0; status == FLR_OK && i < out->n; ++i) {
    if (repeats == 1)
      copy_point(out, &sweeps->points[i], i);
    else
      fill_point(out, sweeps, i, values);
  }
  flr_free(values);
  if (status != FLR_OK) flr_sweep_curve_clear(out);
  return status;
}

void flr_sweep_curve_clear(flr_sweep_curve *c) {
  flr_free(c->memory);
  flr_free(c->samples);
  *c = (flr_sweep_curve){0};
}

/* ---- suggestions ---- */

static flr_status suggest_one(flr_suggestion out[FLR_SUGGEST_COUNT], const flr_sweep_curve *curve,
                              const flr_suggest_options *options) {
  const flr_suggest_curve columns = {
      .n = curve->n, .lr = curve->lr, .loss = curve->loss, .smooth = curve->smooth, .se = curve->se};
  double *scratch;
  FLR_TRY(flr_alloc(&scratch, 2 * curve->n, sizeof *scratch));
  flr_suggest(out, &columns, options, scratch);
  flr_free(scratch);
  return FLR_OK;
}

static flr_status suggest_own(flr_suggestion out[FLR_SUGGEST_COUNT], const flr_sweep *sweep,
                              const flr_suggest_options *options) {
  flr_sweep_curve curve;
  FLR_TRY(flr_sweep_curve_init(&curve, sweep, 1));
  const flr_status status = suggest_one(out, &curve, options);
  flr_sweep_curve_clear(&curve);
  return status;
}

static void add_range(flr_suggestion *suggestion, const flr_suggestion *own) {
  if (own->status != FLR_SUGGEST_OK) return;
  suggestion->low = fmin(suggestion->low, own->lr); /* fmin and fmax pass over NAN */
  suggestion->high = fmax(suggestion->high, own->lr);
  ++suggestion->repeats;
}

flr_status flr_sweep_findings_init(flr_sweep_findings *out, const flr_sweep *sweeps, int repeats,
                                   const flr_suggest_options *options) {
  *out = (flr_sweep_findings){0};
  FLR_TRY(flr_sweep_curve_init(&out->curve, sweeps, repeats));
  FLR_TRY(suggest_one(out->suggestions, &out->curve, options));
  if (repeats == 1) return FLR_OK;
  FLR_TRY(flr_alloc(&out->own, (int64_t)repeats * FLR_SUGGEST_COUNT, sizeof *out->own));
  for (int r = 0; r < repeats; ++r) {
    flr_suggestion *own = out->own + r * FLR_SUGGEST_COUNT;
    FLR_TRY(suggest_own(own, &sweeps[r], options));
    for (int kind = 0; kind < FLR_SUGGEST_COUNT; ++kind) add_range(&out->suggestions[kind], &own[kind]);
  }
  return FLR_OK;
}

void flr_sweep_findings_clear(flr_sweep_findings *f) {
  flr_sweep_curve_clear(&f->curve);
  flr_free(f->own);
  *f = (flr_sweep_findings){0};
}
