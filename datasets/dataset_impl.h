/* The kinds of data sets, private to this room. */
#ifndef FLR_DATASETS_DATASET_IMPL_H
#define FLR_DATASETS_DATASET_IMPL_H

#include "datasets/dataset.h"

/* description [bytes]: of the files, so that HDF5 need not be asked; NULL: it is. */
flr_status flr_h5_dataset_open(flr_dataset **out, const flr_dataset_options *options, const unsigned char *description,
                               size_t bytes);
flr_status flr_synthetic_open(flr_dataset **out, const flr_dataset_options *options);

/* A data set whose validation split is `fraction` of inner's training split, taken by the keyed permutation; inner's own
   validation split is not used. Owns inner, also after a failure. */
flr_status flr_split_view_open(flr_dataset **out, flr_dataset *inner, double fraction, uint64_t seed);

/* Frees what the common head owns (labels, names, mean, std), not the struct. */
void flr_dataset_clear_head(flr_dataset *dataset);

#endif
