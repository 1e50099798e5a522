/* The labels of one HDF5 data set. */
#ifndef FLR_DATASETS_H5_LABELS_H
#define FLR_DATASETS_H5_LABELS_H

#include "datasets/h5_source.h"

/* Reads the classes of n samples into *out [n] (owned by the caller) and raises *largest to the largest of them. The caller has
   HDF5's lock. Errors: FLR_ERROR_DATA naming file, path and row. */
flr_status flr_h5_labels_read(int64_t **out, const flr_h5_source *source, const char *path, int64_t n, int64_t *largest);

#endif
