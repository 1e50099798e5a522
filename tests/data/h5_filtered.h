/* Chunked, filtered data sets written for tests, with the values of h5_fixture. */
#ifndef FLR_TESTS_H5_FILTERED_H
#define FLR_TESTS_H5_FILTERED_H

#include <hdf5.h>
#include <stdint.h>

typedef struct h5_filtered {
  int64_t dims[4];      /* rows, height, width, channels; features: rows, D, 0, 0 */
  int64_t chunk[4];     /* along the same axes */
  const char *pipeline; /* letters in the order of writing: s shuffle, d deflate, f fletcher32, n nbit, b blosc (left out), 4
                           LZ4, z zstd; "" */
  int latest;           /* 1: the newest structures of HDF5, else the oldest */
  int user_block;       /* bytes before HDF5's own */
  int bare_edges;       /* 1: chunks that stick out stay unfiltered */
  int unlimited;        /* 1: rows may be added */
  int skip_every;       /* k > 0: every k-th chunk is stored without filters */
} h5_filtered;

/* Writes train/images (or features) and train/labels to a new file. LZ4 and zstd come first or behind shuffle, and are encoded
   here, by their libraries; all else by HDF5. */
void h5_filtered_write(const char *path, const h5_filtered *spec);

/* Where the chunk that begins at these elements lies in the file, and its stored size. */
int64_t h5_filtered_place(const char *path, const hsize_t *first, hsize_t *bytes);

/* 0: LZ4 or zstd was not there when the tests were built. */
int h5_filtered_can_write(const char *pipeline);

#endif
