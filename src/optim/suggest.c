/* fastai's rules for reading a learning rate off a range test's curve, with a status where they would crash. */
#include "optim/suggest.h"

#include <math.h>

enum { SLIDE_DISTANCE = 15, DEFAULT_TRIM_END = 5 };
static const double slide_threshold = 0.005;

/* The kept stretch of the curve: n points from index `first` of the whole. */
typedef struct stretch {
  const double *lr, *loss;
  int64_t n, first;
  double *lengths, *gradient; /* scratch, n each */
} stretch;

flr_suggest_options flr_suggest_options_defaults(void) {
  return (flr_suggest_options){.trim_start = -1, .trim_end = DEFAULT_TRIM_END, .asked = 0};
}

static flr_suggestion nothing(flr_suggest_status status) { return (flr_suggestion){.lr = NAN, .point = -1, .status = status}; }

static flr_suggestion at_point(const stretch *s, int64_t i) {
  return (flr_suggestion){.lr = s->lr[i], .point = s->first + i, .status = FLR_SUGGEST_OK};
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
  if (s->n < 1) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  if (never_falls(s)) return nothing(FLR_SUGGEST_MONOTONE);
  return at_point(s, valley_index(s));
}

static flr_suggestion suggest_steepest(const stretch *s) {
  if (s->n < 2) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
  if (never_falls(s)) return nothing(FLR_SUGGEST_MONOTONE);
  return at_point(s, first_least(s->gradient, s->n));
}

static flr_suggestion suggest_minimum(const stretch *s) {
  if (s->n < 1) return nothing(FLR_SUGGEST_TOO_FEW_POINTS);
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

void flr_suggest(flr_suggestion out[FLR_SUGGEST_COUNT], const double *lr, const double *loss, int64_t n,
                 const flr_suggest_options *options, double *scratch) {
  int cut = 0;
  const stretch kept = keep(lr, loss, n < 0 ? 0 : n, options, scratch, &cut);
  if (kept.n == 0 && cut) {
    for (int kind = 0; kind < FLR_SUGGEST_COUNT; ++kind) out[kind] = nothing(FLR_SUGGEST_NONFINITE);
    return;
  }
  if (kept.n >= 2) fill_gradient(&kept);
  out[FLR_SUGGEST_VALLEY] = suggest_valley(&kept);
  out[FLR_SUGGEST_STEEPEST] = suggest_steepest(&kept);
  out[FLR_SUGGEST_MINIMUM] = suggest_minimum(&kept);
  out[FLR_SUGGEST_SLIDE] = suggest_slide(&kept);
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
                                      [FLR_SUGGEST_SLIDE] = "slide"};
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
