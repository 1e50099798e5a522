/* The filters, one after the other. What does not become smaller is stored as it is, as HDF5 does it. */
#include "datasets/convert/chunk_encoder.h"

#include <string.h>

#ifdef FLR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif
#ifdef FLR_HAVE_LZ4
#include <lz4.h>
#include <lz4hc.h>
#endif
#ifdef FLR_HAVE_ZSTD
#include <zstd.h>
#endif

#include "core/memory.h"
#include "datasets/codec.h"

enum { CHECKSUM_BYTES = 4, LZ4_HEAD = 16, LZ4_HIGH = 3, SPARE_BYTES = 64 };

struct flr_chunk_encoder {
  flr_encoding encoding;
  size_t chunk_bytes;      /* of the one under way */
  unsigned char *shuffled; /* NULL where nothing is shuffled */
  void *context;           /* the library's; NULL where it needs none */
};

/* ---- which ---- */

static const struct {
  const char *name, *library;
  int least, most, usual, available;
} codecs[] = {{"none", "", 0, 0, 0, 1},
              {"deflate", "zlib", 1, 9, 4, 1},
#ifdef FLR_HAVE_LZ4
              {"lz4", "liblz4", 1, 12, 1, 1},
#else
              {"lz4", "liblz4", 1, 12, 1, 0},
#endif
#ifdef FLR_HAVE_ZSTD
              {"zstd", "libzstd", 1, 19, 3, 1}};
#else
              {"zstd", "libzstd", 1, 19, 3, 0}};
#endif

enum { CODEC_COUNT = sizeof codecs / sizeof codecs[0] };

int flr_compression_level(flr_compression compression, int level) { return level ? level : codecs[compression].usual; }

flr_status flr_compression_parse(flr_compression *out, const char *name, int64_t level) {
  int i = 0;
  while (i < CODEC_COUNT && strcmp(codecs[i].name, name) != 0) i++;
  if (i == CODEC_COUNT) return flr_fail(FLR_ERROR_USAGE, "--compress: %.40s is none of none, deflate, lz4, zstd", name);
  *out = (flr_compression)i;
  if (!codecs[i].available)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "--compress: this build lacks %s: install %s and build again", name,
                    codecs[i].library);
  if (level == 0 || (level >= codecs[i].least && level <= codecs[i].most)) return FLR_OK;
  if (i == FLR_COMPRESS_NONE)
    return flr_fail(FLR_ERROR_USAGE, "--compress-level: nothing is compressed: it goes with --compress");
  return flr_fail(FLR_ERROR_USAGE, "--compress-level: %lld is not allowed for %s: %d to %d", (long long)level, name,
                  codecs[i].least, codecs[i].most);
}

/* ---- the codecs: bytes written, or 0 where there is not room enough ---- */

#ifdef FLR_HAVE_LIBDEFLATE

static flr_status open_deflate(flr_chunk_encoder *e) {
  e->context = libdeflate_alloc_compressor(e->encoding.level);
  return e->context ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a compressor");
}

static void close_deflate(flr_chunk_encoder *e) { libdeflate_free_compressor(e->context); }

static size_t deflate_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out, size_t room) {
  return libdeflate_zlib_compress(e->context, in, e->chunk_bytes, out, room);
}

#else

static flr_status open_deflate(flr_chunk_encoder *e) {
  (void)e;
  return FLR_OK;
}

static void close_deflate(flr_chunk_encoder *e) { (void)e; }

static size_t deflate_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out, size_t room) {
  uLongf bytes = (uLongf)room;
  return compress2(out, &bytes, in, (uLong)e->chunk_bytes, e->encoding.level) == Z_OK ? (size_t)bytes : 0;
}

#endif

#ifdef FLR_HAVE_LZ4

static void put_big_endian(unsigned char *out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
}

/* Big-endian: whole size (8 bytes), block size (4), then the one block behind its stored size (4). */
static size_t lz4_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out, size_t room) {
  const int n = (int)e->chunk_bytes, level = e->encoding.level;
  if (room <= LZ4_HEAD) return 0;
  char *to = (char *)out + LZ4_HEAD;
  const int most = (int)(room - LZ4_HEAD);
  const int bytes = level < LZ4_HIGH ? LZ4_compress_default((const char *)in, to, n, most)
                                     : LZ4_compress_HC((const char *)in, to, n, most, level);
  if (bytes <= 0) return 0;
  put_big_endian(out, e->chunk_bytes, 8);
  put_big_endian(out + 8, e->chunk_bytes, 4);
  put_big_endian(out + 12, (uint64_t)bytes, 4);
  return LZ4_HEAD + (size_t)bytes;
}

