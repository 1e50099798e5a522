/* Training by a schedule: the sweep first when the rate is automatic, an evaluation after each epoch, final.h5 at the end. */
#include "fastlr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "train/build.h"
#include "train/evaluate.h"
#include "train/metrics.h"
#include "train/phase.h"
#include "train/resume.h"
#include "train/run_dir.h"
#include "train/run_plots.h"
#include "train/saver.h"
#include "train/session.h"
#include "train/starting_rates.h"
#include "train/train_clock.h"

enum { MOST_ROLLBACKS = 3 };
static const double rollback_factor = 0.5;

/* What a run of training keeps for its callbacks. */
typedef struct training {
  flr_session *session;
  const flr_schedule *schedule;
  const double *lr; /* [groups] what the schedule was made of */
  flr_conductor conductor;
  double began, epoch_began; /* seconds */
  flr_train_clock clock;
  double exposed_before;        /* what the session had waited for sums when the epoch began */
  double loss_sum, samples;     /* of the epoch under way */
  double smooth, smooth_weight; /* for people */
  int64_t epoch_samples, total_samples;
  flr_status log_status; /* the first failure of writing the run log */
  double best;           /* least error rate so far, NAN: none */
  int64_t best_step;
  int is_best; /* 1: the evaluation after the step under way gave it */
  int64_t rollbacks;
  double lr_factor;
  flr_fit_result *result;
} training;

/* What the phase of fine-tune that the step lies in is called; `other` where training has no phases. */
static const char *phase_name(const flr_session *s, int64_t step, const char *other) {
  if (s->plan.span.frozen == 0) return other;
  return step < s->plan.span.frozen ? "frozen" : "unfrozen";
}

/* 1: a phase of fine-tune begins with the step. */
static int begins_phase(const flr_session *s, int64_t step) {
  return s->plan.span.frozen > 0 && (step == 0 || step == s->plan.span.frozen);
}

/* What the run log says of a step. */
static flr_status log_step(flr_session *s, const flr_directive *directive, const flr_report *report, double grad_norm) {
  const int64_t step = directive->step;
  if (begins_phase(s, step)) FLR_TRY(flr_metrics_phase(s, phase_name(s, step, ""), step));
  return step % s->config->log_every == 0 ? flr_metrics_step(s, directive, report, grad_norm) : FLR_OK;
}

static void show_progress(training *t, const flr_directive *directive) {
  const flr_session *s = t->session;
  const flr_progress_state state = {.phase = phase_name(s, directive->step, "train"),
                                    .step = directive->step,
                                    .steps = s->plan.span.end,
                                    .epoch = (double)(directive->step + 1) / (double)s->plan.steps_per_epoch,
                                    .epochs = (double)s->plan.span.end / (double)s->plan.steps_per_epoch,
                                    .loss = t->smooth / t->smooth_weight,
                                    .metric = t->result->error_rate,
                                    .lr = directive->rates.lr[s->state.layout->groups - 1],
                                    .lr_first = directive->rates.lr[0],
                                    .groups = s->state.layout->groups,
                                    .momentum = directive->rates.momentum,
                                    .samples = t->total_samples};
  flr_progress_update(s->progress, &state);
}

static void on_step(void *context, const flr_directive *directive, const flr_report *report, double grad_norm) {
  training *t = context;
  const double keep = 0.98;
  t->loss_sum += report->loss_sum;
  t->samples += report->samples - report->nonfinite;
  t->epoch_samples += (int64_t)report->samples;
  t->total_samples += (int64_t)report->samples;
  if (report->nonfinite <= 0) {
    t->smooth = keep * t->smooth + (1 - keep) * flr_report_loss(report);
    t->smooth_weight = keep * t->smooth_weight + (1 - keep);
  }
  show_progress(t, directive);
  const flr_status status = log_step(t->session, directive, report, grad_norm);
  if (t->log_status == FLR_OK) t->log_status = status;
}

static void tell_epoch(const training *t, const flr_epoch_summary *e, int64_t epochs) {
  const flr_session *s = t->session;
  if (e->valid)
    flr_log_write(s->log, FLR_LOG_INFO, "epoch %lld/%lld  train loss %.4f  valid loss %.4f  error rate %.4f  %.0f samples/s",
                  (long long)e->epoch + 1, (long long)epochs, e->train_loss, e->valid->loss, e->valid->error_rate,
                  e->samples_per_second);
  else
    flr_log_write(s->log, FLR_LOG_INFO, "epoch %lld/%lld  train loss %.4f  %.0f samples/s", (long long)e->epoch + 1,
                  (long long)epochs, e->train_loss, e->samples_per_second);
}

