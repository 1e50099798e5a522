/* A 64-bit fingerprint of bytes, for "is this the same state" questions; not cryptographic. */
#ifndef FLR_CORE_HASH_H
#define FLR_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Start value of a chain of flr_hash calls. */
#define FLR_HASH_START 0x243F6A8885A308D3ull

/* Continues the hash `seed` over bytes; equal bytes in equal pieces give equal hashes on every machine of one byte order. Pure.
 */
uint64_t flr_hash(uint64_t seed, const void *data, size_t bytes);

/* The same hash over bytes that come in pieces, however they are cut. */
typedef struct flr_hasher {
  uint64_t hash;
  unsigned char rest[8]; /* bytes of a word that is not complete yet */
  size_t kept;
} flr_hasher;

/* total: of all pieces. Pure. */
flr_hasher flr_hasher_begin(uint64_t seed, size_t total);
void flr_hasher_add(flr_hasher *hasher, const void *data, size_t bytes);
/* The hash of all pieces added so far. Pure. */
uint64_t flr_hasher_end(const flr_hasher *hasher);

#endif
