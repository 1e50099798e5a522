/* Sums of bytes in integers, of floats by Welford's updates. */
#include "datasets/convert/moments.h"

#include <math.h>

#include "core/memory.h"

enum { PART = 65536, LANES = 48 }; /* squares of PART bytes fit into 32 bits */

flr_status flr_moments_init(flr_moments *out, int64_t channels, int floats) {
  *out = (flr_moments){.channels = channels, .floats = floats};
  FLR_TRY(flr_alloc(&out->sums, 2 * channels, sizeof *out->sums));
  FLR_TRY(flr_alloc(&out->running, 2 * channels, sizeof *out->running));
  FLR_TRY(flr_alloc(&out->mean, channels, sizeof *out->mean));
  return flr_alloc(&out->std, channels, sizeof *out->std);
}

/* One channel of up to PART pixels, in the width that its sums fit in. */
static void add_channel(uint64_t *sums, int64_t channels, int64_t c, const unsigned char *values, int64_t n) {
  uint32_t sum = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) {
    const uint32_t v = values[i * channels + c];
    sum += v;
    squares += v * v;
  }
  sums[c] += sum;
  sums[channels + c] += squares;
}

/* Whole groups of LANES bytes side by side, which compilers make vectors of; a lane is always of the same channel. */
static void add_lanes(uint64_t *sums, int64_t channels, const unsigned char *values, int64_t groups) {
  uint32_t sum[LANES] = {0}, squares[LANES] = {0};
  for (int64_t i = 0; i < groups; i++)
    for (int k = 0; k < LANES; k++) {
      const uint32_t v = values[i * LANES + k];
      sum[k] += v;
      squares[k] += v * v;
    }
  for (int k = 0; k < LANES; k++) {
    sums[k % channels] += sum[k];
    sums[channels + k % channels] += squares[k];
  }
}

static void add_bytes(flr_moments *m, const unsigned char *values, int64_t n) {
  for (int64_t done = 0; done < n; done += PART) {
    const int64_t part = n - done < PART ? n - done : PART, groups = LANES % m->channels ? 0 : part * m->channels / LANES;
    const unsigned char *from = values + done * m->channels;
    const int64_t grouped = groups * LANES / m->channels;
    add_lanes(m->sums, m->channels, from, groups);
    for (int64_t c = 0; c < m->channels; c++)
      add_channel(m->sums, m->channels, c, from + grouped * m->channels, part - grouped);
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
