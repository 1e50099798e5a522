/* A keyed permutation computed per index: needs no table, starts anywhere. */
#ifndef FLR_CORE_PERMUTATION_H
#define FLR_CORE_PERMUTATION_H

#include <stdint.h>

/* Where `index` of 0..size-1 goes under the permutation `key` of that range: a balanced Feistel network over the next even
   power of two with cycle walking (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Pure;
   index must lie in 0..size-1. */
int64_t flr_permute(uint64_t key, int64_t size, int64_t index);

#endif
