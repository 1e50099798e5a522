/* The names of checkpoints in a run directory. */
#ifndef FLR_CHECKPOINT_FOLDER_H
#define FLR_CHECKPOINT_FOLDER_H

#include "checkpoint/checkpoint.h"

/* "checkpoint-<step>.h5", in a sweep "checkpoint-sweep-<step>.h5". Pure. */
void flr_checkpoint_file_name(char name[FLR_CHECKPOINT_NAME], const flr_checkpoint_progress *progress);

/* Removes all but the `keep` newest. Errors: FLR_ERROR_IO. */
flr_status flr_checkpoint_prune(const char *folder, int keep);

#endif
