/* Parameters as files want them: a thread reorders and sums up the next ones while the caller writes. */
#ifndef FLR_CHECKPOINT_WEIGHTS_AHEAD_H
#define FLR_CHECKPOINT_WEIGHTS_AHEAD_H

#include <stdint.h>

#include "nn/param.h"

typedef struct flr_weights_ahead flr_weights_ahead;

/* Begins with the first parameter of the layout. values [elements] and params are borrowed until the end. Without a thread (the
 * system has none left) each is prepared when it is asked for. Errors: FLR_ERROR_INTERNAL (no memory). */
flr_status flr_weights_ahead_begin(flr_weights_ahead **out, const flr_params *params, const float *values);
/* The next parameter: its values in the order of files, [count], which hold until the next call, and their checksum (seal.h).
 * Called at most once for each parameter. */
const float *flr_weights_ahead_next(flr_weights_ahead *ahead, uint64_t *checksum);
/* At any time; NULL is allowed. */
void flr_weights_ahead_end(flr_weights_ahead *ahead);

#endif
