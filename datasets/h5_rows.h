/* The rows of one HDF5 data set, read without HDF5: where they lie in the file is looked up once. */
#ifndef FLR_DATASETS_H5_ROWS_H
#define FLR_DATASETS_H5_ROWS_H

#include "datasets/block_cache.h"
#include "datasets/h5_chunks.h"
#include "datasets/h5_element.h"
#include "datasets/h5_through.h"

enum { FLR_H5_ROWS_DIMS = FLR_H5_MOST_AXES };

typedef struct flr_h5_rows {
  const flr_h5_source *source; /* borrowed */
  char path[256];
  int rank;
  int64_t dims[FLR_H5_ROWS_DIMS]; /* dims[0] rows */
  flr_element element;
  size_t row_bytes;
  int64_t offset;       /* contiguous: of row 0; -1: not */
  flr_h5_chunks chunks; /* without a list: not in chunks */
  unsigned char *copy;  /* data kept in HDF5's own headers (compact): all of it, NULL otherwise */
  flr_h5_through through;
  /* Set by flr_h5_blocks: rows are taken from blocks in memory. */
  flr_block_cache *cache; /* NULL: rows are read where they lie */
  int64_t block_rows, first_block;
} flr_h5_rows;

/* Looks the data set up and checks that its rows can be read. Errors: FLR_ERROR_DATA naming file, path and remedy,
   FLR_ERROR_UNAVAILABLE where it needs a library that is not built in. */
flr_status flr_h5_rows_init(flr_h5_rows *out, const flr_h5_source *source, const char *path);
/* What that found, as bytes, where HDF5 is not needed for reading; and from these bytes, with the same checks, without HDF5.
   Errors: as above, FLR_ERROR_INTERNAL for bytes that are something else. */
void flr_h5_rows_pack(flr_packer *packer, const flr_h5_rows *rows);
flr_status flr_h5_rows_unpack(flr_h5_rows *out, flr_unpacker *unpacker, const flr_h5_source *source);
void flr_h5_rows_clear(flr_h5_rows *rows);

/* 1: reading them takes decoding. */
static inline int flr_h5_rows_need_decoding(const flr_h5_rows *r) { return r->chunks.list && !flr_h5_chunks_plain(&r->chunks); }
/* 1: they are only read through blocks: they need decoding, or HDF5. */
static inline int flr_h5_rows_need_blocks(const flr_h5_rows *r) { return flr_h5_rows_need_decoding(r) || r->through.why; }

/* Reads n rows from `row` on to out: all of one chunk at most. Not for those that need decoding. */
flr_status flr_h5_rows_read_run(const flr_h5_rows *rows, int64_t row, int64_t n, void *out);

/* Copies `bytes` from byte `first` of row `row`. Thread-safe; no allocation. Errors: FLR_ERROR_IO naming file and offset,
   FLR_ERROR_DATA naming the chunk that does not decode. */
flr_status flr_h5_rows_read(const flr_h5_rows *rows, int64_t row, size_t first, size_t bytes, void *out);

#endif
