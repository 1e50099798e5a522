/* One training step: forward and backward over this rank's shards, gradients summed while backward runs, update, report. */
#ifndef FLR_TRAIN_STEP_H
#define FLR_TRAIN_STEP_H

#include "train/session.h"

/* Begins the step that `directive` describes on `batch`; `local` is what fetching the batch met: when it failed (batch is not
   looked at) the rank still takes part, with no samples, and says so in the report. On host backends the step is done when this
   returns, on devices it is under way; at most flr_step_depth steps may be. with_norm: the gradient's norm is wanted. A failure
   that the other ranks do not share sets session->broken. No allocation. Collective. */
flr_status flr_step_begin(flr_session *session, const flr_directive *directive, const flr_batch *batch, flr_status local,
                          int with_norm);

/* Ends the oldest step begun: *report is the sum over all ranks, *grad_norm the norm of the summed gradient (NAN when it was
   not wanted and costs something). Returns a failure only when all ranks do the same (flr_comm_agree), or sets session->broken.
   Collective. */
flr_status flr_step_finish(flr_session *session, flr_report *report, double *grad_norm);

/* How many steps may be under way: 1 or 2. */
int flr_step_depth(const flr_session *session);

/* Waits until the memory of the batch begun last may be reused; flr_step_abandon: until nothing is under way, whatever broke.
 */
flr_status flr_step_release(flr_session *session);
void flr_step_abandon(flr_session *session);

/* Samples first .. first + count - 1 of this rank's part of a batch, and their labels [count], as the backend sees them: where
   the loader has them, or copies in session->samples and session->labels. Not collective. */
flr_status flr_step_inputs(flr_session *session, const flr_batch *batch, int64_t first, int64_t count, const void **samples,
                           const int32_t **labels);

#endif
