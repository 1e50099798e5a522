/* Names given for files and for what is in them. The caller has HDF5's lock. */
#ifndef FLR_DATASETS_H5_PATHS_H
#define FLR_DATASETS_H5_PATHS_H

#include "datasets/h5_source.h"

/* Cuts the next name off a list "A.h5,B.h5" and returns it, NULL at the end; "\," is a comma of the name. Empty names are
   passed over. The list is changed. */
char *flr_h5_next_file(char **list);

/* 1: every group on the way and what it names are there. */
int flr_h5_path_exists(const flr_h5_source *source, const char *path);

/* Checks that `path` is a data set. Errors: FLR_ERROR_DATA that says what it is, or that it is not there and what is. */
flr_status flr_h5_path_check(const flr_h5_source *source, const char *path);

#endif
