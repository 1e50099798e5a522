/* The parts that files of weights and whole checkpoints share, into a file being written. */
#ifndef FLR_CHECKPOINT_WEIGHTS_PARTS_H
#define FLR_CHECKPOINT_WEIGHTS_PARTS_H

#include <hdf5.h>

#include "checkpoint/weights.h"

/* GROUP/<name> for every parameter, in file order; values [elements]. Errors: FLR_ERROR_IO. */
flr_status flr_weights_write_params(hid_t file, const char *group, const flr_params *params, const float *values);
/* /buffers/<name>; states [state_elements]. */
flr_status flr_weights_write_buffers(hid_t file, const flr_params *params, const float *states);
/* Attributes of the root, /config and /normalization. state: "full" or "weights". */
flr_status flr_weights_write_facts(hid_t file, const flr_final_info *info, const char *state);

#endif
