/* An HDF5 data set from the inside, shared by the files that find, describe and read it. */
#ifndef FLR_DATASETS_H5_PARTS_H
#define FLR_DATASETS_H5_PARTS_H

#include "datasets/dataset_impl.h"
#include "datasets/h5_blocks.h"
#include "datasets/h5_labels.h"
#include "datasets/h5_sample.h"

enum { FLR_H5_MOST_FILES = 64, FLR_H5_MOST_SOURCES = 4 * FLR_H5_MOST_FILES };

/* One split: the rows of several files one after the other. */
typedef struct flr_h5_split_rows {
  int count;
  flr_h5_rows parts[FLR_H5_MOST_FILES];
  int64_t first[FLR_H5_MOST_FILES + 1]; /* first row of each part; the last entry is the total */
} flr_h5_split_rows;

typedef struct flr_h5_dataset {
  flr_dataset head;
  int nchw; /* as asked for */
  flr_h5_form form;
  flr_h5_classes classes;
  int files; /* read so far, of those that --data names */
  int source_count;
  flr_h5_source sources[FLR_H5_MOST_SOURCES];
  flr_h5_split_rows splits[FLR_SPLIT_COUNT];
  flr_h5_blocks blocks;
} flr_h5_dataset;

/* Counts parts[count] of the split, which was filled, as one of its parts: it is cleared with the data set from now on, also
   after a failure. Errors: FLR_ERROR_DATA: its samples are unlike those of the parts before. */
flr_status flr_h5_parts_take(flr_h5_dataset *dataset, flr_split split);

/* Puts all that was found into bytes [*bytes] owned by the caller; NULL and 0 where rows are read through HDF5. */
flr_status flr_h5_parts_describe(const flr_h5_dataset *dataset, unsigned char **out, size_t *bytes);

/* Fills an empty data set from these: files are opened, and HDF5 is not called. Errors: those of opening the files;
   FLR_ERROR_DATA: a file is another one than was described; FLR_ERROR_INTERNAL: no such bytes. */
flr_status flr_h5_parts_from_description(flr_h5_dataset *dataset, const unsigned char *description, size_t bytes);

#endif
