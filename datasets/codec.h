/* Undoing the filters of a stored chunk: deflate, shuffle, fletcher32, LZ4 and zstd, in any order. Knows nothing of HDF5. */
#ifndef FLR_DATASETS_CODEC_H
#define FLR_DATASETS_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

/* HDF5's registered numbers. */
enum {
  FLR_FILTER_DEFLATE = 1,
  FLR_FILTER_SHUFFLE = 2,
  FLR_FILTER_FLETCHER32 = 3,
  FLR_FILTER_LZ4 = 32004,
  FLR_FILTER_ZSTD = 32015,
  FLR_FILTERS_MOST = 8
};

/* In the order in which the writer applied them. */
typedef struct flr_filters {
  int count;
  int id[FLR_FILTERS_MOST];
  size_t element_bytes; /* what shuffle takes apart */
} flr_filters;

/* HDF5's variant of the sum. Pure. */
uint32_t flr_fletcher32(const unsigned char *data, size_t bytes);

/* One thread's state and buffers. */
typedef struct flr_decoder flr_decoder;

/* What a decoder must be able to hold; 0, then flr_decoder_sizes_add for every kind of chunk. */
typedef struct flr_decoder_sizes {
  size_t stored;  /* bytes of a stored chunk, at most */
  size_t between; /* bytes between two filters, at most; 0: nothing lies between filters */
} flr_decoder_sizes;

/* Chunks of `whole` bytes that take at most `stored` in the file. */
void flr_decoder_sizes_add(flr_decoder_sizes *sizes, const flr_filters *filters, size_t stored, size_t whole);

/* Whether this program can undo a filter. Errors: FLR_ERROR_UNAVAILABLE (a library was missing when it was built),
   FLR_ERROR_DATA (a filter that it does not know), both with the filter's name alone (`name`: HDF5's own, may be empty). */
flr_status flr_filter_check(int id, const char *name);

/* What undoes deflate, for people: "libdeflate" or "zlib"; and whether LZ4 and zstd are there: NULL, or how to get them. */
const char *flr_codec_inflater(void);
const char *flr_codec_missing(int id);

/* *out is owned by the caller. Nothing is allocated later. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_decoder_create(flr_decoder **out, const flr_decoder_sizes *sizes);
void flr_decoder_destroy(flr_decoder *decoder);

/* Bytes that a decoder for these takes, for bounds on memory. */
size_t flr_decoder_bytes(const flr_decoder_sizes *sizes);

/* Where the caller puts a stored chunk [sizes.stored] before flr_decoder_run. Its content does not survive the run. */
void *flr_decoder_stored(flr_decoder *decoder);

/* Undoes the filters, last one first, but for those whose bit is set in `skipped`; out: [whole] bytes. Errors: FLR_ERROR_DATA
   saying what is wrong, without where. */
flr_status flr_decoder_run(flr_decoder *decoder, const flr_filters *filters, size_t stored_bytes, uint32_t skipped, void *out,
                           size_t whole);

#endif
