/* The range test on the session's model and data. */
#ifndef FLR_TRAIN_LR_FIND_H
#define FLR_TRAIN_LR_FIND_H

#include "train/session.h"

/* Whether the sweep's options suit the model. Errors: FLR_ERROR_USAGE. Not collective. */
flr_status flr_lr_find_check(const flr_session *session);

/* Runs the sweep, puts the model back, fills session->sweep and session->curve on every rank, and the suggestions. Collective.
 */
flr_status flr_lr_find_run(flr_session *session, flr_suggestion suggestions[FLR_SUGGEST_COUNT]);

/* The suggestion --pick names; its kind. Errors: FLR_ERROR_USAGE. */
flr_status flr_lr_find_pick(const flr_session *session, flr_suggest_kind *out);

/* Runs the sweep and writes and shows all that comes of it. *lr is the picked rate, NAN when it could not be made. Collective.
 */
flr_status flr_lr_find_report(flr_session *session, flr_suggestion suggestions[FLR_SUGGEST_COUNT], double *lr);

#endif
