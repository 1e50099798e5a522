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

#endif
