/* Values put one behind another as plain bytes, and taken out again with every length and range checked. For programs of one
   build on one machine: the bytes are as memory holds them. */
#ifndef FLR_DATASETS_PACKING_H
#define FLR_DATASETS_PACKING_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* All zero: bytes are only counted. With `bytes`, which has room for all: they are put there. */
typedef struct flr_packer {
  unsigned char *bytes; /* borrowed */
  size_t count;
} flr_packer;

/* Each puts its value behind those that are there, or counts its bytes. */
void flr_pack(flr_packer *packer, const void *data, size_t bytes);
void flr_pack_number(flr_packer *packer, int64_t value);
void flr_pack_text(flr_packer *packer, const char *text);

typedef struct flr_unpacker {
  const unsigned char *bytes; /* what comes next; borrowed */
  size_t left;
} flr_unpacker;

/* Each takes out what was put in at this place. Errors: FLR_ERROR_INTERNAL: what is there cannot be that. */
flr_status flr_unpack(flr_unpacker *unpacker, void *out, size_t bytes);
flr_status flr_unpack_number(flr_unpacker *unpacker, int64_t *out, int64_t least, int64_t most);
flr_status flr_unpack_int(flr_unpacker *unpacker, int *out, int least, int most);
/* With its end in out [room]. */
flr_status flr_unpack_text(flr_unpacker *unpacker, char *out, size_t room);
/* `count` elements of `size` bytes into *out (a pointer to a pointer), owned by the caller; no memory is taken for more than
   there are. */
flr_status flr_unpack_array(flr_unpacker *unpacker, void *out, int64_t count, size_t size);

/* FLR_ERROR_INTERNAL: this is no description of data. */
flr_status flr_unpack_failed(const char *what);

#endif
