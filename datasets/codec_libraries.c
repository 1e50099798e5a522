/* Filters that are undone by libraries: deflate, LZ4 in HDF5's framing, zstd. */
#include <string.h>

#include "core/memory.h"
#include "datasets/codec_impl.h"

#ifdef FLR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif
#ifdef FLR_HAVE_LZ4
#include <lz4.h>
#endif
#ifdef FLR_HAVE_ZSTD
#include <zstd.h>
#endif

/* ---- deflate ---- */

#ifdef FLR_HAVE_LIBDEFLATE

const char *flr_codec_inflater(void) { return "libdeflate"; }

flr_status flr_inflater_create(flr_inflater **out) {
  *out = (flr_inflater *)libdeflate_alloc_decompressor();
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a decompressor");
}

void flr_inflater_destroy(flr_inflater *inflater) {
  if (inflater) libdeflate_free_decompressor((struct libdeflate_decompressor *)inflater);
}

flr_status flr_undo_deflate(flr_inflater *inflater, flr_bytes in, flr_room *out) {
  struct libdeflate_decompressor *d = (struct libdeflate_decompressor *)inflater;
  size_t used = 0;
  const enum libdeflate_result result = libdeflate_zlib_decompress(d, in.data, in.size, out->data, out->size, &used);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return flr_fail(FLR_ERROR_DATA, "deflate gives more than the chunk's size");
  if (result != LIBDEFLATE_SUCCESS) return flr_fail(FLR_ERROR_DATA, "deflate cannot decode it");
  out->size = used;
  return FLR_OK;
}

#else

const char *flr_codec_inflater(void) { return "zlib"; }

flr_status flr_inflater_create(flr_inflater **out) {
  z_stream *stream;
  FLR_TRY(flr_alloc(&stream, 1, sizeof *stream));
  *out = (flr_inflater *)stream;
  return inflateInit(stream) == Z_OK ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a decompressor");
}

void flr_inflater_destroy(flr_inflater *inflater) {
  if (inflater) (void)inflateEnd((z_stream *)inflater);
  flr_free(inflater);
}

flr_status flr_undo_deflate(flr_inflater *inflater, flr_bytes in, flr_room *out) {
  z_stream *s = (z_stream *)inflater;
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

#endif

/* ---- LZ4 ---- */

#ifdef FLR_HAVE_LZ4

static uint64_t big_endian(const unsigned char *p, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | p[i];
  return value;
}

/* One block of `size` bytes: a block that did not shrink is stored as it is. */
static int undo_lz4_block(const unsigned char *in, size_t stored, unsigned char *out, size_t size) {
  if (stored == size) {
    memcpy(out, in, size);
    return 1;
  }
  return LZ4_decompress_safe((const char *)in, (char *)out, (int)stored, (int)size) == (int)size;
}

/* Big-endian: whole size (8 bytes), block size (4), then each block behind its stored size (4). */
flr_status flr_undo_lz4(flr_bytes in, flr_room *out) {
  if (in.size < 12) return flr_fail(FLR_ERROR_DATA, "LZ4: it is cut off");
  const uint64_t whole = big_endian(in.data, 8), block = big_endian(in.data + 8, 4);
  if (whole > out->size) return flr_fail(FLR_ERROR_DATA, "LZ4 gives more than the chunk's size");
  if (block == 0 || block > INT32_MAX) return flr_fail(FLR_ERROR_DATA, "LZ4 cannot decode it");
  size_t at = 12;
  for (size_t done = 0; done < whole;) {
    const size_t size = whole - done < block ? whole - done : (size_t)block;
    if (in.size - at < 4) return flr_fail(FLR_ERROR_DATA, "LZ4: it is cut off");
    const size_t stored = (size_t)big_endian(in.data + at, 4);
    at += 4;
    if (stored > in.size - at || stored > INT32_MAX) return flr_fail(FLR_ERROR_DATA, "LZ4: it is cut off");
    if (!undo_lz4_block(in.data + at, stored, out->data + done, size)) return flr_fail(FLR_ERROR_DATA, "LZ4 cannot decode it");
    at += stored;
    done += size;
  }
  out->size = (size_t)whole;
  return FLR_OK;
}

#else

flr_status flr_undo_lz4(flr_bytes in, flr_room *out) {
  (void)in, (void)out;
  return flr_filter_check(FLR_FILTER_LZ4, "");
}

#endif

/* ---- zstd ---- */

#ifdef FLR_HAVE_ZSTD

void *flr_zstd_create(void) { return ZSTD_createDCtx(); }
void flr_zstd_destroy(void *context) { (void)ZSTD_freeDCtx(context); }

flr_status flr_undo_zstd(void *context, flr_bytes in, flr_room *out) {
  const size_t used = ZSTD_decompressDCtx(context, out->data, out->size, in.data, in.size);
  if (ZSTD_isError(used)) return flr_fail(FLR_ERROR_DATA, "zstd: %s", ZSTD_getErrorName(used));
  out->size = used;
  return FLR_OK;
}

#else

void *flr_zstd_create(void) { return NULL; }
void flr_zstd_destroy(void *context) { (void)context; }

flr_status flr_undo_zstd(void *context, flr_bytes in, flr_room *out) {
  (void)context, (void)in, (void)out;
  return flr_filter_check(FLR_FILTER_ZSTD, "");
}

#endif

/* ---- sizes ---- */

/* HDF5 allows no larger chunks, and no codec packs better than this. */
enum { MOST_RATIO = 1 << 16 };

static uint64_t told_size(int id, flr_bytes in) {
#ifdef FLR_HAVE_LZ4
  if (id == FLR_FILTER_LZ4) return in.size < 12 ? 0 : big_endian(in.data, 8);
#endif
#ifdef FLR_HAVE_ZSTD
  if (id == FLR_FILTER_ZSTD) return ZSTD_getFrameContentSize(in.data, in.size);
#endif
  (void)id, (void)in;
  return 0;
}

size_t flr_decoded_size(int id, flr_bytes in) {
  const uint64_t size = told_size(id, in);
  return size > UINT32_MAX || size / MOST_RATIO > in.size ? 0 : (size_t)size;
}

/* ---- what there is ---- */

const char *flr_codec_missing(int id) {
#ifndef FLR_HAVE_LZ4
  if (id == FLR_FILTER_LZ4) return "built without LZ4: install liblz4-dev and build again";
#endif
#ifndef FLR_HAVE_ZSTD
  if (id == FLR_FILTER_ZSTD) return "built without zstd: install libzstd-dev and build again";
#endif
  (void)id;
  return NULL;
}

flr_status flr_filter_check(int id, const char *name) {
  static const int known[] = {FLR_FILTER_DEFLATE, FLR_FILTER_SHUFFLE, FLR_FILTER_FLETCHER32, FLR_FILTER_LZ4, FLR_FILTER_ZSTD};
  const char *missing = flr_codec_missing(id);
  if (missing)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "%s, but this program was %s", id == FLR_FILTER_LZ4 ? "LZ4" : "zstd", missing);
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i] == id) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s (number %d)", name[0] ? name : "without a name", id);
}
