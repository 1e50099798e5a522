/* The rows of one HDF5 data set, read without HDF5: where they lie in the file is looked up once. */
#ifndef FLR_DATASETS_H5_ROWS_H
#define FLR_DATASETS_H5_ROWS_H

#include "datasets/h5_source.h"

enum { FLR_H5_ROWS_DIMS = 4 };

typedef struct flr_h5_rows {
  const flr_h5_source *source; /* borrowed */
  char path[256];
  int rank;
  int64_t dims[FLR_H5_ROWS_DIMS]; /* dims[0] rows */
  int floating;                   /* 1: float32, 0: uint8 */
  size_t row_bytes;
  int64_t offset; /* contiguous: of row 0; -1: in chunks */
  int64_t chunk_rows;
  int64_t *chunk_offset; /* [chunks] */
  unsigned char *copy;   /* data kept in HDF5's own headers (compact): all of it, NULL otherwise */
} flr_h5_rows;

/* Looks the data set up and checks that its rows can be read as they lie. Errors: FLR_ERROR_DATA naming file, path and remedy.
 */
flr_status flr_h5_rows_init(flr_h5_rows *out, const flr_h5_source *source, const char *path);
void flr_h5_rows_clear(flr_h5_rows *rows);

/* Copies `bytes` from byte `first` of row `row`. Thread-safe; no allocation. Errors: FLR_ERROR_IO naming file and offset. */
flr_status flr_h5_rows_read(const flr_h5_rows *rows, int64_t row, size_t first, size_t bytes, void *out);

#endif
