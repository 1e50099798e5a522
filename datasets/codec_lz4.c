/* LZ4 in HDF5's framing. */
#include <lz4.h>
#include <string.h>

#include "datasets/codec_impl.h"

static uint64_t big_endian(const unsigned char *p, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | p[i];
  return value;
}

/* One block of `size` bytes: a block that did not shrink is stored as it is. */
static int undo_block(const unsigned char *in, size_t stored, unsigned char *out, size_t size) {
  if (stored == size) {
    memcpy(out, in, size);
    return 1;
  }
  return LZ4_decompress_safe((const char *)in, (char *)out, (int)stored, (int)size) == (int)size;
}

/* Big-endian: whole size (8 bytes), block size (4), then each block behind its stored size (4). */
static flr_status undo(void *context, flr_bytes in, flr_room *out) {
  (void)context;
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
    if (!undo_block(in.data + at, stored, out->data + done, size)) return flr_fail(FLR_ERROR_DATA, "LZ4 cannot decode it");
    at += stored;
    done += size;
  }
  out->size = (size_t)whole;
  return FLR_OK;
}

static uint64_t told_size(flr_bytes in) { return in.size < 12 ? 0 : big_endian(in.data, 8); }

const flr_codec flr_codec_lz4 = {
    .id = FLR_FILTER_LZ4, .name = "LZ4", .library = "liblz4", .undo = undo, .told_size = told_size};
