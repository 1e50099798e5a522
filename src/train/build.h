/* What of a session depends on which parameters train: sums of gradients, prepared operations, steps on devices. Made for what
   is frozen at the first step, and made anew where a fine-tune's other phase begins. */
#ifndef FLR_TRAIN_BUILD_H
#define FLR_TRAIN_BUILD_H

#include "train/session.h"

/* Freezes of the session's model what --freeze, --freeze-to or fine-tune say for the step that training begins with: the
   checkpoint's where it goes on from one. Nothing where nothing trains. Errors: FLR_ERROR_USAGE when nothing would be left to
   train. Not collective. */
flr_status flr_build_freeze(flr_session *session);

/* Makes what sums gradients, computes and queues steps, for the session's state and what is frozen; where nothing trains what
   computes alone. Collective. */
flr_status flr_build_create(flr_session *session);
/* Ends these. */
void flr_build_destroy(flr_session *session);

/* Makes the session ready to train from `step` on, between two steps: in another phase of a fine-tune than the one it is made
   for, all of this is made anew, gradients and the optimizer's ranges too (parameters and moments stay); at the first step of
   the second phase the moments are cleared. Collective. */
flr_status flr_build_enter(flr_session *session, int64_t step);

#endif
