/* The kinds of data sets, private to this room. */
#ifndef FLR_DATASETS_DATASET_IMPL_H
#define FLR_DATASETS_DATASET_IMPL_H

#include "datasets/dataset.h"

/* description [bytes]: of the files, so that HDF5 need not be asked; NULL: it is. *out is owned by the caller. Errors: those of
   flr_dataset_open, and with a description of flr_dataset_open_described. */
flr_status flr_h5_dataset_open(flr_dataset **out, const flr_dataset_options *options, const unsigned char *description,
                               size_t bytes);
/* "synthetic:N,H,W,C,K". *out is owned by the caller. Errors: FLR_ERROR_USAGE, FLR_ERROR_INTERNAL (memory). */
flr_status flr_synthetic_open(flr_dataset **out, const flr_dataset_options *options);

/* A data set whose validation split is `fraction` of inner's training split, taken by the keyed permutation; inner's own
   validation split is not used. Owns inner, also after a failure. Errors: FLR_ERROR_USAGE, FLR_ERROR_INTERNAL (memory). */
flr_status flr_split_view_open(flr_dataset **out, flr_dataset *inner, double fraction, uint64_t seed);

/* Frees what the common head owns (labels, names, mean, std), not the struct. */
void flr_dataset_clear_head(flr_dataset *dataset);

#endif
