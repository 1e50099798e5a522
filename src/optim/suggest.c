/* Rules for reading a learning rate off a range test's curve: fastai's, with a status where they would crash, and our own. */
#include "optim/suggest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLIDE_DISTANCE = 15, DEFAULT_TRIM_END = 5, CONSENSUS_POINTS = 10, ESTIMATES = 3 };
static const double slide_threshold = 0.005;
/* Of the consensus: decades; shares; factors; points per decade. scripts/pick-study shows how good they are. */
static const double kernel_half_width = 0.7, start_decades = 1.5, least_error = 0.02, fallen = 0.5, risen = 0.75,
                    above_fall = 3, below_minimum = 2, below_rise = 20, clear_fall = 1.25, usual_density = 12.5;

/* The kept stretch of the curve: n points from index `first` of the whole. */
typedef struct stretch {
  const double *lr, *loss;
  int64_t n, first;
  double *lengths, *gradient; /* scratch, n each */
} stretch;

flr_suggest_options flr_suggest_options_defaults(void) {
  return (flr_suggest_options){.trim_start = -1, .trim_end = DEFAULT_TRIM_END, .asked = 0};
}

static flr_suggestion nothing(flr_suggest_status status) {
  return (flr_suggestion){.lr = NAN, .spread = NAN, .low = NAN, .high = NAN, .point = -1, .status = status};
}

static flr_suggestion at_point(const stretch *s, int64_t i) {
  return (flr_suggestion){
      .lr = s->lr[i], .spread = NAN, .low = NAN, .high = NAN, .point = s->first + i, .status = FLR_SUGGEST_OK};
}

static int64_t first_least(const double *values, int64_t n) {
  int64_t least = 0;
  for (int64_t i = 1; i < n; ++i)
    if (values[i] < values[least]) least = i;
  return least;
}

static int never_falls(const stretch *s) {
  for (int64_t i = 1; i < s->n; ++i)
    if (s->loss[i] < s->loss[i - 1]) return 0;
  return 1;
}

/* Differences over unit spacing: central inside, one-sided at the ends (numpy.gradient). n >= 2. */
static void fill_gradient(const stretch *s) {
  const double *l = s->loss;
  const int64_t last = s->n - 1;
  s->gradient[0] = l[1] - l[0];
  s->gradient[last] = l[last] - l[last - 1];
  for (int64_t i = 1; i < last; ++i) s->gradient[i] = (l[i + 1] - l[i - 1]) / 2;
}

/* Longest strictly decreasing subsequence by length; the one that ends first wins. fastai takes its start as end minus length,
   which is -1 on a curve that only falls; the index that follows is kept from falling below 0. */
static int64_t valley_index(const stretch *s) {
  int64_t start = 0, end = 0, longest = 1;
  for (int64_t i = 0; i < s->n; ++i) {
    s->lengths[i] = 1;
    for (int64_t j = 0; j < i; ++j)
      if (s->loss[i] < s->loss[j] && s->lengths[i] < s->lengths[j] + 1) s->lengths[i] = s->lengths[j] + 1;
    if ((int64_t)s->lengths[i] > longest) {
      longest = (int64_t)s->lengths[i];
      end = i;
      start = end - longest;
    }
  }
  const double third = (double)(end - start) / 3;
  const int64_t index = start + (int64_t)third + (int64_t)(third / 2);
  return index < 0 ? 0 : index;
}

static flr_suggestion suggest_valley(const stretch *s) {
  if (s->n < 2) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  if (never_falls(s)) return nothing(FLR_SUGGEST_MONOTONE);
  return at_point(s, valley_index(s));
}

static flr_suggestion suggest_steepest(const stretch *s) {
  if (s->n < 2) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  if (never_falls(s)) return nothing(FLR_SUGGEST_MONOTONE);
  return at_point(s, first_least(s->gradient, s->n));
}

static flr_suggestion suggest_minimum(const stretch *s) {
  if (s->n < 2) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  const int64_t least = first_least(s->loss, s->n);
  if (least == 0) return nothing(FLR_SUGGEST_NO_MINIMUM);
  flr_suggestion result = at_point(s, least);
  result.lr /= 10;
  return result;
}

/* From the right end, two points 15 apart slide left until the slopes under them agree. */
static flr_suggestion suggest_slide(const stretch *s) {
  if (s->n <= SLIDE_DISTANCE) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  int64_t left = s->n - 1 - SLIDE_DISTANCE, found = left;
  while (left >= 0 && fabs(s->gradient[left + SLIDE_DISTANCE] - s->gradient[left]) > slide_threshold) found = left--;
  return at_point(s, found);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; }

/* Trims both ends and cuts at the first loss that is not finite; *cut tells whether there was one. */
static stretch keep(const double *lr, const double *loss, int64_t n, const flr_suggest_options *options, double *scratch,
                    int *cut) {
  const int64_t asked = options->asked > 0 ? options->asked : n;
  const int64_t first = clamp(options->trim_start < 0 ? asked / 10 : options->trim_start, 0, n);
  const int64_t last = n - clamp(options->trim_end, 0, n);
  int64_t end = first;
  while (end < last && isfinite(loss[end])) ++end;
  *cut = end < last;
  return (stretch){
      .lr = lr + first, .loss = loss + first, .n = end - first, .first = first, .lengths = scratch, .gradient = scratch + n};
}

