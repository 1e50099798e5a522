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
  return (flr_conductor){.schedule = schedule, .steps = steps, .steps_per_epoch = steps_per_epoch};
}

flr_conductor flr_conductor_sweep(flr_sweep *sweep) {
  return (flr_conductor){.sweep = sweep, .steps = sweep->options.iterations};
}

flr_directive flr_conductor_direct(const flr_conductor *conductor, int64_t step) {
  flr_directive directive = {.step = step, .action = FLR_ACTION_STEP};
  if (conductor->stopped || step >= conductor->steps) {
    directive.action = FLR_ACTION_STOP;
    directive.reason = conductor->stopped ? (int32_t)conductor->reason : (int32_t)FLR_REASON_DONE;
    return directive;
  }
  if (conductor->sweep) {
    directive.rates = flr_sweep_rates(conductor->sweep, step);
    return directive;
  }
  directive.rates = flr_schedule_at(conductor->schedule, step);
  directive.evaluate = (step + 1) % conductor->steps_per_epoch == 0 || step + 1 == conductor->steps;
  return directive;
}

static void stop(flr_conductor *conductor, flr_stop_reason reason) {
  conductor->stopped = 1;
  conductor->reason = reason;
}

int flr_conductor_report(flr_conductor *conductor, int64_t step, const flr_report *report) {
  (void)step;
  if (conductor->stopped) return 0;
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
