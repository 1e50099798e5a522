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
  if (s->comm->rank == 0) {
    if (phase->consult) phase->consult(phase->context);
    *slot = flr_conductor_direct(phase->conductor, step);
  }
  return flr_comm_broadcast_begin(s->comm, FLR_LANE_CONTROL, slot, sizeof *slot, 0, &c->request);
}

static int wants_norm(const flr_session *s, const flr_phase *phase, int64_t step) {
  return s->comm->rank == 0 && phase->norm_every > 0 && step % phase->norm_every == 0;
}

/* Steps whose reports are still to come, oldest first. */
typedef struct backlog {
  flr_directive steps[2];
  int count;
} backlog;

static flr_status collect(flr_session *s, const flr_phase *phase, backlog *b, int keep) {
  while (b->count > keep) {
    const flr_directive directive = b->steps[0];
    flr_report report;
    double norm;
    b->steps[0] = b->steps[1];
    b->count--;
    FLR_TRY(flr_step_finish(s, &report, &norm));
    if (s->comm->rank == 0 && flr_conductor_report(phase->conductor, directive.step, &report) && phase->on_step)
      phase->on_step(phase->context, &directive, &report, wants_norm(s, phase, directive.step) ? norm : NAN);
  }
  return FLR_OK;
}

static flr_status next_batch(flr_session *s, const flr_phase *phase, flr_batch *batch) {
  FLR_TRY(flr_step_release(s));
  flr_session_storage(s, "reading", s->dataset->source);
  const flr_status status = flr_loader_next(phase->loader, batch);
  flr_session_storage_done(s);
  return status;
}

static flr_status run_step(flr_session *s, const flr_phase *phase, const flr_directive *directive, backlog *b) {
  flr_batch batch;
  flr_session_beat(s, phase->name, directive->step);
  const flr_status fetched = next_batch(s, phase, &batch);
  FLR_TRY(flr_step_begin(s, directive, &batch, fetched, wants_norm(s, phase, directive->step)));
  b->steps[b->count++] = *directive;
  const int keep = phase->ahead && !directive->evaluate && !directive->save ? flr_step_depth(s) - 1 : 0;
  FLR_TRY(collect(s, phase, b, keep));
  if (directive->evaluate && phase->on_evaluate) FLR_TRY(phase->on_evaluate(phase->context, directive));
  return directive->save && phase->on_save ? phase->on_save(phase->context, directive->step + 1) : FLR_OK;
}

/* The last reports came after the word to stop: rank 0 is asked again, knowing them. */
static flr_status agree_on_end(flr_session *s, const flr_phase *phase, const flr_directive *told, flr_phase_end *end) {
  int32_t last = told->reason;
  if (s->comm->rank == 0) last = flr_conductor_direct(phase->conductor, told->step).reason;
  FLR_TRY(flr_comm_broadcast(s->comm, &last, sizeof last, 0));
  *end = (flr_phase_end){.reason = (flr_stop_reason)last, .next = told->step};
  return FLR_OK;
}

static flr_status run_until_stop(flr_session *s, const flr_phase *phase, channel *c, flr_phase_end *end) {
  backlog b = {0};
  FLR_TRY(begin_directive(s, phase, c, phase->first));
  for (int64_t step = phase->first;; step++) {
    const flr_directive *directive = &c->slots[step & 1];
    FLR_TRY(flr_comm_wait(s->comm, &c->request));
    if (directive->action == FLR_ACTION_STOP) {
      FLR_TRY(collect(s, phase, &b, 0));
      return agree_on_end(s, phase, directive, end);
    }
    FLR_TRY(begin_directive(s, phase, c, step + 1));
    const flr_status status = run_step(s, phase, directive, &b);
    if (status == FLR_OK) continue;
    if (!s->broken) (void)flr_comm_wait(s->comm, &c->request);
    return status;
  }
}

flr_status flr_phase_run(flr_session *s, const flr_phase *phase, flr_phase_end *end) {
  channel c = {0};
  const flr_status status = run_until_stop(s, phase, &c, end);
  if (status != FLR_OK) flr_step_abandon(s);
  return status;
}
