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

/* A library's state, made once: NULL where it needs none. */
typedef struct flr_inflater flr_inflater;
flr_status flr_inflater_create(flr_inflater **out);
void flr_inflater_destroy(flr_inflater *inflater);

/* Each undoes one filter into `out`. Errors: FLR_ERROR_DATA. */
flr_status flr_undo_deflate(flr_inflater *inflater, flr_bytes in, flr_room *out);
flr_status flr_undo_lz4(flr_bytes in, flr_room *out);
flr_status flr_undo_zstd(void *context, flr_bytes in, flr_room *out);
void *flr_zstd_create(void); /* NULL: no memory, or no zstd */
void flr_zstd_destroy(void *context);

/* What undoing LZ4 or zstd will give, as the chunk itself says; 0: it cannot be, or is not told. */
size_t flr_decoded_size(int id, flr_bytes in);

void flr_unshuffle(flr_bytes in, size_t element_bytes, unsigned char *out);
/* HDF5's variant: the last four bytes are the sum of the others. */
flr_status flr_check_fletcher32(flr_bytes in);

#endif
