/* Data of a data set that lie in other files: whether all of them are there. The caller has HDF5's lock. */
#ifndef FLR_DATASETS_H5_ELSEWHERE_H
#define FLR_DATASETS_H5_ELSEWHERE_H

#include "datasets/h5_source.h"

/* The sources of a virtual data set, and that they cover it. dataset, list: it, and how it was made. Errors: FLR_ERROR_DATA. */
flr_status flr_h5_check_virtual(const flr_h5_source *source, const char *path, hid_t dataset, hid_t list);

/* The raw files of a data set with external storage. *beside is 1 when they are found beside the HDF5 file, not from the
   current folder. Errors: FLR_ERROR_DATA. */
flr_status flr_h5_check_external(const flr_h5_source *source, const char *path, hid_t list, int *beside);

#endif
