/* Other people's collections of samples into the data set format (FORMAT.md), in blocks of bounded size. */
#ifndef FLR_DATASETS_CONVERT_CONVERT_H
#define FLR_DATASETS_CONVERT_CONVERT_H

#include "core/status.h"
#include "datasets/dataset.h"

/* Ranks that convert together, as this room sees them. All calls are collective, and block. */
typedef struct flr_convert_team {
  void *context;
  int rank, size;
  /* FLR_OK when all ranks give it, else the failure of one of them, on all. */
  flr_status (*agree)(void *context, flr_status local);
  /* Over all ranks, in place. */
  flr_status (*sum)(void *context, int64_t *values, int64_t n);
  /* From rank 0. */
  flr_status (*broadcast)(void *context, void *data, int64_t bytes);
  /* Rank 0 gets what every rank has, in their order: bytes_of [size] of them, each a multiple of 4, known to all. */
  flr_status (*collect)(void *context, const void *mine, void *all, const int64_t *bytes_of);
} flr_convert_team;

typedef struct flr_convert_options {
  const char *kind;   /* "imagefolder", "idx", "cifar" or "csv" */
  const char *source; /* folder or file, as the kind has it */
  const char *out;    /* the file to write; replaced when it is there */
  int workers;        /* threads that read, decode and write; below 1: one */
  const char *label;  /* csv: the column of the classes; NULL: "label" */
  /* imagefolder */
  int64_t size;          /* 0: images have one size already; else the short side becomes it and the middle is cut out */
  int channels;          /* 1 or 3 */
  int64_t max_pixels;    /* larger images are left out */
  int strict;            /* 1: what would be left out is an error */
  int sorted;            /* 1: training samples in the order of their paths; 0: shuffled by the seed */
  double valid_fraction; /* NAN: none; else this share of the training images becomes the validation split */
  uint64_t seed;
  /* What is written */
  const char *compress;         /* "none", "deflate", "lz4" or "zstd"; NULL: none */
  int64_t level;                /* of compression; 0: the usual one */
  int64_t chunk_rows;           /* samples of a chunk; 0: about 1 MiB of them where they are compressed, else no chunks */
  int checksum;                 /* 1: fletcher32 for chunks, attributes that `inspect` compares for what is contiguous */
  const flr_convert_team *team; /* NULL: one process; borrowed */
  /* For people; NULL: nobody. In the calling thread. */
  void *context;
  void (*progress)(void *context, int64_t done, int64_t total); /* samples, about five times a second */
} flr_convert_options;

/* What was written. */
typedef struct flr_convert_result {
  int64_t samples[FLR_SPLIT_COUNT];         /* 0: the split is not there */
  int64_t height, width, channels, classes; /* features: 1, 1, D */
  int features;                             /* 1: feature vectors, 0: images */
  int64_t bytes;                            /* of the file */
  int64_t skipped;                          /* files that were left out */
  char *reasons;                            /* their first lines "PATH: reason", FLR_CONVERT_REASONS at most; owned */
} flr_convert_result;

enum { FLR_CONVERT_REASONS = 5 };

/* One worker, three channels, 100 million pixels at most, nothing else asked for. */
void flr_convert_options_defaults(flr_convert_options *out);

/* FLR_ERROR_USAGE with what there is when no kind has this name. Not collective. */
flr_status flr_convert_check_kind(const char *kind);

/* Reads `source` and writes `out`: samples and labels, mean and std of the whole training split (bytes: in units of value/255),
   class_names. What is written depends on the source and the options that concern it, not on the number of workers. `out`
   appears whole or not at all: it is written under a temporary name, synced and renamed; what killed conversions to the same
   name have left on this host is removed. Images that cannot be read are left out: their list is OUT.skipped.txt.
   Memory: for each worker a block of 1 MiB (at least a sample), where samples are compressed six chunks, and for images what
   image.h says; on rank 0 a chunk for each rank; the list of images, about 30 bytes each and their paths. Errors:
   FLR_ERROR_USAGE (no such kind, a file that is no HDF5 at `out`), FLR_ERROR_NO_INPUT (what the kind needs is not there),
   FLR_ERROR_DATA (no magic number, cut off, label out of range, counts that differ, images of several sizes, no image),
   FLR_ERROR_UNAVAILABLE (built without a library), FLR_ERROR_IO (full disk..); nothing is left then. The caller clears the
   result. Collective over options->team: ranks share the work on images, and give the bytes that one would; of all other kinds
   rank 0 does it. */
flr_status flr_convert(const flr_convert_options *options, flr_convert_result *out);
void flr_convert_result_clear(flr_convert_result *result);

#endif