#else

static size_t lz4_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out, size_t room) {
  (void)e, (void)in, (void)out, (void)room;
  return 0;
}

#endif

#ifdef FLR_HAVE_ZSTD

static flr_status open_zstd(flr_chunk_encoder *e) {
  e->context = ZSTD_createCCtx();
  return e->context ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "out of memory for a compressor");
}

static void close_zstd(flr_chunk_encoder *e) { (void)ZSTD_freeCCtx(e->context); }

static size_t zstd_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out, size_t room) {
  const size_t bytes = ZSTD_compressCCtx(e->context, out, room, in, e->chunk_bytes, e->encoding.level);
  return ZSTD_isError(bytes) ? 0 : bytes;
}

#else

static flr_status open_zstd(flr_chunk_encoder *e) {
  (void)e;
  return FLR_OK;
}

static void close_zstd(flr_chunk_encoder *e) { (void)e; }

static size_t zstd_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out, size_t room) {
  (void)e, (void)in, (void)out, (void)room;
  return 0;
}

#endif

/* ---- the pipeline ---- */

static flr_status open_codec(flr_chunk_encoder *e) {
  if (e->encoding.compression == FLR_COMPRESS_DEFLATE) return open_deflate(e);
  return e->encoding.compression == FLR_COMPRESS_ZSTD ? open_zstd(e) : FLR_OK;
}

flr_status flr_chunk_encoder_create(flr_chunk_encoder **out, const flr_encoding *encoding, size_t most_bytes) {
  flr_chunk_encoder *e;
  *out = NULL;
  FLR_TRY(flr_alloc(&e, 1, sizeof *e));
  e->encoding = *encoding;
  e->encoding.level = flr_compression_level(encoding->compression, encoding->level);
  const int shuffles = encoding->compression != FLR_COMPRESS_NONE && encoding->element_bytes > 1;
  flr_status status = shuffles ? flr_alloc(&e->shuffled, (int64_t)most_bytes, 1) : FLR_OK;
  if (status == FLR_OK) status = open_codec(e);
  if (status == FLR_OK)
    *out = e;
  else
    flr_chunk_encoder_destroy(e);
  return status;
}

void flr_chunk_encoder_destroy(flr_chunk_encoder *e) {
  if (!e) return;
  if (e->context && e->encoding.compression == FLR_COMPRESS_DEFLATE) close_deflate(e);
  if (e->context && e->encoding.compression == FLR_COMPRESS_ZSTD) close_zstd(e);
  flr_free(e->shuffled);
  flr_free(e);
}

size_t flr_chunk_encoder_most(size_t chunk_bytes) { return chunk_bytes + SPARE_BYTES; }

/* First bytes of all elements, then second ones, .. */
static const unsigned char *shuffle(flr_chunk_encoder *e, const unsigned char *in) {
  const size_t width = e->encoding.element_bytes, n = e->chunk_bytes / width;
  if (!e->shuffled) return in;
  for (size_t k = 0; k < width; k++)
    for (size_t i = 0; i < n; i++) e->shuffled[k * n + i] = in[i * width + k];
  return e->shuffled;
}

static size_t compress_chunk(flr_chunk_encoder *e, const unsigned char *in, unsigned char *out) {
  const size_t room = e->chunk_bytes - 1; /* more gains nothing */
  switch (e->encoding.compression) {
    case FLR_COMPRESS_DEFLATE: return deflate_chunk(e, shuffle(e, in), out, room);
    case FLR_COMPRESS_LZ4: return lz4_chunk(e, shuffle(e, in), out, room);
    case FLR_COMPRESS_ZSTD: return zstd_chunk(e, shuffle(e, in), out, room);
    default: return 0;
  }
}

flr_status flr_chunk_encoder_run(flr_chunk_encoder *e, const void *chunk, size_t chunk_bytes, unsigned char *out, size_t *bytes,
                                 uint32_t *skipped) {
  e->chunk_bytes = chunk_bytes;
  const int compresses = e->encoding.compression != FLR_COMPRESS_NONE;
  size_t n = compress_chunk(e, chunk, out);
  *skipped = 0;
  if (n == 0) {
    if (compresses) *skipped = e->shuffled ? 3 : 1;
    memcpy(out, chunk, e->chunk_bytes);
    n = e->chunk_bytes;
  }
  if (e->encoding.checksum) {
    const uint32_t sum = flr_fletcher32(out, n);
    for (int i = 0; i < CHECKSUM_BYTES; i++) out[n++] = (unsigned char)(sum >> 8 * i);
  }
  *bytes = n;
  return FLR_OK;
}
