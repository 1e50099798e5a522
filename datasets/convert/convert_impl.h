/* What a kind of collection is to the converter. For this room. */
#ifndef FLR_DATASETS_CONVERT_CONVERT_IMPL_H
#define FLR_DATASETS_CONVERT_CONVERT_IMPL_H

#include "datasets/convert/convert.h"

enum { FLR_CONVERT_BLOCK_BYTES = 1 << 20, FLR_CONVERT_MOST_SAMPLE_BYTES = 1 << 28 };

typedef struct flr_convert_source flr_convert_source;

typedef struct flr_convert_ops {
  const char *name;
  /* Finds the files and says in *out's head what they hold. On failure *out is NULL. */
  flr_status (*open)(flr_convert_source **out, const flr_convert_options *options);
  /* The next n samples of the split: x [n] in NHWC order (bytes, or floats when features), labels [n]. Splits are read in the
     order of flr_split, each from its first sample to its last; what stands behind the last one is found wrong with it. NULL:
     samples are read in any order, by `read`. */
  flr_status (*next)(flr_convert_source *source, flr_split split, int64_t n, void *x, int64_t *labels);
  /* What a thread needs for reading. */
  flr_status (*create_reader)(flr_convert_source *source, void **out);
  void (*destroy_reader)(void *reader);
  /* Samples first..first + n - 1 of the split, in several threads at a time, each with its reader. A sample that must be left
     out is noted, and `incomplete` set: the rest is then only looked at. */
  flr_status (*read)(flr_convert_source *source, void *reader, flr_split split, int64_t first, int64_t n, void *x,
                     int64_t *labels);
  /* After all were read: takes the noted ones out of the samples. *again 1: there were some, all has to be read again. NULL:
     nothing is ever left out. */
  flr_status (*settle)(flr_convert_source *source, int *again);
  void (*close)(flr_convert_source *source);
} flr_convert_ops;

/* The common head of every kind's struct. */
struct flr_convert_source {
  const flr_convert_ops *ops;
  const char *path;                 /* borrowed, for messages */
  int64_t samples[FLR_SPLIT_COUNT]; /* 0: the split is not there */
  int64_t height, width, channels;  /* features: 1, 1, D */
  int features;                     /* 1: floats, 0: bytes */
  size_t sample_bytes;
  int64_t classes;
  char **class_names;  /* [classes]; owned */
  int incomplete;      /* 1: a sample was left out. Atomic */
  const char *skipped; /* "PATH: reason" lines of what was left out; the source's own */
  int64_t skipped_bytes, skipped_count;
};

extern const flr_convert_ops flr_convert_imagefolder, flr_convert_idx, flr_convert_cifar, flr_convert_csv;

/* class_names "0", "1", .. for `classes` of them. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_convert_number_classes(flr_convert_source *source);
/* Frees class_names. */
void flr_convert_clear_head(flr_convert_source *source);

#endif
