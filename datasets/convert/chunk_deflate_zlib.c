/* Deflate by zlib. */
#include <zlib.h>

#include "datasets/convert/chunk_codec.h"

static size_t run(void *context, int level, const unsigned char *in, size_t bytes, unsigned char *out, size_t room) {
  uLongf written = (uLongf)room;
  (void)context;
  return compress2(out, &written, in, (uLong)bytes, level) == Z_OK ? (size_t)written : 0;
}

const flr_chunk_codec flr_chunk_deflate = {.name = "deflate", .least = 1, .most = 9, .usual = 4, .run = run};
