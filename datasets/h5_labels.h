/* Labels of HDF5 data sets, and the classes that they make together. The caller has HDF5's lock. */
#ifndef FLR_DATASETS_H5_LABELS_H
#define FLR_DATASETS_H5_LABELS_H

#include "datasets/h5_source.h"
#include "datasets/name_list.h"

/* All zero: no labels yet. */
typedef struct flr_h5_classes {
  flr_name_list names;    /* classes with names, in the order in which the files name them */
  int64_t numbers;        /* classes that labels count without names: the largest label + 1 */
  int by_number, by_name; /* 1: there are labels that are numbers, labels that are strings */
} flr_h5_classes;

/* Reads the classes of the n samples of one part into out [n]. `path` of `source` holds one number per sample (of any type,
   whole), one row of K numbers with a single 1 (one-hot), or one string per sample. Numbers count the class names of `source`'s
   file or, where it has none, of `images`', so that files may name classes in different orders; string labels are classes
   themselves. Errors: FLR_ERROR_DATA naming file, path and row. */
flr_status flr_h5_labels_read(int32_t *out, flr_h5_classes *classes, const flr_h5_source *source, const char *path, int64_t n,
                              const flr_h5_source *images);

/* Ends reading: *count classes and, where they have names, *names [*count], owned by the caller (NULL: none). String labels
   become numbers in the order of their bytes: each of the `lists` of counts[i] labels is changed. Errors: FLR_ERROR_DATA: a
   label that counts beyond the names of another file. */
flr_status flr_h5_classes_finish(flr_h5_classes *classes, const char *name, int32_t *const *lists, const int64_t *counts,
                                 int list_count, int64_t *count, char ***names);
void flr_h5_classes_clear(flr_h5_classes *classes);

#endif
