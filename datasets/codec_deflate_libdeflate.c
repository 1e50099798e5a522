/* Deflate undone by libdeflate. */
#include <libdeflate.h>

#include "datasets/codec_impl.h"

static flr_status create(void **out) {
  *out = libdeflate_alloc_decompressor();
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a decompressor");
}

static void destroy(void *decompressor) { libdeflate_free_decompressor(decompressor); }

static flr_status undo(void *decompressor, flr_bytes in, flr_room *out) {
  size_t used = 0;
  const enum libdeflate_result result = libdeflate_zlib_decompress(decompressor, in.data, in.size, out->data, out->size, &used);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return flr_fail(FLR_ERROR_DATA, "deflate gives more than the chunk's size");
  if (result != LIBDEFLATE_SUCCESS) return flr_fail(FLR_ERROR_DATA, "deflate cannot decode it");
  out->size = used;
  return FLR_OK;
}

const flr_codec flr_codec_deflate = {
    .id = FLR_FILTER_DEFLATE, .name = "deflate", .library = "libdeflate", .create = create, .destroy = destroy, .undo = undo};
