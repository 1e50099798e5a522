/* HDF5 data sets written for tests: every stored value is a function of its row and place, so that readers can be checked. */
#ifndef FLR_TESTS_H5_FIXTURE_H
#define FLR_TESTS_H5_FIXTURE_H

#include <hdf5.h>
#include <stdint.h>

typedef struct h5_fixture {
  int64_t rows, height, width, channels; /* features: 0, 0, D */
  int64_t first_row;                     /* value of row i is that of row first_row + i */
  int64_t chunk_rows;                    /* 0: contiguous */
  int nchw, compact;
  hid_t x_type, y_type; /* 0: H5T_NATIVE_UINT8 or FLOAT, H5T_NATIVE_INT32 */
  const char *x, *y;    /* NULL: "train/images" or "train/features", "train/labels" */
} h5_fixture;

/* Appends the two data sets to the file, which is made when it is not there. */
void h5_fixture_write(const char *path, const h5_fixture *fixture);
/* Appends one data set of given values; rows_of_chunk 0: contiguous, else in deflated chunks. */
void h5_fixture_put(const char *path, const char *name, hid_t type, hid_t memory, int rank, const hsize_t *dims,
                    const void *data, int64_t rows_of_chunk);
void h5_fixture_put_class_names(const char *path, const char *const *names, int n);
/* What row `row` holds at flat NHWC place `at`. */
uint8_t h5_fixture_byte(int64_t row, int64_t at);
float h5_fixture_float(int64_t row, int64_t at);
int64_t h5_fixture_label(int64_t row);

#endif
