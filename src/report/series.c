/* Smoothing and thinning. */
#include "report/series.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"

enum { FIRST_ROOM = 256 };

static flr_status enlarge(double **column, int64_t n, int64_t room) {
  double *larger;
  FLR_TRY(flr_alloc(&larger, room, sizeof(double)));
  if (n > 0) memcpy(larger, *column, (size_t)n * sizeof(double));
  flr_free(*column);
  *column = larger;
  return FLR_OK;
}

flr_status flr_series_add(flr_series *s, double x, double y) {
  if (s->n == s->room) {
    const int64_t room = s->room ? 2 * s->room : FIRST_ROOM;
    FLR_TRY(enlarge(&s->x, s->n, room));
    FLR_TRY(enlarge(&s->y, s->n, room));
    s->room = room;
  }
  s->x[s->n] = x;
  s->y[s->n++] = y;
  return FLR_OK;
}

void flr_series_clear(flr_series *s) {
  flr_free(s->x);
  flr_free(s->y);
  *s = (flr_series){0};
}

void flr_smooth_series(double *out, const double *x, const double *y, int64_t n, double horizon) {
  double sum = 0, weight = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double keep = i > 0 ? exp(-(x[i] - x[i - 1]) / horizon) : 0;
    sum *= keep;
    weight *= keep;
    if (isfinite(y[i])) {
      sum += y[i];
      weight += 1;
    }
    out[i] = weight > 0 ? sum / weight : NAN;
  }
}

/* Of points from .. to - 1 those that stay, in their order. */
static flr_status add_stretch(flr_series *out, const double *x, const double *y, int64_t from, int64_t to, flr_thin_kind kind) {
  int64_t first = -1, least = -1, greatest = -1, last = -1;
  for (int64_t i = from; i < to; ++i) {
    if (!isfinite(y[i])) continue;
    if (first < 0) first = least = greatest = i;
    if (y[i] < y[least]) least = i;
    if (y[i] > y[greatest]) greatest = i;
    last = i;
  }
  for (int64_t i = first; first >= 0 && i <= last; ++i) {
    if (i == first || i == least || i == greatest || (i == last && kind == FLR_THIN_LINE))
      FLR_TRY(flr_series_add(out, x[i], y[i]));
  }
  return FLR_OK;
}

flr_status flr_thin_series(flr_series *out, int64_t *of_each, const double *x, const double *y, int64_t n, int64_t stretches,
                           flr_thin_kind kind) {
  const int64_t kept = kind == FLR_THIN_LINE ? 4 : 3;
  const int64_t each = n > kept * stretches ? (n + stretches - 1) / stretches : 1;
  if (of_each) *of_each = each;
  for (int64_t from = 0; from < n; from += each) FLR_TRY(add_stretch(out, x, y, from, from + each < n ? from + each : n, kind));
  return FLR_OK;
}
