/* The lines of metrics.jsonl: each event's fields in one place. Rank 0; a session without a run log writes nothing.
   Errors of all: FLR_ERROR_IO. Not collective. */
#ifndef FLR_TRAIN_METRICS_H
#define FLR_TRAIN_METRICS_H

#include "checkpoint/checkpoint.h"
#include "train/evaluate.h"
#include "train/session.h"
#include "train/train_clock.h"

/* What runs where on what, as the first line of each part of a run. */
flr_status flr_metrics_start(flr_session *session);
/* Points of the sweep under way that the log does not have yet. The curve of several sweeps is known at their end only. */
flr_status flr_metrics_points(flr_session *session);
/* The points of the session's findings that are not there yet, then the suggestions and the pick. */
flr_status flr_metrics_sweep(flr_session *session, const char *picked, double picked_lr);
flr_status flr_metrics_step(flr_session *session, const flr_directive *directive, const flr_report *report, double grad_norm);

/* A phase of fine-tune begins with this step: "frozen" or "unfrozen". */
flr_status flr_metrics_phase(flr_session *session, const char *phase, int64_t step);

/* One epoch's summary. valid: NULL without a validation split. */
typedef struct flr_epoch_summary {
  int64_t epoch; /* from 0 */
  double train_loss;
  const flr_eval_totals *valid;
  double seconds, samples_per_second;
  double exposed_seconds; /* of `seconds`, in which rank 0 waited for sums over ranks; NAN: not known */
  double stall_seconds;   /* and for the loader */
} flr_epoch_summary;
flr_status flr_metrics_epoch(flr_session *session, const flr_epoch_summary *summary);

/* A checkpoint was written. */
flr_status flr_metrics_checkpoint(flr_session *session, const flr_checkpoint_written *written);
/* The run goes on from `file`, whose next step is `step`. changes: JSON object of options that --reschedule changed, NULL:
 * none. */
flr_status flr_metrics_resume(flr_session *session, const char *file, int64_t step, const char *changes);
/* The loss was not finite: the run went back to `step` of `file`, and goes on with rates multiplied by lr_factor. */
flr_status flr_metrics_rollback(flr_session *session, const char *file, int64_t step, double lr_factor);

/* reason: "done", "nonfinite", .. cost: of training in all parts of the run so far; NULL: there was none. */
flr_status flr_metrics_end(flr_session *session, const char *reason, int exit_code, const flr_train_cost *cost);

#endif
