/* Medians and their ratio's interval by resampling. */
#include "bench_stats.h"

#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

enum { RESAMPLES = 2000 };

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(const double *values, int n) {
  double sorted[BENCH_MOST_PAIRS];
  memcpy(sorted, values, sizeof(double) * (size_t)n);
  qsort(sorted, (size_t)n, sizeof(double), compare);
  return n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

void bench_interval(const double *top, const double *bottom, int n, double interval[2]) {
  double ratios[RESAMPLES];
  const uint64_t key = flr_rng_key(1, FLR_STREAM_SYNTHETIC, 77);
  for (int r = 0; r < RESAMPLES; r++) {
    double a[BENCH_MOST_PAIRS], b[BENCH_MOST_PAIRS];
    for (int i = 0; i < n; i++) {
      const int pick = (int)(flr_rng_uniform(key, (uint64_t)(r * BENCH_MOST_PAIRS + i)) * (float)n);
      a[i] = top[pick];
      b[i] = bottom[pick];
    }
    ratios[r] = bench_median(a, n) / bench_median(b, n);
  }
  qsort(ratios, RESAMPLES, sizeof(double), compare);
  interval[0] = ratios[RESAMPLES / 40];
  interval[1] = ratios[RESAMPLES - 1 - RESAMPLES / 40];
}
