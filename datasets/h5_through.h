/* Rows that only HDF5 itself can put together: virtual data sets, data kept in other files, filters of plugins. */
#ifndef FLR_DATASETS_H5_THROUGH_H
#define FLR_DATASETS_H5_THROUGH_H

#include "datasets/h5_source.h"

/* Why rows are read through HDF5; `why` NULL: they need not be. */
typedef struct flr_h5_through {
  const char *why;  /* "virtual", "kept in other files", "stored through a filter of HDF5's own" */
  hid_t dataset;    /* stays open, and its file with it */
  hid_t type;       /* the file's own */
  int64_t per_read; /* rows that are best read together; 0: any number */
} flr_h5_through;

/* Looks whether a data set needs HDF5 and, if so, whether all of it is there: HDF5 gives fill values for files that are missing
   or too short. Opens it then. *dataset: it, opened; it may be another handle
   afterwards. The caller has HDF5's lock. Errors: FLR_ERROR_DATA naming what is missing. */
flr_status flr_h5_through_init(flr_h5_through *out, const flr_h5_source *source, const char *path, hid_t *dataset);
void flr_h5_through_clear(flr_h5_through *through);

/* Reads n rows from `row` on as the file's type has them. Takes HDF5's lock. Errors: FLR_ERROR_IO naming file, path and rows.
 */
flr_status flr_h5_through_read(const flr_h5_through *through, const flr_h5_source *source, const char *path, int64_t row,
                               int64_t n, void *out);

#endif
