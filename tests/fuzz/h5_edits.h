/* HDF5 files that are sound as HDF5 and wrong as ours: a good file, changed through the library as the input says. Random bytes
   seldom get past the checksums of HDF5's own structures. */
#ifndef FLR_TESTS_FUZZ_H5_EDITS_H
#define FLR_TESTS_FUZZ_H5_EDITS_H

#include <hdf5.h>

#include "fuzz/fuzz.h"

typedef struct h5_base {
  void *bytes; /* the good file */
  size_t size;
  char names[64][96]; /* its objects */
  int count;
} h5_base;

/* Reads the file at `path`. Ends the program when it is none. */
void h5_base_load(h5_base *out, const char *path);

/* Applies the edits that `data` describes and returns the path of the result, NULL when HDF5 refuses one of them. The last byte
   says whether checksums are made to fit. */
const char *h5_base_edit(const h5_base *base, const uint8_t *data, size_t size);

#endif
