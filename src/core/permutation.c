/* Feistel network with cycle walking. */
#include "core/permutation.h"

#include "core/memory.h"
#include "core/rng.h"

/* Four rounds are enough for large halves; data sets have halves of a few bits, where more are needed for an even shuffle
 * (Mitchell et al., "Bandwidth-optimal random shuffling for GPUs", 2021, section 4). */
enum { FEISTEL_ROUNDS = 12, MOST_TABLE_BITS = 20 };

static int half_bits(int64_t size) {
  int bits = 1;
  while (bits < 31 && ((int64_t)1 << (2 * bits)) < size) bits++;
  return bits;
}

static uint32_t round_word(uint64_t key, uint64_t round, uint64_t right) {
  uint32_t block[4];
  flr_philox(block, key, (round << 32) | right);
  return block[0];
}

/* words: NULL, or the round words of the key. */
static uint64_t feistel(const uint32_t *words, uint64_t key, int bits, uint64_t value) {
  const uint64_t mask = ((uint64_t)1 << bits) - 1;
  uint64_t left = value >> bits, right = value & mask;
  for (uint64_t round = 0; round < FEISTEL_ROUNDS; round++) {
    const uint32_t word = words ? words[round << bits | right] : round_word(key, round, right);
    const uint64_t next = left ^ (word & mask);
    left = right;
    right = next;
  }
  return (left << bits) | right;
}

static int64_t permute(const uint32_t *words, uint64_t key, int bits, int64_t size, int64_t index) {
  uint64_t value = (uint64_t)index;
  do value = feistel(words, key, bits, value);
  while (value >= (uint64_t)size);
  return (int64_t)value;
}

int64_t flr_permute(uint64_t key, int64_t size, int64_t index) { return permute(NULL, key, half_bits(size), size, index); }

flr_status flr_permutation_init(flr_permutation *out, int64_t size) {
  *out = (flr_permutation){.size = size, .bits = half_bits(size)};
  return out->bits > MOST_TABLE_BITS ? FLR_OK
                                     : flr_alloc(&out->words, (int64_t)FEISTEL_ROUNDS << out->bits, sizeof *out->words);
}

void flr_permutation_clear(flr_permutation *p) {
  flr_free(p->words);
  *p = (flr_permutation){0};
}

void flr_permutation_set_key(flr_permutation *p, uint64_t key) {
  p->key = key;
  for (uint64_t round = 0; p->words && round < FEISTEL_ROUNDS; round++)
    for (uint64_t right = 0; right >> p->bits == 0; right++) p->words[round << p->bits | right] = round_word(key, round, right);
}

int64_t flr_permutation_at(const flr_permutation *p, int64_t index) {
  return permute(p->words, p->key, p->bits, p->size, index);
}
