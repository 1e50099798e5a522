/* Feistel network with cycle walking. */
#include "core/permutation.h"

#include "core/rng.h"

/* Four rounds are enough for large halves; data sets have halves of a few bits, where more are needed for an even shuffle
 * (Mitchell et al., "Bandwidth-optimal random shuffling for GPUs", 2021, section 4). */
enum { FEISTEL_ROUNDS = 12 };

static int half_bits(int64_t size) {
  int bits = 1;
  while (bits < 31 && ((int64_t)1 << (2 * bits)) < size) bits++;
  return bits;
}

static uint64_t feistel(uint64_t key, int bits, uint64_t value) {
  const uint64_t mask = ((uint64_t)1 << bits) - 1;
  uint64_t left = value >> bits, right = value & mask;
  for (uint64_t round = 0; round < FEISTEL_ROUNDS; round++) {
    uint32_t block[4];
    flr_philox(block, key, (round << 32) | right);
    const uint64_t next = left ^ (block[0] & mask);
    left = right;
    right = next;
  }
  return (left << bits) | right;
}

int64_t flr_permute(uint64_t key, int64_t size, int64_t index) {
  const int bits = half_bits(size);
  uint64_t value = (uint64_t)index;
  do value = feistel(key, bits, value);
  while (value >= (uint64_t)size);
  return (int64_t)value;
}
