/* Other people's collections of samples into the data set format (FORMAT.md), in blocks of bounded size. */
#ifndef FLR_DATASETS_CONVERT_CONVERT_H
#define FLR_DATASETS_CONVERT_CONVERT_H

#include "core/status.h"
#include "datasets/dataset.h"

typedef struct flr_convert_options {
  const char *kind;   /* flr_convert_kinds() */
  const char *source; /* folder or file, as the kind has it */
  const char *label;  /* csv: the column of the classes; NULL: "label" */
  const char *out;    /* the file to write; replaced when it is there */
} flr_convert_options;

/* What was written. */
typedef struct flr_convert_result {
  int64_t samples[FLR_SPLIT_COUNT]; /* 0: the split is not there */
  int64_t height, width, channels, classes;
  int64_t bytes; /* of the file */
} flr_convert_result;

/* The kinds there are: "idx, cifar, csv". */
const char *flr_convert_kinds(void);
/* FLR_ERROR_USAGE with what there is when no kind has this name. Not collective. */
flr_status flr_convert_check_kind(const char *kind);

/* Reads `source` once and writes `out`: samples and labels contiguously, mean and std of the whole training split (bytes: in
   units of value/255), class_names. `out` appears whole or not at all: it is written under a temporary name, synced and
   renamed. Errors: FLR_ERROR_USAGE (no such kind), FLR_ERROR_NO_INPUT (what the kind needs is not there), FLR_ERROR_DATA (no
   magic number, cut off, label out of range, counts that differ), FLR_ERROR_IO (full disk..); nothing is left then. Not
   collective. */
flr_status flr_convert(const flr_convert_options *options, flr_convert_result *out);

#endif
