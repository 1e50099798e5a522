/* Zstandard. */
#include <zstd.h>

#include "datasets/codec_impl.h"

static flr_status create(void **out) {
  *out = ZSTD_createDCtx();
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a zstd decoder");
}

static void destroy(void *context) { (void)ZSTD_freeDCtx(context); }

static flr_status undo(void *context, flr_bytes in, flr_room *out) {
  const size_t used = ZSTD_decompressDCtx(context, out->data, out->size, in.data, in.size);
  if (ZSTD_isError(used)) return flr_fail(FLR_ERROR_DATA, "zstd: %s", ZSTD_getErrorName(used));
  out->size = used;
  return FLR_OK;
}

static uint64_t told_size(flr_bytes in) { return ZSTD_getFrameContentSize(in.data, in.size); }

const flr_codec flr_codec_zstd = {.id = FLR_FILTER_ZSTD,
                                  .name = "zstd",
                                  .library = "libzstd",
                                  .create = create,
                                  .destroy = destroy,
                                  .undo = undo,
                                  .told_size = told_size};