static void suggest_as_fastai(flr_suggestion out[FLR_SUGGEST_COUNT], const flr_suggest_curve *curve,
                              const flr_suggest_options *options, double *scratch) {
  int cut = 0;
  const stretch kept = keep(curve->lr, curve->smooth, curve->n < 0 ? 0 : curve->n, options, scratch, &cut);
  if (kept.n == 0 && cut) {
    for (int kind = 0; kind < FLR_SUGGEST_CONSENSUS; ++kind) out[kind] = nothing(FLR_SUGGEST_NONFINITE);
    return;
  }
  if (kept.n >= 2) fill_gradient(&kept);
  out[FLR_SUGGEST_VALLEY] = suggest_valley(&kept);
  out[FLR_SUGGEST_STEEPEST] = suggest_steepest(&kept);
  out[FLR_SUGGEST_MINIMUM] = suggest_minimum(&kept);
  out[FLR_SUGGEST_SLIDE] = suggest_slide(&kept);
}

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* n >= 1 */
static double median(const double *values, int64_t n, double *scratch) {
  memcpy(scratch, values, (size_t)n * sizeof *values);
  qsort(scratch, (size_t)n, sizeof *scratch, compare_doubles);
  return n % 2 ? scratch[n / 2] : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
}

/* The local linear fit of a curve's raw losses and what it starts from. */
typedef struct local_fit {
  const flr_suggest_curve *curve;
  int64_t n, start_points; /* finite losses; those of the first decades */
  int64_t alone;           /* points without another within the kernel */
  double start, floor;     /* median of the first decades' losses; least standard error */
  double *value;           /* [n] */
} local_fit;

static double weight_of(const local_fit *f, int64_t i) {
  const double se = f->curve->se && f->curve->se[i] > f->floor ? f->curve->se[i] : f->floor; /* NAN is not above */
  return 1 / (se * se);
}

typedef struct fit_sums {
  double w, x, xx, y, xy; /* weighted sums; x and y from the point that is fitted at */
  double low, high;       /* least and largest y */
} fit_sums;

/* Adds point j to the sums around point i; 0 beyond the kernel. */
static int add_point(fit_sums *sums, const local_fit *f, int64_t i, int64_t j) {
  const double x = log10(f->curve->lr[j] / f->curve->lr[i]), y = f->curve->loss[j] - f->curve->loss[i];
  const double kernel = 1 - fabs(x) / kernel_half_width;
  if (kernel <= 0) return 0;
  const double w = kernel * weight_of(f, j);
  sums->w += w;
  sums->x += w * x;
  sums->xx += w * x * x;
  sums->y += w * y;
  sums->xy += w * x * y;
  sums->low = fmin(sums->low, y);
  sums->high = fmax(sums->high, y);
  return 1;
}

/* The value stays among the losses it is made of: behind a blow-up, at the curve's end, a line leads anywhere. */
static void fit_at(local_fit *f, int64_t i) {
  fit_sums sums = {0};
  add_point(&sums, f, i, i);
  for (int64_t j = i - 1; j >= 0 && add_point(&sums, f, i, j);) --j;
  for (int64_t j = i + 1; j < f->n && add_point(&sums, f, i, j);) ++j;
  const double determinant = sums.w * sums.xx - sums.x * sums.x;
  const int alone = !(determinant > DBL_EPSILON * sums.w * sums.xx);
  const double rise = alone ? 0 : (sums.xx * sums.y - sums.x * sums.xy) / determinant;
  f->value[i] = f->curve->loss[i] + fmin(fmax(rise, sums.low), sums.high);
  f->alone += alone;
}

/* The scratch serves the medians first. */
static local_fit fit_curve(const flr_suggest_curve *curve, int64_t n, double *scratch) {
  local_fit f = {.curve = curve, .n = n, .value = scratch};
  while (f.start_points < n && log10(curve->lr[f.start_points] / curve->lr[0]) <= start_decades) ++f.start_points;
  f.start = median(curve->loss, f.start_points, scratch);
  f.floor = fmax(least_error * fabs(median(curve->loss, n, scratch)), FLT_MIN);
  for (int64_t i = 0; i < n; ++i) fit_at(&f, i);
  return f;
}

/* Whether the fit's fall to point `least` stands out from the batches' own differences. */
static int falls_clearly(const local_fit *f, int64_t least) {
  double squares = 0;
  for (int64_t i = 0; i < f->start_points; ++i) {
    const double rest = f->curve->loss[i] - f->value[i];
    squares += rest * rest;
  }
  return least > 0 && f->start - f->value[least] > clear_fall * sqrt(squares / (double)f->start_points);
}

