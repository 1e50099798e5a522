/* LZ4 in HDF5's framing. */
#include <lz4.h>
#include <lz4hc.h>
#include <stdint.h>

#include "datasets/convert/chunk_codec.h"

enum { HEAD_BYTES = 16, FIRST_HIGH = 3 };

static void put_big_endian(unsigned char *out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
}

/* Big-endian: whole size (8 bytes), block size (4), then the one block behind its stored size (4). */
static size_t run(void *context, int level, const unsigned char *in, size_t bytes, unsigned char *out, size_t room) {
  (void)context;
  if (room <= HEAD_BYTES) return 0;
  char *to = (char *)out + HEAD_BYTES;
  const int n = (int)bytes, most = (int)(room - HEAD_BYTES);
  const int packed = level < FIRST_HIGH ? LZ4_compress_default((const char *)in, to, n, most)
                                        : LZ4_compress_HC((const char *)in, to, n, most, level);
  if (packed <= 0) return 0;
  put_big_endian(out, bytes, 8);
  put_big_endian(out + 8, bytes, 4);
  put_big_endian(out + 12, (uint64_t)packed, 4);
  return HEAD_BYTES + (size_t)packed;
}

const flr_chunk_codec flr_chunk_lz4 = {.name = "lz4", .least = 1, .most = 12, .usual = 1, .run = run};