/* Rank 0 knows the epoch's loss; the counters start anew on all. seconds: of its training. */
static flr_status finish_epoch(training *t, const flr_directive *directive, double seconds, const flr_eval_totals *valid) {
  flr_session *s = t->session;
  const int64_t per_epoch = s->plan.steps_per_epoch;
  const flr_epoch_summary summary = {.epoch = directive->step / per_epoch,
                                     .train_loss = t->samples > 0 ? t->loss_sum / t->samples : NAN,
                                     .valid = valid,
                                     .seconds = seconds,
                                     .samples_per_second = (double)t->epoch_samples / seconds,
                                     .exposed_seconds = s->device_step ? NAN : s->sum_seconds - t->exposed_before,
                                     .stall_seconds = flr_train_clock_epoch_stall(&t->clock)};
  t->result->train_loss = summary.train_loss;
  t->epoch_began = flr_clock_seconds();
  t->loss_sum = t->samples = 0;
  t->epoch_samples = 0;
  t->exposed_before = s->sum_seconds;
  flr_train_clock_begin_epoch(&t->clock, 0);
  if (s->comm->rank != 0) return FLR_OK;
  tell_epoch(t, &summary, (s->plan.span.end + per_epoch - 1) / per_epoch);
  FLR_TRY(flr_metrics_epoch(s, &summary));
  flr_run_plots_epoch(s, summary.epoch, directive->step + 1 == s->plan.span.end);
  t->epoch_began = flr_clock_seconds();
  return FLR_OK;
}

/* ---- checkpoints ---- */

static flr_save_point save_point(const training *t, int64_t next, int kinds) {
  const flr_train_cost cost = flr_train_clock_cost(&t->clock);
  return (flr_save_point){.progress = {.phase = FLR_CHECKPOINT_TRAIN,
                                       .step = next,
                                       .rollbacks = t->rollbacks,
                                       .epoch_loss_sum = t->loss_sum,
                                       .epoch_samples = t->samples,
                                       .epoch_seconds = flr_clock_seconds() - t->epoch_began,
                                       .epoch_stall_seconds = flr_train_clock_epoch_stall(&t->clock),
                                       .train_seconds = cost.seconds,
                                       .stall_seconds = cost.stall,
                                       .train_loss = t->result->train_loss,
                                       .valid_loss = t->result->valid_loss,
                                       .error_rate = t->result->error_rate,
                                       .best_metric = t->best,
                                       .best_step = t->best_step,
                                       .lr_factor = t->lr_factor},
                          .lr = t->lr,
                          .kinds = kinds};
}

/* The state after a loss that was not finite is kept by nobody. */
static flr_status save(training *t, int64_t next, int kinds) {
  const int diverged = t->session->comm->rank == 0 && t->conductor.stopped;
  const flr_save_point point = save_point(t, next, diverged ? 0 : kinds);
  t->is_best = 0;
  return flr_saver_save(t->session->saver, &point);
}

static flr_status on_save(void *context, int64_t next) {
  training *t = context;
  return save(t, next, FLR_WRITE_GENERATION | (t->is_best ? FLR_WRITE_BEST : 0));
}

static void consult(void *context) {
  training *t = context;
  flr_saver_consult(t->session->saver, &t->conductor);
}

/* Where a checkpoint left off. */
static void go_on_from(training *t, const flr_checkpoint_progress *p) {
  const double now = flr_clock_seconds();
  t->epoch_began = now - p->epoch_seconds;
  flr_train_clock_begin_epoch(&t->clock, p->epoch_stall_seconds);
  t->loss_sum = p->epoch_loss_sum;
  t->samples = p->epoch_samples;
  t->epoch_samples = (int64_t)p->epoch_samples;
  t->smooth = t->smooth_weight = 0;
  t->result->train_loss = p->train_loss;
  t->result->valid_loss = p->valid_loss;
  t->result->error_rate = p->error_rate;
  t->best = p->best_metric;
  t->best_step = p->best_step;
  t->rollbacks = p->rollbacks;
  t->lr_factor = p->lr_factor;
}

/* ---- evaluation ---- */

static void note_best(training *t, const flr_directive *directive, const flr_eval_totals *valid) {
  t->is_best = isfinite(valid->loss) && !(valid->error_rate >= t->best);
  if (!t->is_best) return;
  t->best = valid->error_rate;
  t->best_step = directive->step + 1;
}

