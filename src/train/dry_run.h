/* --dry-run: what a run would take. */
#ifndef FLR_TRAIN_DRY_RUN_H
#define FLR_TRAIN_DRY_RUN_H

#include "train/session.h"

/* Writes the line that tells the steps and the memory of a rank with one shard, on rank 0. Not collective. */
void flr_dry_run_tell(const flr_session *session);

#endif
