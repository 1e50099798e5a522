/* Deflate undone by zlib. */
#include <zlib.h>

#include "core/memory.h"
#include "datasets/codec_impl.h"

static flr_status create(void **out) {
  z_stream *stream;
  FLR_TRY(flr_alloc(&stream, 1, sizeof *stream));
  *out = stream;
  if (inflateInit(stream) == Z_OK) return FLR_OK;
  flr_free(stream);
  *out = NULL;
  return flr_fail(FLR_ERROR_INTERNAL, "out of memory for a decompressor");
}

static void destroy(void *stream) {
  (void)inflateEnd(stream);
  flr_free(stream);
}

static flr_status undo(void *stream, flr_bytes in, flr_room *out) {
  z_stream *s = stream;
  s->next_in = (unsigned char *)(uintptr_t)in.data; /* only read */
  s->avail_in = (uInt)in.size;
  s->next_out = out->data;
  s->avail_out = (uInt)out->size;
  const int result = inflateReset(s) == Z_OK ? inflate(s, Z_FINISH) : Z_STREAM_ERROR;
  if (result == Z_BUF_ERROR && s->avail_out == 0) return flr_fail(FLR_ERROR_DATA, "deflate gives more than the chunk's size");
  if (result != Z_STREAM_END) return flr_fail(FLR_ERROR_DATA, "deflate cannot decode it");
  out->size -= s->avail_out;
  return FLR_OK;
}

const flr_codec flr_codec_deflate = {
    .id = FLR_FILTER_DEFLATE, .name = "deflate", .library = "zlib", .create = create, .destroy = destroy, .undo = undo};
