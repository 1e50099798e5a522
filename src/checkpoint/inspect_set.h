/* One data set of a file that is looked through. */
#ifndef FLR_CHECKPOINT_INSPECT_SET_H
#define FLR_CHECKPOINT_INSPECT_SET_H

#include <hdf5.h>

#include "checkpoint/inspect.h"

/* How far reading a file is. */
typedef struct flr_inspect_meter {
  const flr_inspect_progress *progress;
  int64_t done, total; /* bytes */
} flr_inspect_meter;

/* Fills all but missing, checked and damaged; out->name is filled already. Errors: FLR_ERROR_DATA, without the file's name. */
flr_status flr_inspect_describe(flr_inspect_set *out, hid_t set);

/* Reads numbers (as they are, floats narrower than 32 bits as float) and texts to their end. own: the attribute "checksum" is
 * one of seal.h and is compared; it is so too beside an attribute "checksum_rows" (datasets/FORMAT.md). What is neither number
 * nor text is only described. Errors: FLR_ERROR_DATA, without the file's name; FLR_ERROR_INTERNAL (memory). */
flr_status flr_inspect_read(flr_inspect_set *out, hid_t file, hid_t set, int own, flr_inspect_meter *meter);

/* How a data set of numbers is read in pieces of whole chunks, about 4 MiB each. */
typedef struct flr_inspect_pieces {
  int64_t all, rows, row_elements; /* rows: along the first axis, in all and per piece; a scalar is one row */
} flr_inspect_pieces;

/* element_bytes: in memory. Errors: FLR_ERROR_DATA when sizes are out of range. */
flr_status flr_inspect_pieces_init(flr_inspect_pieces *out, const flr_inspect_set *shape, hid_t set, size_t element_bytes);

/* Reads rows from `first` on. Errors: FLR_ERROR_DATA, without the file's name. */
flr_status flr_inspect_read_rows(const flr_inspect_set *shape, hid_t set, hid_t memory_type, int64_t first, int64_t rows,
                                 void *out);

#endif
