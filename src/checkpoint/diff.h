/* Where two files differ: data sets, attributes, and the lines of the texts that they keep. Meant for checkpoints. */
#ifndef FLR_CHECKPOINT_DIFF_H
#define FLR_CHECKPOINT_DIFF_H

#include <stdint.h>

#include "checkpoint/inspect.h"

/* A data set that is not the same in both. */
typedef struct flr_diff_set {
  const flr_inspect_set *in[2]; /* of the two inspects; NULL: not there */
  int comparable;               /* 1: numbers of one shape in both, and the rest is filled; 0: other shapes or kinds */
  int64_t elements, differing;
  double absolute, relative;             /* the largest |a - b| and |a - b| / max(|a|, |b|); infinite where one is not finite */
  int64_t absolute_at[FLR_INSPECT_RANK]; /* indices of these */
  int64_t relative_at[FLR_INSPECT_RANK];
} flr_diff_set;

typedef enum flr_diff_kind {
  FLR_DIFF_PROGRESS,
  FLR_DIFF_ATTRIBUTE,
  FLR_DIFF_CONFIG,
  FLR_DIFF_DATA,
  FLR_DIFF_KINDS
} flr_diff_kind;

/* A named value that is not the same in both. */
typedef struct flr_diff_value {
  flr_diff_kind kind;
  char name[FLR_INSPECT_NAME]; /* "step"; of other groups' attributes "optimizer/update_count" */
  char *value[2];              /* NULL: not there; owned */
  int is_text;                 /* 0: numbers with 17 digits */
} flr_diff_value;

typedef struct flr_diff {
  flr_inspect file[2];
  flr_diff_set *sets; /* owned, as all here */
  int64_t set_count;
  flr_diff_value *values;
  int64_t value_count;
} flr_diff;

/* Inspects both files (progress is told of each in turn), then compares what they hold; checksums are left out. When one is not
 * whole (out->file[i].whole) nothing is compared. The caller clears *out, also after an error. Errors: those of
 * flr_inspect_file, FLR_ERROR_DATA. */
flr_status flr_diff_files(flr_diff *out, const char *const paths[2], const flr_inspect_progress *progress);
void flr_diff_clear(flr_diff *diff);

#endif
