/* A labelled data set with splits: random access to raw samples. Knows nothing of ranks. */
#ifndef FLR_DATASETS_DATASET_H
#define FLR_DATASETS_DATASET_H

#include <stdint.h>

#include "core/status.h"
#include "datasets/block_cache.h"
#include "tensor/tensor.h"

typedef enum flr_split { FLR_SPLIT_TRAIN, FLR_SPLIT_VALID, FLR_SPLIT_TEST, FLR_SPLIT_COUNT } flr_split;

typedef struct flr_dataset flr_dataset;
typedef struct flr_dataset_ops flr_dataset_ops;

struct flr_dataset_ops {
  const char *name;
  /* Copies rows[i] of the split to out + i * sample_bytes, for i < n. Thread-safe; allocates nothing. Errors: FLR_ERROR_IO,
   * FLR_ERROR_DATA. */
  flr_status (*read)(flr_dataset *dataset, flr_split split, const int64_t *rows, int64_t n, void *out);
  /* Says which numbers are good (flr_dataset_limit); NULL: there are none but good ones. */
  void (*limit)(flr_dataset *dataset, float least, float most);
  /* flr_dataset_check; NULL: it cannot change. */
  flr_status (*check)(const flr_dataset *dataset);
  void (*destroy)(flr_dataset *dataset);
  /* Of data sets that are read through blocks (head.cache), NULL in others. The number of the block that a row lies in. */
  int64_t (*block_of)(const flr_dataset *dataset, flr_split split, int64_t row);
  /* Room for `slots` blocks, of which `loaders` are decoded at a time; 0 slots, where nothing is encoded: no blocks any more,
     head.cache is NULL. Nobody may read meanwhile. */
  flr_status (*reserve)(flr_dataset *dataset, int64_t slots, int loaders);
  /* Bytes of memory that these take. */
  int64_t (*memory)(const flr_dataset *dataset, int64_t slots, int loaders);
  /* flr_dataset_describe; NULL: it has no description. */
  flr_status (*describe)(const flr_dataset *dataset, unsigned char **out, size_t *bytes);
};

/* The common head of every implementation's struct. */
struct flr_dataset {
  const flr_dataset_ops *ops;
  char source[256];                 /* for messages */
  int64_t samples[FLR_SPLIT_COUNT]; /* 0: the split is not there */
  int32_t *labels[FLR_SPLIT_COUNT]; /* [samples], each in 0..classes-1; owned by the data set */
  int64_t height, width, channels;  /* features: 1, 1, D */
  int features;                     /* 1: features, 0: images */
  flr_dtype dtype;                  /* of samples as read: FLR_U8 for images of bytes, FLR_F32 for all others */
  size_t sample_bytes;
  int64_t classes;
  char **class_names;     /* [classes], NULL when the file names none */
  float *mean, *std;      /* [channels] of the file, NULL when it has none (bytes: in units of value/255) */
  flr_block_cache *cache; /* blocks of decoded rows; NULL: rows are read where they lie */
  int encoded;            /* 1: some rows are only read through blocks; 0: they could be read where they lie */
  const char *reading;    /* how: "rows in place", "chunks, decoded", "through HDF5"; NULL: they are not read from a file */
  char slow[320];         /* "": samples are read at full speed; else which are not and why */
  int moments_differ;     /* 1: several files whose mean and std differ, so that none count */
};

typedef struct flr_dataset_options {
  const char *source;                                        /* "digits", "synthetic:N,H,W,C,K", or FILE.h5[,FILE..] */
  const char *x_path, *y_path, *valid_x_path, *valid_y_path; /* NULL: the format's own; "FILE:PATH" names another file */
  const char *axis_order;                                    /* "nhwc" (NULL) or "nchw" */
  double valid_fraction; /* NAN: 0.2 when the source has no validation split; else taken from the training split in any case */
  int in_memory;         /* 1: through blocks in any case, so that they can be kept */
  uint64_t seed;         /* of the validation split and of synthetic data */
} flr_dataset_options;

/* Opens a data set: structure, labels and file offsets are read and checked here. Rows taken for validation are those the keyed
   permutation of (seed, FLR_STREAM_SPLIT) puts first, so the split does not depend on ranks; both splits keep file order.
   Errors: FLR_ERROR_USAGE (paths for what is no file), FLR_ERROR_NO_INPUT (missing, a folder, empty), FLR_ERROR_DATA (not HDF5,
   truncated, no such path, lengths differ, label out of range, zero samples) naming file and path. *out is owned by the caller.
   Not collective. */
flr_status flr_dataset_open(flr_dataset **out, const flr_dataset_options *options);
/* All that opening found in the files, as bytes into *out [*bytes], owned by the caller, for flr_dataset_open_described on the
   same host; NULL and 0 where that would not save a look at files (there are none) or each process needs its own (data that
   only HDF5 can read). Errors: FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_dataset_describe(const flr_dataset *dataset, unsigned char **out, size_t *bytes);
/* Opens the data set that another process described, with the same options. Its files are opened for reading rows; HDF5 is not
   called, not even to read later. Errors: those of opening a file; FLR_ERROR_DATA naming a file that is another one (length,
   time of writing, inode) than was described; FLR_ERROR_INTERNAL for bytes that are no such description. *out is owned by the
   caller. Not collective. */
flr_status flr_dataset_open_described(flr_dataset **out, const flr_dataset_options *options, const unsigned char *description,
                                      size_t bytes);
void flr_dataset_destroy(flr_dataset *dataset);

/* As the table's read. Not collective. */
static inline flr_status flr_dataset_read(flr_dataset *d, flr_split split, const int64_t *rows, int64_t n, void *out) {
  return d->ops->read(d, split, rows, n, out);
}

/* The block that a row lies in; -1 where the data set has no blocks. */
static inline int64_t flr_dataset_block_of(const flr_dataset *d, flr_split split, int64_t row) {
  return d->cache ? d->ops->block_of(d, split, row) : -1;
}

/* Mean and standard deviation per channel of (value/255 for bytes, value for floats) over the training split, at most 65,536
   samples of it (those the keyed permutation puts first). mean and std: [channels]. A constant channel gets std 1. Errors:
   those of reading, FLR_ERROR_INTERNAL (memory). Not collective. */
flr_status flr_dataset_measure(flr_dataset *dataset, uint64_t seed, float *mean, float *std);

/* Samples that are float32 may only hold numbers in least..most: reading others fails with FLR_ERROR_DATA naming row and place.
   At first all finite ones are good; both NAN: anything is. Nobody may read meanwhile. */
void flr_dataset_limit(flr_dataset *dataset, float least, float most);

/* Whether the files are still what they were when they were opened. Thread-safe, costs a system call per file. Errors:
   FLR_ERROR_DATA naming the file that became another, FLR_ERROR_IO. */
flr_status flr_dataset_check(const flr_dataset *dataset);

/* "train", "valid", "test". Pure. */
const char *flr_split_name(flr_split split);

#endif
