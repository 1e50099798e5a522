/* Chunks as HDF5's filters would store them: byte shuffle, deflate, LZ4 or zstd, fletcher32. Knows nothing of HDF5. */
#ifndef FLR_DATASETS_CONVERT_CHUNK_ENCODER_H
#define FLR_DATASETS_CONVERT_CHUNK_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum flr_compression { FLR_COMPRESS_NONE, FLR_COMPRESS_DEFLATE, FLR_COMPRESS_LZ4, FLR_COMPRESS_ZSTD } flr_compression;

typedef struct flr_encoding {
  flr_compression compression;
  int level;            /* 0: the codec's own default */
  int checksum;         /* 1: fletcher32 behind all else */
  size_t element_bytes; /* above 1 its bytes are shuffled before they are compressed: of no use to bytes */
} flr_encoding;

/* "none", "deflate", "lz4", "zstd". Errors: FLR_ERROR_USAGE (no such name, no such level), FLR_ERROR_UNAVAILABLE (this build
   lacks it). */
flr_status flr_compression_parse(flr_compression *out, const char *name, int64_t level);
/* Level 0 becomes the default: deflate 4, lz4 1, zstd 3. Pure. */
int flr_compression_level(flr_compression compression, int level);

/* One thread's. *out is owned by the caller. Errors: FLR_ERROR_INTERNAL (memory). */
typedef struct flr_chunk_encoder flr_chunk_encoder;
flr_status flr_chunk_encoder_create(flr_chunk_encoder **out, const flr_encoding *encoding, size_t most_bytes);
void flr_chunk_encoder_destroy(flr_chunk_encoder *encoder);
/* Bytes that an encoded chunk has at most. Pure. */
size_t flr_chunk_encoder_most(size_t chunk_bytes);
/* Encodes chunk [chunk_bytes] into out; *skipped: a bit for each filter, in order, that was left out because it gains nothing.
   Errors: FLR_ERROR_INTERNAL. */
flr_status flr_chunk_encoder_run(flr_chunk_encoder *encoder, const void *chunk, size_t chunk_bytes, unsigned char *out,
                                 size_t *bytes, uint32_t *skipped);

#endif
