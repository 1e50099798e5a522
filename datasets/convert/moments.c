/* Sums of bytes in integers, of floats by Welford's updates. */
#include "datasets/convert/moments.h"

#include <math.h>

#include "core/memory.h"

flr_status flr_moments_init(flr_moments *out, int64_t channels, int floats) {
  *out = (flr_moments){.channels = channels, .floats = floats};
  FLR_TRY(flr_alloc(&out->sums, 2 * channels, sizeof *out->sums));
  FLR_TRY(flr_alloc(&out->running, 2 * channels, sizeof *out->running));
  FLR_TRY(flr_alloc(&out->mean, channels, sizeof *out->mean));
  return flr_alloc(&out->std, channels, sizeof *out->std);
}

static void add_bytes(flr_moments *m, const unsigned char *values, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < m->channels; c++) {
      const uint64_t v = values[i * m->channels + c];
      m->sums[c] += v;
      m->sums[m->channels + c] += v * v;
    }
}

static void add_floats(flr_moments *m, const float *values, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < m->channels; c++) {
      const double v = values[i * m->channels + c], from_old = v - m->running[c];
      m->running[c] += from_old / (double)(m->count + i + 1);
      m->running[m->channels + c] += from_old * (v - m->running[c]);
    }
}

void flr_moments_add(flr_moments *m, const void *values, int64_t n) {
  if (m->floats)
    add_floats(m, values, n);
  else
    add_bytes(m, values, n);
  m->count += n;
}

void flr_moments_finish(flr_moments *m) {
  const double n = (double)m->count;
  for (int64_t c = 0; c < m->channels; c++) {
    double mean = m->running[c], variance = m->running[m->channels + c] / n;
    if (!m->floats) {
      mean = (double)m->sums[c] / 255 / n;
      variance = (double)m->sums[m->channels + c] / (255.0 * 255) / n - mean * mean;
    }
    m->mean[c] = (float)mean;
    m->std[c] = variance > 1e-12 ? (float)sqrt(variance) : 1;
  }
}

void flr_moments_clear(flr_moments *m) {
  flr_free(m->sums);
  flr_free(m->running);
  flr_free(m->mean);
  flr_free(m->std);
  *m = (flr_moments){0};
}
