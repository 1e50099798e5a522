/* The range test on the session's model and data. */
#ifndef FLR_TRAIN_LR_FIND_H
#define FLR_TRAIN_LR_FIND_H

#include "train/session.h"

/* Whether the sweep's options suit the model. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_lr_find_check(const flr_session *session);

/* The suggestion --pick names; its kind. Errors: FLR_ERROR_USAGE. */
flr_status flr_lr_find_pick(const flr_session *session, flr_suggest_kind *out);

/* Runs the sweep and its repeats, puts the model back, fills session->sweeps and session->findings on every rank, and writes
   and shows all that comes of it; of several weight decays the optimizer has the one that was taken then. *lr is the picked
   rate, NAN when it could not be made. Errors: those of sweeping and of writing. Collective. */
flr_status flr_lr_find_report(flr_session *session, double *lr);

#endif