/* The rate where the fit crosses a level between points i and i + 1, which lie on two sides of it. */
static double crossing(const local_fit *f, int64_t i, double level) {
  const double *lr = f->curve->lr + i, *value = f->value + i;
  return lr[0] * pow(lr[1] / lr[0], (level - value[0]) / (value[1] - value[0]));
}

/* Where the fit, followed down from the minimum's rate, is back at a level; the first rate if it never is. */
static double fall_rate(const local_fit *f, int64_t least, double level) {
  int64_t i = least - 1;
  while (i >= 0 && f->value[i] <= level) --i;
  return i < 0 ? f->curve->lr[0] : crossing(f, i, level);
}

/* The same upwards; the last recorded rate. */
static double rise_rate(const local_fit *f, int64_t least, double level) {
  int64_t i = least + 1;
  while (i < f->n && f->value[i] <= level) ++i;
  return i == f->n ? f->curve->lr[f->n - 1] : crossing(f, i - 1, level);
}

/* A sweep of more points trains longer at every rate, and so sees everything at lower rates. */
static double density_factor(const local_fit *f) {
  const double density = (double)(f->n - 1) / log10(f->curve->lr[f->n - 1] / f->curve->lr[0]);
  return sqrt(density / usual_density);
}

static void estimate(double out[ESTIMATES], const local_fit *f, int64_t least) {
  const double bottom = f->value[least], fall = f->start - bottom, factor = density_factor(f);
  out[0] = factor * above_fall * fall_rate(f, least, f->start - fallen * fall);
  out[1] = factor * f->curve->lr[least] / below_minimum;
  out[2] = factor * rise_rate(f, least, bottom + risen * fall) / below_rise;
}

static int64_t nearest_point(const local_fit *f, double lr) {
  int64_t nearest = 0;
  for (int64_t i = 1; i < f->n; ++i)
    if (fabs(log(f->curve->lr[i] / lr)) < fabs(log(f->curve->lr[nearest] / lr))) nearest = i;
  return nearest;
}

static flr_suggestion combine(const local_fit *f, const double estimates[ESTIMATES]) {
  double sum = 0, low = estimates[0], high = estimates[0];
  for (int i = 0; i < ESTIMATES; ++i) {
    sum += log(estimates[i]);
    low = fmin(low, estimates[i]);
    high = fmax(high, estimates[i]);
  }
  const double lr = exp(sum / ESTIMATES);
  return (flr_suggestion){
      .lr = lr, .spread = high / low, .low = NAN, .high = NAN, .point = nearest_point(f, lr), .status = FLR_SUGGEST_OK};
}

static flr_suggestion suggest_consensus(const flr_suggest_curve *curve, double *scratch) {
  int64_t n = 0;
  while (n < curve->n && isfinite(curve->loss[n])) ++n;
  if (n == 0 && curve->n > 0) return nothing(FLR_SUGGEST_NONFINITE);
  if (n < CONSENSUS_POINTS) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  if (never_falls(&(stretch){.loss = curve->loss, .n = n})) return nothing(FLR_SUGGEST_MONOTONE);
  const local_fit f = fit_curve(curve, n, scratch);
  if (f.alone == n) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  const int64_t least = first_least(f.value, n);
  if (!falls_clearly(&f, least)) return nothing(FLR_SUGGEST_NO_MINIMUM);
  double estimates[ESTIMATES];
  estimate(estimates, &f, least);
  return combine(&f, estimates);
}

void flr_suggest(flr_suggestion out[FLR_SUGGEST_COUNT], const flr_suggest_curve *curve, const flr_suggest_options *options,
                 double *scratch) {
  suggest_as_fastai(out, curve, options, scratch);
  out[FLR_SUGGEST_CONSENSUS] = suggest_consensus(curve, scratch);
}

void flr_smooth(double *out, const double *loss, int64_t n, double beta) {
  double average = 0;
  for (int64_t i = 0; i < n; ++i) {
    average = beta * average + (1 - beta) * loss[i];
    out[i] = average / (1 - pow(beta, (double)(i + 1)));
  }
}

const char *flr_suggest_name(flr_suggest_kind kind) {
  static const char *const names[] = {[FLR_SUGGEST_VALLEY] = "valley",
                                      [FLR_SUGGEST_STEEPEST] = "steepest",
                                      [FLR_SUGGEST_MINIMUM] = "minimum",
                                      [FLR_SUGGEST_SLIDE] = "slide",
                                      [FLR_SUGGEST_CONSENSUS] = "consensus"};
  return names[kind];
}

const char *flr_suggest_status_text(flr_suggest_status status) {
  static const char *const texts[] = {[FLR_SUGGEST_OK] = "ok",
                                      [FLR_SUGGEST_TOO_FEW_POINTS] = "too-few-points",
                                      [FLR_SUGGEST_MONOTONE] = "monotone",
                                      [FLR_SUGGEST_NO_MINIMUM] = "no-minimum",
                                      [FLR_SUGGEST_NONFINITE] = "nonfinite"};
  return texts[status];
}
