/* What must hold for every data set that could be opened. */
#ifndef FLR_TESTS_FUZZ_READ_SPLIT_H
#define FLR_TESTS_FUZZ_READ_SPLIT_H

#include <stdlib.h>

#include "core/memory.h"
#include "datasets/dataset.h"

enum { FUZZ_MOST_BYTES = 1 << 20 };

/* Its labels are classes that there are, and some of its rows can be read or are refused. */
static inline void fuzz_read_split(flr_dataset *data, flr_split split) {
  const int64_t n = data->samples[split], rows[] = {0, n / 2, n - 1};
  unsigned char *out;
  for (int64_t i = 0; i < n; i++)
    if (data->labels[split][i] < 0 || data->labels[split][i] >= data->classes) abort();
  if (n == 0 || data->sample_bytes > FUZZ_MOST_BYTES || flr_alloc(&out, 3, data->sample_bytes) != FLR_OK) return;
  (void)flr_dataset_read(data, split, rows, 3, out);
  flr_free(out);
}

#endif
