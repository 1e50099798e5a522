/* Zstandard. */
#include <zstd.h>

#include "datasets/convert/chunk_codec.h"

static flr_status create(void **out, int level) {
  (void)level;
  *out = ZSTD_createCCtx();
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a compressor");
}

static void destroy(void *context) { (void)ZSTD_freeCCtx(context); }

static size_t run(void *context, int level, const unsigned char *in, size_t bytes, unsigned char *out, size_t room) {
  const size_t packed = ZSTD_compressCCtx(context, out, room, in, bytes, level);
  return ZSTD_isError(packed) ? 0 : packed;
}

const flr_chunk_codec flr_chunk_zstd = {
    .name = "zstd", .least = 1, .most = 19, .usual = 3, .create = create, .destroy = destroy, .run = run};
