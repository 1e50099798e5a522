/* 64-bit words through the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
#include "core/hash.h"

#include <string.h>

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

uint64_t flr_hash(uint64_t seed, const void *data, size_t bytes) {
  const unsigned char *p = data;
  uint64_t hash = seed ^ bytes;
  for (; bytes >= 8; bytes -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    hash = mix(hash + 0x9E3779B97F4A7C15ull + word);
  }
  uint64_t tail = 0;
  memcpy(&tail, p, bytes);
  return mix(hash + 0x9E3779B97F4A7C15ull + tail);
}