static flr_status on_evaluate(void *context, const flr_directive *directive) {
  training *t = context;
  flr_session *s = t->session;
  flr_eval_totals valid;
  const double seconds = flr_clock_seconds() - t->epoch_began;
  const int has_valid = s->dataset->samples[FLR_SPLIT_VALID] > 0;
  flr_train_clock_pause(&t->clock);
  if (has_valid) {
    FLR_TRY(flr_evaluate_split(s, FLR_SPLIT_VALID, 0, &valid));
    t->result->valid_loss = valid.loss;
    t->result->error_rate = valid.error_rate;
    note_best(t, directive, &valid);
  }
  flr_status status = finish_epoch(t, directive, seconds, has_valid ? &valid : NULL);
  flr_train_clock_go_on(&t->clock);
  if (status == FLR_OK) status = t->log_status;
  FLR_TRY(flr_comm_agree(s->comm, status));
  return t->is_best && !directive->save ? save(t, directive->step + 1, FLR_WRITE_BEST) : FLR_OK;
}

/* ---- the run ---- */

/* What reading cost: the share of the time in which training waited for samples, and the process's memory at its peak. */
static void tell_loader(const flr_session *s, const flr_loader *loader, double seconds) {
  const double stall = flr_loader_stall_seconds(loader);
  struct rusage usage = {0};
  (void)getrusage(RUSAGE_SELF, &usage);
  flr_log_write(s->log, FLR_LOG_VERBOSE, "loader stall %.3f s (%.2f %% of %.3f s); peak memory of rank 0: %.1f MiB", stall,
                seconds > 0 ? 100 * stall / seconds : 0, seconds, (double)usage.ru_maxrss / 1024);
}

/* One go at training, from step `first` to the end of its phase, to a wish to stop, or to a loss that is not finite. */
static flr_status train(training *t, int64_t first, flr_phase_end *end) {
  flr_session *s = t->session;
  const flr_policy_span *span = &s->plan.span;
  const int64_t steps = first < span->frozen ? span->frozen : span->end;
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  flr_loader *loader = NULL;
  *end = (flr_phase_end){.reason = FLR_REASON_DONE, .next = first};
  if (first >= steps) return FLR_OK;
  FLR_TRY(flr_build_enter(s, first));
  FLR_TRY(flr_session_training_loader(&loader, s, &sampler, first, steps));
  t->exposed_before = s->sum_seconds;
  t->conductor = flr_conductor_train(t->schedule, steps, s->plan.steps_per_epoch);
  t->conductor.lr_factor = t->lr_factor;
  t->conductor.more = steps < span->end;
  const flr_phase phase = {.name = "train",
                           .conductor = &t->conductor,
                           .loader = loader,
                           .first = first,
                           .ahead = 1,
                           .norm_every = s->config->log_every,
                           .consult = consult,
                           .on_step = on_step,
                           .on_evaluate = on_evaluate,
                           .on_save = on_save,
                           .context = t};
  const double began = flr_clock_seconds();
  flr_train_clock_start(&t->clock, loader);
  flr_status status = flr_cadence_parse(&t->conductor.saving, s->config->checkpoint_every, "--checkpoint-every");
  if (status == FLR_OK) status = flr_phase_run(s, &phase, end);
  flr_train_clock_stop(&t->clock);
  tell_loader(s, loader, flr_clock_seconds() - began);
  flr_loader_destroy(loader);
  flr_progress_finish(s->progress);
  return status;
}

/* Back to the last checkpoint, on at a lower rate. */
static flr_status roll_back(training *t, int64_t *first) {
  flr_session *s = t->session;
  FLR_TRY(flr_saver_finish(s->saver));
  FLR_TRY(flr_resume_rollback(s));
  const flr_checkpoint_progress *p = &s->resume->file.progress;
  const int64_t rollbacks = t->rollbacks + 1; /* (the checkpoint may be older than the last rollback) */
  const double lr_factor = t->lr_factor * rollback_factor;
  go_on_from(t, p);
  t->rollbacks = rollbacks;
  t->lr_factor = lr_factor;
  *first = p->step;
  s->resume->found = 0;
  flr_log_write(s->log, FLR_LOG_WARNING,
                "the loss is not finite: back to step %lld (%s), on at %g of the rate (%lld of %d times)", (long long)p->step,
                s->resume->name, lr_factor, (long long)rollbacks, MOST_ROLLBACKS);
  return flr_comm_agree(s->comm, flr_metrics_rollback(s, s->resume->name, p->step, lr_factor));
}

