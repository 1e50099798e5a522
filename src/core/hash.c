/* 64-bit words through the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
#include "core/hash.h"

#include <string.h>

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

static uint64_t add_words(uint64_t hash, const unsigned char *p, size_t bytes) {
  for (; bytes >= 8; bytes -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    hash = mix(hash + 0x9E3779B97F4A7C15ull + word);
  }
  return hash;
}

uint64_t flr_hash(uint64_t seed, const void *data, size_t bytes) {
  flr_hasher h = flr_hasher_begin(seed, bytes);
  flr_hasher_add(&h, data, bytes);
  return flr_hasher_end(&h);
}

flr_hasher flr_hasher_begin(uint64_t seed, size_t total) { return (flr_hasher){.hash = seed ^ total}; }

void flr_hasher_add(flr_hasher *h, const void *data, size_t bytes) {
  const unsigned char *p = data;
  if (h->kept > 0) {
    const size_t wanted = sizeof h->rest - h->kept, n = bytes < wanted ? bytes : wanted;
    memcpy(h->rest + h->kept, p, n);
    h->kept += n;
    if (h->kept < sizeof h->rest) return;
    h->hash = add_words(h->hash, h->rest, sizeof h->rest);
    p += n;
    bytes -= n;
  }
  h->hash = add_words(h->hash, p, bytes);
  h->kept = bytes % 8;
  memcpy(h->rest, p + bytes - h->kept, h->kept);
}

uint64_t flr_hasher_end(const flr_hasher *h) {
  uint64_t tail = 0;
  memcpy(&tail, h->rest, h->kept);
  return mix(h->hash + 0x9E3779B97F4A7C15ull + tail);
}
