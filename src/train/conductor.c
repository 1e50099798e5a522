/* Directives from a schedule or a sweep. */
#include "train/conductor.h"

#include <math.h>

double flr_report_loss(const flr_report *report) {
  const double finite = report->samples - report->nonfinite;
  return finite > 0 ? report->loss_sum / finite : NAN;
}

double flr_report_standard_error(const flr_report *report) {
  const double n = report->samples - report->nonfinite;
  if (n < 2) return NAN;
  const double mean = report->loss_sum / n;
  return sqrt(fmax(0, (report->loss_sq_sum / n - mean * mean) / (n - 1)));
}

flr_conductor flr_conductor_train(const flr_schedule *schedule, int64_t steps, int64_t steps_per_epoch) {
  return (flr_conductor){.schedule = schedule, .steps = steps, .steps_per_epoch = steps_per_epoch, .lr_factor = 1};
}

flr_conductor flr_conductor_sweep(flr_sweep *sweep) {
  return (flr_conductor){.sweep = sweep, .steps = sweep->options.iterations};
}

/* The last step is always worth keeping: a run resumed from there has nothing left to do. */
static int wants_save(const flr_conductor *c, int64_t step) {
  const int saves = c->saving.seconds > 0 || c->saving.steps > 0 || c->saving.epochs > 0;
  return c->save_wanted || flr_cadence_is_due(&c->saving, step, c->steps_per_epoch) ||
         (saves && !c->sweep && step + 1 == c->steps);
}

static flr_directive direct_end(const flr_conductor *c, int64_t step) {
  flr_stop_reason reason = FLR_REASON_DONE;
  if (c->stopped)
    reason = c->reason;
  else if (c->leaving && (c->more || step < c->steps))
    reason = c->leave_reason;
  return (flr_directive){.step = step, .action = FLR_ACTION_STOP, .reason = (int32_t)reason};
}

flr_directive flr_conductor_direct(flr_conductor *c, int64_t step) {
  if (c->stopped || c->leaving || step >= c->steps) return direct_end(c, step);
  flr_directive directive = {.step = step, .action = FLR_ACTION_STEP, .save = wants_save(c, step)};
  c->save_wanted = 0;
  if (c->sweep) {
    directive.rates = flr_sweep_rates(c->sweep, step);
    return directive;
  }
  directive.rates = flr_schedule_at(c->schedule, step);
  for (int group = 0; group < FLR_MAX_GROUPS; group++) directive.rates.lr[group] *= c->lr_factor;
  directive.evaluate = (step + 1) % c->steps_per_epoch == 0 || step + 1 == c->steps;
  return directive;
}

void flr_conductor_leave(flr_conductor *c, flr_stop_reason reason) {
  if (c->leaving) return;
  c->leaving = 1;
  c->leave_reason = reason;
}

static void stop(flr_conductor *conductor, flr_stop_reason reason) {
  conductor->stopped = 1;
  conductor->reason = reason;
}

int flr_conductor_report(flr_conductor *conductor, int64_t step, const flr_report *report) {
  (void)step;
  if (conductor->stopped) return 0;
  if (report->stop_requests > 0) flr_conductor_leave(conductor, FLR_REASON_SIGNAL);
  if (!conductor->sweep) {
    if (report->nonfinite > 0) stop(conductor, FLR_REASON_NONFINITE);
    return 1;
  }
  const double loss = report->nonfinite > 0 ? NAN : flr_report_loss(report);
  switch (flr_sweep_record(conductor->sweep, loss, flr_report_standard_error(report), (int64_t)report->samples,
                           (int64_t)report->nonfinite)) {
    case FLR_SWEEP_CONTINUE: break;
    case FLR_SWEEP_DIVERGED: stop(conductor, FLR_REASON_DIVERGED); break;
    case FLR_SWEEP_NONFINITE: stop(conductor, FLR_REASON_NONFINITE); break;
    case FLR_SWEEP_FINISHED:
    case FLR_SWEEP_INTERRUPTED: stop(conductor, FLR_REASON_DONE); break;
  }
  return 1;
}
