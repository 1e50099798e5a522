/* A data set file that is laid out by HDF5, filled by pwrite and appears whole or not at all. */
#ifndef FLR_DATASETS_CONVERT_H5_TARGET_H
#define FLR_DATASETS_CONVERT_H5_TARGET_H

#include "datasets/convert/convert_impl.h"

typedef struct flr_h5_target {
  const char *path; /* borrowed */
  char *temporary;  /* owned; NULL: nothing is under way */
  int fd;
  int64_t bytes; /* of the whole file */
  size_t sample_bytes;
  int64_t channels;
  int64_t x_at[FLR_SPLIT_COUNT], y_at[FLR_SPLIT_COUNT]; /* where samples and labels (int32) begin */
} flr_h5_target;

/* Makes a file beside `path` (borrowed) with room for all samples, whose shape, number and class names are those of `source`.
   Errors: FLR_ERROR_IO (no such folder, no room for it); nothing is left then. Not collective. */
flr_status flr_h5_target_begin(flr_h5_target *out, const char *path, const flr_convert_source *source);
/* Writes samples first..first + n - 1 of the split. Errors: FLR_ERROR_IO. */
flr_status flr_h5_target_put(flr_h5_target *target, flr_split split, int64_t first, int64_t n, const void *x,
                             const int64_t *labels);
/* Adds mean and std [channels], syncs, and puts the file in its place. Errors: FLR_ERROR_IO. */
flr_status flr_h5_target_commit(flr_h5_target *target, const float *mean, const float *std);
/* Removes what was written so far. After a commit that went well it does nothing. */
void flr_h5_target_abandon(flr_h5_target *target);

#endif
