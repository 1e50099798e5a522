/* What an HDF5 file for training says at its root: names of classes, mean and std; and strings as HDF5 has them. The caller has
   HDF5's lock. */
#ifndef FLR_DATASETS_H5_ATTRIBUTES_H
#define FLR_DATASETS_H5_ATTRIBUTES_H

#include "datasets/h5_source.h"

/* The attribute of `channels` floats into *out, owned by the caller; it stays NULL when there is none. Errors: FLR_ERROR_DATA:
   another size, no numbers. */
flr_status flr_h5_read_floats(float **out, const flr_h5_source *source, const char *name, int64_t channels);

/* The class names into *out [*n], owned by the caller; NULL and 0 when there are none. Errors: FLR_ERROR_DATA. */
flr_status flr_h5_read_class_names(char ***out, int64_t *n, const flr_h5_source *source);
void flr_h5_free_names(char **names, int64_t n);

enum { FLR_H5_STRING_BYTES = 256 };
/* Bytes of one string of this type in memory. */
size_t flr_h5_string_size(hid_t type);
/* Copies the string `raw` of this type to text without its padding, and frees what HDF5 made for it. 0: it is too long (text
   then holds its beginning). */
int flr_h5_string_take(char text[FLR_H5_STRING_BYTES], void *raw, hid_t type);

#endif
