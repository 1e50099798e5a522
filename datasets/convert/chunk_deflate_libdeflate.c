/* Deflate by libdeflate. */
#include <libdeflate.h>

#include "datasets/convert/chunk_codec.h"

static flr_status create(void **out, int level) {
  *out = libdeflate_alloc_compressor(level);
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a compressor");
}

static void destroy(void *compressor) { libdeflate_free_compressor(compressor); }

static size_t run(void *compressor, int level, const unsigned char *in, size_t bytes, unsigned char *out, size_t room) {
  (void)level;
  return libdeflate_zlib_compress(compressor, in, bytes, out, room);
}

const flr_chunk_codec flr_chunk_deflate = {
    .name = "deflate", .least = 1, .most = 9, .usual = 4, .create = create, .destroy = destroy, .run = run};
