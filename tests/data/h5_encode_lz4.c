/* By liblz4. */
#include <lz4.h>
#include <stdint.h>
#include <string.h>

#include "h5_encode.h"

enum { BLOCK = 300 };

const int h5_has_lz4 = 1;

static void put_big_endian(unsigned char *out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--, value >>= 8) out[i] = (unsigned char)value;
}

size_t h5_encode_lz4(const unsigned char *in, size_t bytes, unsigned char *out) {
  size_t at = 12;
  put_big_endian(out, bytes, 8);
  put_big_endian(out + 8, BLOCK, 4);
  for (size_t done = 0; done < bytes; done += BLOCK) {
    const size_t size = bytes - done < BLOCK ? bytes - done : BLOCK;
    char packed[2 * BLOCK];
    size_t stored = (size_t)LZ4_compress_default((const char *)in + done, packed, (int)size, (int)sizeof packed);
    const void *data = stored < size ? (const void *)packed : in + done;
    if (stored >= size) stored = size;
    put_big_endian(out + at, stored, 4);
    memcpy(out + at + 4, data, stored);
    at += 4 + stored;
  }
  return at;
}
