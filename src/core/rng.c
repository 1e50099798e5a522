/* Philox4x32-10 and the distributions made from it. */
#include "core/rng.h"

#include <math.h>

/* Constants of Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11, section 4. */
enum { PHILOX_ROUNDS = 10 };
static const uint32_t multiplier0 = 0xD2511F53u, multiplier1 = 0xCD9E8D57u;
static const uint32_t weyl0 = 0x9E3779B9u, weyl1 = 0xBB67AE85u;

void flr_philox4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    const uint64_t p0 = (uint64_t)multiplier0 * c0, p1 = (uint64_t)multiplier1 * c2;
    const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c0 = n0;
    c1 = (uint32_t)p1;
    c2 = n2;
    c3 = (uint32_t)p0;
    k0 += weyl0;
    k1 += weyl1;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

void flr_philox(uint32_t out[4], uint64_t key, uint64_t index) {
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
  const uint32_t words[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  flr_philox4x32(out, counter, words);
}

uint64_t flr_rng_key(uint64_t seed, flr_rng_stream stream, uint64_t substream) {
  uint32_t a[4], b[4];
  flr_philox(a, seed, (uint64_t)stream);
  flr_philox(b, ((uint64_t)a[1] << 32) | a[0], substream);
  return ((uint64_t)b[1] << 32) | b[0];
}

float flr_rng_uniform(uint64_t key, uint64_t index) {
  uint32_t block[4];
  flr_philox(block, key, index >> 2);
  return (float)(block[index & 3] >> 8) * 0x1p-24f;
}

double flr_rng_normal(uint64_t key, uint64_t index) {
  uint32_t block[4];
  flr_philox(block, key, index);
  const double u = ((double)block[0] + 1.0) * 0x1p-32; /* (0, 1]: the logarithm stays finite */
  const double v = (double)block[1] * 0x1p-32;
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}