static flr_status train_to_the_end(training *t, int64_t first, flr_phase_end *end) {
  const int may_roll_back = strcmp(t->session->config->on_nonfinite, "rollback") == 0;
  for (;;) {
    FLR_TRY(train(t, first, end));
    if (end->reason == FLR_REASON_DONE && end->next < t->session->plan.span.end) {
      first = end->next;
      continue;
    }
    if (end->reason != FLR_REASON_NONFINITE || !may_roll_back || t->rollbacks >= MOST_ROLLBACKS) return FLR_OK;
    const flr_status status = roll_back(t, &first);
    if (status == FLR_ERROR_DIVERGED) return FLR_OK; /* there is nothing to go back to: *end stays */
    FLR_TRY(status);
  }
}

static flr_status finish_run(training *t, const flr_phase_end *end, int64_t first) {
  const flr_train_cost cost = flr_train_clock_cost(&t->clock);
  flr_session *s = t->session;
  if (end->reason == FLR_REASON_SIGNAL || end->reason == FLR_REASON_TIME) {
    const flr_save_point point = save_point(t, end->next, FLR_WRITE_GENERATION);
    return flr_saver_stop(s->saver, end->reason, &point);
  }
  const flr_status written = flr_saver_finish(s->saver);
  if (end->reason != FLR_REASON_DONE) {
    flr_run_plots_end(s);
    FLR_TRY(flr_comm_agree(s->comm, flr_metrics_end(s, "nonfinite", FLR_ERROR_DIVERGED, &cost)));
    return flr_fail(FLR_ERROR_DIVERGED, "training diverged: the loss is not finite%s; lower --lr (nothing was overwritten)",
                    t->rollbacks > 0 ? ", also after going back at lower rates" : "");
  }
  if (written != FLR_OK) flr_log_write(s->log, FLR_LOG_WARNING, "no checkpoint was written: %s", flr_status_message());
  FLR_TRY(flr_run_dir_write_weights(s, "final.h5"));
  t->result->seconds = flr_clock_seconds() - t->began;
  t->result->train_seconds = cost.seconds;
  t->result->stall_seconds = cost.stall;
  t->result->steps = s->plan.span.end;
  t->result->first_step = first;
  t->result->samples_per_second = (double)((s->plan.span.end - first) * s->plan.batch) / t->result->seconds;
  flr_run_plots_end(s);
  return flr_comm_agree(s->comm, flr_metrics_end(s, "done", 0, &cost));
}

/* Where to begin; with a checkpoint at once after a sweep, which then need not be done again. */
static flr_status begin(training *t, int64_t *first, int swept) {
  flr_session *s = t->session;
  FLR_TRY(flr_saver_begin_training(s->saver));
  *first = s->plan.span.first;
  if (!flr_resume_is_in(s->resume, FLR_CHECKPOINT_TRAIN)) return swept ? save(t, *first, FLR_WRITE_GENERATION) : FLR_OK;
  *first = s->resume->file.progress.step;
  const flr_checkpoint_progress *p = &s->resume->file.progress;
  go_on_from(t, p);
  t->clock.past = (flr_train_cost){.seconds = p->train_seconds, .stall = p->stall_seconds};
  s->resume->found = 0;
  flr_log_write(s->log, FLR_LOG_INFO, "going on from %s: step %lld of %lld", s->resume->name, (long long)*first,
                (long long)s->plan.span.end);
  return FLR_OK;
}

flr_status flr_session_fit(flr_session *s, flr_fit_result *out) {
  flr_schedule schedule;
  flr_phase_end end;
  double lr[FLR_MAX_GROUPS];
  int swept;
  int64_t first;
  *out = (flr_fit_result){.train_loss = NAN, .valid_loss = NAN, .error_rate = NAN};
  FLR_TRY(flr_starting_rates_find(s, lr, &schedule, &swept));
  const double now = flr_clock_seconds();
  training t = {.session = s,
                .schedule = &schedule,
                .lr = lr,
                .began = now,
                .epoch_began = now,
                .best = NAN,
                .lr_factor = 1,
                .result = out};
  FLR_TRY(begin(&t, &first, swept));
  FLR_TRY(train_to_the_end(&t, first, &end));
  return finish_run(&t, &end, first);
}
