/* What `inspect` says of a checkpoint. */
#ifndef FLR_CLI_INSPECT_CHECKPOINT_H
#define FLR_CLI_INSPECT_CHECKPOINT_H

#include <cJSON.h>

#include "checkpoint/inspect.h"

/* Adds model, parameters and, when it is one to go on from, phase, progress, schedule, optimizer and data. Errors:
 * FLR_ERROR_INTERNAL (memory). */
flr_status flr_inspect_add_checkpoint(cJSON *document, const flr_inspect *file);

#endif
