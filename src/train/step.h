/* One training step: forward and backward over this rank's shards, gradients summed while backward runs, update, report. */
#ifndef FLR_TRAIN_STEP_H
#define FLR_TRAIN_STEP_H

#include "train/session.h"

/* Runs the step that `directive` describes on `batch`; `local` is what fetching the batch met: when it failed (batch is not
   looked at) the rank still takes part, with no samples, and says so in the report. *report is the sum over all ranks.
   *grad_norm, when not NULL, becomes the norm of the summed gradient. Returns a failure only when all ranks do the same
   (flr_comm_agree), or FLR_ERROR_PEER when communication itself broke. No allocation. Collective. */
flr_status flr_step_run(flr_session *session, const flr_directive *directive, const flr_batch *batch, flr_status local,
                        flr_report *report, double *grad_norm);

/* `bytes` of host data as the backend sees them: the pointer itself, or a copy in *space (allocated before). *out is the
 * pointer. */
flr_status flr_step_to_device(flr_session *session, const flr_buffer *space, const void *data, size_t bytes, const void **out);

#endif
