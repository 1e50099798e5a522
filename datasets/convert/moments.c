/* Sums of bytes in integers, of floats by Welford's updates. */
#include "datasets/convert/moments.h"

#include <math.h>

#include "core/memory.h"

enum { PART = 65536 }; /* squares of so many bytes fit into 32 bits */

flr_status flr_moments_init(flr_moments *out, int64_t channels, int floats) {
  *out = (flr_moments){.channels = channels, .floats = floats};
  FLR_TRY(flr_alloc(&out->sums, 2 * channels, sizeof *out->sums));
  FLR_TRY(flr_alloc(&out->running, 2 * channels, sizeof *out->running));
  FLR_TRY(flr_alloc(&out->mean, channels, sizeof *out->mean));
  return flr_alloc(&out->std, channels, sizeof *out->std);
}

/* Up to PART pixels of a fixed number of channels, in the width that their sums fit in: several times as fast. */
static inline void add_part(uint64_t *sums, const unsigned char *values, int64_t n, int channels) {
  for (int c = 0; c < channels; c++) {
    uint32_t sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
      const uint32_t v = values[i * channels + c];
      sum += v;
      squares += v * v;
    }
    sums[c] += sum;
    sums[channels + c] += squares;
  }
}

static void add_bytes(flr_moments *m, const unsigned char *values, int64_t n) {
  for (int64_t done = 0; done < n; done += PART) {
    const int64_t part = n - done < PART ? n - done : PART;
    const unsigned char *from = values + done * m->channels;
    if (m->channels == 3)
      add_part(m->sums, from, part, 3);
    else if (m->channels == 1)
      add_part(m->sums, from, part, 1);
    else
      add_part(m->sums, from, part, (int)m->channels);
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

void flr_moments_merge(flr_moments *m, const flr_moments *other) {
  for (int64_t i = 0; i < 2 * m->channels; i++) m->sums[i] += other->sums[i];
  m->count += other->count;
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
