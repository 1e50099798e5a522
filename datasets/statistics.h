/* What a data set is like, over every sample of it: how its classes are spread, the range of its values, samples that are there
 * more than once. */
#ifndef FLR_DATASETS_STATISTICS_H
#define FLR_DATASETS_STATISTICS_H

#include "datasets/dataset.h"

typedef struct flr_split_statistics {
  int64_t *counts;    /* [classes] samples of each; NULL: the split is not there */
  int64_t present;    /* classes with samples */
  int64_t rarest;     /* samples of the rarest class, of those with none too */
  int64_t commonest;  /* samples of the commonest class */
  int sorted;         /* labels never fall from one sample to the next, in file order */
  double least, most; /* of all values that are numbers (bytes: 0 to 255); NAN: there are none */
  int64_t nonfinite;  /* values that are not finite */
  int64_t constant;   /* columns of features that hold one value in all samples; images: 0 */
  int64_t repeated;   /* samples with the same values as an earlier one of the split */
  int64_t in_train;   /* samples with the same values as one of the training split; the training split: 0 */
} flr_split_statistics;

typedef struct flr_dataset_statistics {
  flr_split_statistics splits[FLR_SPLIT_COUNT];
} flr_dataset_statistics;

/* Takes values that are not finite too (flr_dataset_limit), for this and all that is read later. Reads every sample once, in
 * blocks; keeps 8 bytes for each (equal samples are found by their 64-bit hash). Errors: those of reading, FLR_ERROR_INTERNAL
 * (memory). The caller clears *out, also after a failure. Not collective. */
flr_status flr_dataset_statistics_make(flr_dataset_statistics *out, flr_dataset *dataset);
void flr_dataset_statistics_clear(flr_dataset_statistics *statistics);

/* What will hurt a training, a sentence each; returns how many were put in out. Pure. */
enum { FLR_DATASET_WARNING_BYTES = 256, FLR_DATASET_MOST_WARNINGS = 8 };
int flr_dataset_warnings(char out[FLR_DATASET_MOST_WARNINGS][FLR_DATASET_WARNING_BYTES], const flr_dataset *dataset,
                         const flr_dataset_statistics *statistics);

/* Whether images look as if their axes had another order in the file than they were taken to have ("nhwc" or "nchw"): 1, with a
   sentence in out, or 0. Pure. */
int flr_dataset_axes_warning(char out[FLR_DATASET_WARNING_BYTES], const flr_dataset *dataset, const char *axis_order);

#endif
