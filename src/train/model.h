/* The model of a session: its structure, what of it is frozen, its starting values. */
#ifndef FLR_TRAIN_MODEL_H
#define FLR_TRAIN_MODEL_H

#include "checkpoint/weights.h"
#include "train/session.h"

/* Looks whether the session's data are those that the checkpoint (of eval) is for. Errors: FLR_ERROR_DATA saying what differs.
   Not collective. */
flr_status flr_session_check_checkpoint(flr_session *session, const char *checkpoint);

/* Builds the model of --model for the session's data, with the head of --head, else that of `checkpoint` (NULL: none), else the
   one that goes with --init-weights; freezes what --freeze and --freeze-to say. Errors: FLR_ERROR_USAGE; those of reading a
   weights file. Not collective, the same on every rank. */
flr_status flr_session_create_model(flr_session *session, const char *checkpoint);

/* Starting values into the session's state: by seed, then from `checkpoint` or --init-weights where there is one, which *info
   then is of (the caller clears it). Errors: those of flr_weights_load. Not collective. */
flr_status flr_session_load_values(flr_session *session, const char *checkpoint, flr_weights_info *info);

#endif
