/* Directive, step, report; the directive of the next step travels while this one computes. */
#include "train/phase.h"

#include <math.h>

#include "train/step.h"

typedef struct channel {
  flr_directive slots[2]; /* of even and odd steps */
  flr_comm_request request;
} channel;

static flr_status begin_directive(flr_session *s, const flr_phase *phase, channel *c, int64_t step) {
  flr_directive *slot = &c->slots[step & 1];
  if (s->comm->rank == 0) *slot = flr_conductor_direct(phase->conductor, step);
  return flr_comm_broadcast_begin(s->comm, FLR_LANE_CONTROL, slot, sizeof *slot, 0, &c->request);
}

static int wants_norm(const flr_session *s, const flr_phase *phase, int64_t step) {
  return s->comm->rank == 0 && phase->norm_every > 0 && step % phase->norm_every == 0;
}

static flr_status run_step(flr_session *s, const flr_phase *phase, const flr_directive *directive) {
  flr_batch batch;
  flr_report report = {0};
  double grad_norm = NAN;
  flr_session_beat(s, phase->name, directive->step);
  const flr_status fetched = flr_loader_next(phase->loader, &batch);
  const flr_status status =
      flr_step_run(s, directive, &batch, fetched, &report, wants_norm(s, phase, directive->step) ? &grad_norm : NULL);
  if (status != FLR_OK && report.failures == 0) s->broken = 1;
  FLR_TRY(status);
  if (s->comm->rank != 0) return FLR_OK;
  if (flr_conductor_report(phase->conductor, directive->step, &report) && phase->on_step)
    phase->on_step(phase->context, directive, &report, grad_norm);
  return FLR_OK;
}

flr_status flr_phase_run(flr_session *s, const flr_phase *phase, flr_stop_reason *reason) {
  channel c = {0};
  FLR_TRY(begin_directive(s, phase, &c, 0));
  for (int64_t step = 0;; step++) {
    const flr_directive *directive = &c.slots[step & 1];
    FLR_TRY(flr_comm_wait(s->comm, &c.request));
    if (directive->action == FLR_ACTION_STOP) {
      *reason = (flr_stop_reason)directive->reason;
      return FLR_OK;
    }
    FLR_TRY(begin_directive(s, phase, &c, step + 1));
    flr_status status = run_step(s, phase, directive);
    if (status == FLR_OK && directive->evaluate && phase->on_evaluate) status = phase->on_evaluate(phase->context, directive);
    if (status != FLR_OK) {
      if (!s->broken) (void)flr_comm_wait(s->comm, &c.request);
      return status;
    }
  }
}
