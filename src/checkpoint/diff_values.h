/* Named values of a file as a list of texts, and where two lists differ. */
#ifndef FLR_CHECKPOINT_DIFF_VALUES_H
#define FLR_CHECKPOINT_DIFF_VALUES_H

#include <hdf5.h>

#include "checkpoint/diff.h"

/* Adds to diff->values what differs in the attributes of all objects, in /config and in /dataset. Errors: FLR_ERROR_DATA,
 * FLR_ERROR_INTERNAL (memory). */
flr_status flr_diff_add_values(flr_diff *diff, const hid_t files[2]);

#endif
