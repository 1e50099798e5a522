/* The names of checkpoints in a run directory. */
#ifndef FLR_CHECKPOINT_FOLDER_H
#define FLR_CHECKPOINT_FOLDER_H

#include "checkpoint/checkpoint.h"

typedef struct flr_generation {
  char name[FLR_CHECKPOINT_NAME];
  flr_checkpoint_phase phase;
  int64_t step;
} flr_generation;

void flr_checkpoint_file_name(char name[FLR_CHECKPOINT_NAME], const flr_checkpoint_progress *progress);

/* By name alone: training before sweep, later steps first. *out is owned by the caller; a folder that is not there has none. */
flr_status flr_checkpoint_list(flr_generation **out, int64_t *count, const char *folder);

/* Removes all but the `keep` newest. */
flr_status flr_checkpoint_prune(const char *folder, int keep);

#endif
