/* The configuration of a run that goes on: the checkpoint's, and what may change. */
#ifndef FLR_TRAIN_RESUME_CONFIG_H
#define FLR_TRAIN_RESUME_CONFIG_H

#include "checkpoint/checkpoint.h"
#include "fastlr.h"

/* A copy of `asked`. The caller clears it, also after an error. */
flr_status flr_resume_config_copy(flr_config *out, const flr_config *asked);

/* The configuration `stored` (INI text) of the checkpoint `origin`, with the options that were given in `asked` where those may
   change or agree. Shards stay as `progress` has them, with --deterministic the threads too. With asked->reschedule other
   options are taken, and *changes becomes a JSON object {"name": [before, now], ..} (owned by the caller, NULL: none). Errors:
   FLR_ERROR_USAGE naming the option and both values. The caller clears *out, also after an error. Not collective. */
flr_status flr_resume_config_merge(flr_config *out, char **changes, const flr_config *asked, const char *stored,
                                   const flr_checkpoint_progress *progress, const char *origin);

#endif
