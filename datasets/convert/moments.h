/* Mean and standard deviation per channel, fed block by block. */
#ifndef FLR_DATASETS_CONVERT_MOMENTS_H
#define FLR_DATASETS_CONVERT_MOMENTS_H

#include <stdint.h>

#include "core/status.h"

typedef struct flr_moments {
  int64_t channels, count; /* count: values per channel so far */
  int floats;
  uint64_t *sums;    /* bytes: [2 * channels], sums and sums of squares, exact */
  double *running;   /* floats: [2 * channels], mean and sum of squared deviations (Welford) */
  float *mean, *std; /* [channels], after flr_moments_finish */
} flr_moments;

/* For bytes, or for floats. The caller clears it. Errors: out of memory. Not collective. */
flr_status flr_moments_init(flr_moments *out, int64_t channels, int floats);
/* Adds [n, channels] values. */
void flr_moments_add(flr_moments *moments, const void *values, int64_t n);
/* Adds what another one of bytes has been fed. */
void flr_moments_merge(flr_moments *moments, const flr_moments *other);
/* Sets mean and std (over all values, divided by their count; of bytes as value/255); a constant channel gets std 1, as in
   flr_dataset_measure. */
void flr_moments_finish(flr_moments *moments);
void flr_moments_clear(flr_moments *moments);

#endif
