/* Which elements an HDF5 data set holds. */
#ifndef FLR_DATASETS_H5_ELEMENT_H
#define FLR_DATASETS_H5_ELEMENT_H

#include <hdf5.h>

#include "datasets/element.h"

/* 1 and *out: they are numbers that can be read. The caller has HDF5's lock. */
int flr_h5_element_find(flr_element *out, hid_t type);

/* What a type that cannot be read is, in words: "strings", "8-byte compounds", .. */
const char *flr_h5_element_words(char *text, size_t size, hid_t type);

#endif
