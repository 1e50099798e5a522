/* The single filters, private to this room. */
#ifndef FLR_DATASETS_CODEC_IMPL_H
#define FLR_DATASETS_CODEC_IMPL_H

#include "datasets/codec.h"

typedef struct flr_bytes {
  const unsigned char *data;
  size_t size;
} flr_bytes;

typedef struct flr_room {
  unsigned char *data;
  size_t size; /* there is; after a call: used */
} flr_room;

/* A filter that a library undoes. */
typedef struct flr_codec {
  int id;
  const char *name;    /* the filter's */
  const char *library; /* what undoes it */
  const char *missing; /* NULL: it is there; else how to get it, and the slots below are NULL */
  /* Its state, made once for many chunks; both NULL where it needs none. Errors: FLR_ERROR_INTERNAL (memory). */
  flr_status (*create)(void **out);
  void (*destroy)(void *context);
  /* Undoes the filter into `out`. Errors: FLR_ERROR_DATA. */
  flr_status (*undo)(void *context, flr_bytes in, flr_room *out);
  /* Bytes that undoing gives, as the chunk itself says: not to be trusted. NULL: it does not say. */
  uint64_t (*told_size)(flr_bytes in);
} flr_codec;

extern const flr_codec flr_codec_deflate, flr_codec_lz4, flr_codec_zstd;

/* The states of all codecs that are there; zeros: none. */
enum { FLR_CODECS = 3 };
typedef struct flr_codec_states {
  void *of[FLR_CODECS];
} flr_codec_states;
/* Errors: FLR_ERROR_INTERNAL (memory); what was made so far is the caller's to clear then. */
flr_status flr_codec_states_init(flr_codec_states *states);
void flr_codec_states_clear(flr_codec_states *states);

/* Undoes a filter that a library undoes. Errors: FLR_ERROR_DATA, FLR_ERROR_UNAVAILABLE. */
flr_status flr_codec_undo(const flr_codec_states *states, int id, flr_bytes in, flr_room *out);
/* The same with a state of its own, for those who keep none. Errors: as above, FLR_ERROR_INTERNAL (memory). */
flr_status flr_codec_undo_once(int id, flr_bytes in, flr_room *out);

/* What undoing a filter will give, as the chunk itself says; 0: it cannot be, or is not told. */
size_t flr_decoded_size(int id, flr_bytes in);

#endif
