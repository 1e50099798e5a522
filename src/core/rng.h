/* Counter-based random numbers: (seed, stream, index) -> value, no state. Philox4x32-10 (Salmon et al., SC11). */
#ifndef FLR_CORE_RNG_H
#define FLR_CORE_RNG_H

#include <stdint.h>

/* Streams keep uses of one seed apart. Values are part of the stored format: append, never renumber. */
typedef enum flr_rng_stream {
  FLR_STREAM_INIT = 1,    /* + parameter index in the high bits, see flr_rng_key */
  FLR_STREAM_SHUFFLE = 2, /* training order */
  FLR_STREAM_SWEEP = 3,   /* the sweep's own order */
  FLR_STREAM_SPLIT = 4,   /* validation split */
  FLR_STREAM_DROPOUT = 5,
  FLR_STREAM_AUGMENT = 6,
  FLR_STREAM_SYNTHETIC = 7,
  FLR_STREAM_CONVERT = 8 /* order of samples in converted files */
} flr_rng_stream;

/* A key from seed, stream and a substream (layer, epoch, parameter): distinct triples give unrelated sequences. */
uint64_t flr_rng_key(uint64_t seed, flr_rng_stream stream, uint64_t substream);

/* Philox4x32-10 itself: four words from a counter of 128 bits and a key of 64, low words first. Pure. */
void flr_philox4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* The four 32-bit words of block `index` of the sequence `key`. Pure. */
void flr_philox(uint32_t out[4], uint64_t key, uint64_t index);

/* The index-th uniform number in [0, 1) of the sequence, 24 bits. Pure. */
float flr_rng_uniform(uint64_t key, uint64_t index);

/* The index-th standard normal number of the sequence (Box-Muller on two words of block index). Pure. */
double flr_rng_normal(uint64_t key, uint64_t index);

#endif
