/* A keyed permutation computed per index, which starts anywhere; with a small table for those who ask for many. */
#ifndef FLR_CORE_PERMUTATION_H
#define FLR_CORE_PERMUTATION_H

#include <stdint.h>

#include "core/status.h"

/* Where `index` of 0..size-1 goes under the permutation `key` of that range: a balanced Feistel network over the next even
   power of two with cycle walking (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Pure;
   index must lie in 0..size-1. */
int64_t flr_permute(uint64_t key, int64_t size, int64_t index);

/* The same, ten times as fast, for one key at a time: the network's round words of half an index are few, about 12 times the
   root of the size. */
typedef struct flr_permutation {
  int64_t size;
  uint64_t key;
  int bits;        /* of half an index */
  uint32_t *words; /* [rounds, 1 << bits]; NULL: the size is past all measure, each index is computed */
} flr_permutation;

/* Errors: FLR_ERROR_INTERNAL (memory). Clear it with flr_permutation_clear. */
flr_status flr_permutation_init(flr_permutation *out, int64_t size);
void flr_permutation_clear(flr_permutation *permutation);
/* No allocation. */
void flr_permutation_set_key(flr_permutation *permutation, uint64_t key);
/* flr_permute(key, size, index). From any number of threads. */
int64_t flr_permutation_at(const flr_permutation *permutation, int64_t index);

#endif
