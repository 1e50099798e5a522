/* What compresses a chunk: a library for each kind of compression. For this room. */
#ifndef FLR_DATASETS_CONVERT_CHUNK_CODEC_H
#define FLR_DATASETS_CONVERT_CHUNK_CODEC_H

#include <stddef.h>

#include "core/status.h"

typedef struct flr_chunk_codec {
  const char *name;       /* as --compress has it */
  const char *package;    /* NULL: it is there; else what to install, and the slots below are NULL */
  int least, most, usual; /* levels */
  /* Its state, made once for many chunks; both NULL where it needs none. Errors: FLR_ERROR_INTERNAL (memory). */
  flr_status (*create)(void **out, int level);
  void (*destroy)(void *context);
  /* Bytes written, or 0 where there is not room enough. */
  size_t (*run)(void *context, int level, const unsigned char *in, size_t bytes, unsigned char *out, size_t room);
} flr_chunk_codec;

extern const flr_chunk_codec flr_chunk_deflate, flr_chunk_lz4, flr_chunk_zstd;

#endif
