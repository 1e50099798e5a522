/* The filters, one after the other. What does not become smaller is stored as it is, as HDF5 does it. */
#include "datasets/convert/chunk_encoder.h"

#include <string.h>

#include "core/memory.h"
#include "datasets/codec.h"
#include "datasets/convert/chunk_codec.h"

enum { CHECKSUM_BYTES = 4, SPARE_BYTES = 64 };

struct flr_chunk_encoder {
  flr_encoding encoding;
  const flr_chunk_codec *codec;
  unsigned char *shuffled; /* NULL where nothing is shuffled */
  void *context;           /* the library's; NULL where it needs none */
};

/* ---- which ---- */

static const flr_chunk_codec uncompressed = {.name = "none"};

/* By flr_compression; CMake chooses a file for each, which says so where the library is not there. */
static const flr_chunk_codec *const codecs[] = {&uncompressed, &flr_chunk_deflate, &flr_chunk_lz4, &flr_chunk_zstd};

enum { CODEC_COUNT = sizeof codecs / sizeof codecs[0] };

int flr_compression_level(flr_compression compression, int level) { return level ? level : codecs[compression]->usual; }

flr_status flr_compression_parse(flr_compression *out, const char *name, int64_t level) {
  int i = 0;
  while (i < CODEC_COUNT && strcmp(codecs[i]->name, name) != 0) i++;
  if (i == CODEC_COUNT) return flr_fail(FLR_ERROR_USAGE, "--compress: %.40s is none of none, deflate, lz4, zstd", name);
  *out = (flr_compression)i;
  if (codecs[i]->package)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "--compress: this build lacks %s: install %s and build again", name,
                    codecs[i]->package);
  if (level == 0 || (level >= codecs[i]->least && level <= codecs[i]->most)) return FLR_OK;
  if (i == FLR_COMPRESS_NONE)
    return flr_fail(FLR_ERROR_USAGE, "--compress-level: nothing is compressed: it goes with --compress");
  return flr_fail(FLR_ERROR_USAGE, "--compress-level: %lld is not allowed for %s: %d to %d", (long long)level, name,
                  codecs[i]->least, codecs[i]->most);
}

/* ---- the pipeline ---- */

flr_status flr_chunk_encoder_create(flr_chunk_encoder **out, const flr_encoding *encoding, size_t most_bytes) {
  flr_chunk_encoder *e;
  *out = NULL;
  FLR_TRY(flr_alloc(&e, 1, sizeof *e));
  e->encoding = *encoding;
  e->encoding.level = flr_compression_level(encoding->compression, encoding->level);
  const int shuffles = encoding->compression != FLR_COMPRESS_NONE && encoding->element_bytes > 1;
  flr_status status = shuffles ? flr_alloc(&e->shuffled, (int64_t)most_bytes, 1) : FLR_OK;
  e->codec = codecs[encoding->compression];
  if (status == FLR_OK && e->codec->create) status = e->codec->create(&e->context, e->encoding.level);
  if (status == FLR_OK)
    *out = e;
  else
    flr_chunk_encoder_destroy(e);
  return status;
}

void flr_chunk_encoder_destroy(flr_chunk_encoder *e) {
  if (!e) return;
  if (e->context) e->codec->destroy(e->context);
  flr_free(e->shuffled);
  flr_free(e);
}

size_t flr_chunk_encoder_most(size_t chunk_bytes) { return chunk_bytes + SPARE_BYTES; }

/* First bytes of all elements, then second ones, .. */
static const unsigned char *shuffle(flr_chunk_encoder *e, const unsigned char *in, size_t bytes) {
  const size_t width = e->encoding.element_bytes, n = bytes / width;
  if (!e->shuffled) return in;
  for (size_t k = 0; k < width; k++)
    for (size_t i = 0; i < n; i++) e->shuffled[k * n + i] = in[i * width + k];
  return e->shuffled;
}

flr_status flr_chunk_encoder_run(flr_chunk_encoder *e, const void *chunk, size_t chunk_bytes, unsigned char *out, size_t *bytes,
                                 uint32_t *skipped) {
  const int compresses = e->codec->run != NULL;
  size_t n = 0;
  if (compresses) /* into less than the chunk: more gains nothing */
    n = e->codec->run(e->context, e->encoding.level, shuffle(e, chunk, chunk_bytes), chunk_bytes, out, chunk_bytes - 1);
  *skipped = 0;
  if (n == 0) {
    if (compresses) *skipped = e->shuffled ? 3 : 1;
    memcpy(out, chunk, chunk_bytes);
    n = chunk_bytes;
  }
  if (e->encoding.checksum) {
    const uint32_t sum = flr_fletcher32(out, n);
    for (int i = 0; i < CHECKSUM_BYTES; i++) out[n++] = (unsigned char)(sum >> 8 * i);
  }
  *bytes = n;
  return FLR_OK;
}
