/* Training by a schedule: the sweep first when the rate is automatic, an evaluation after each epoch, final.h5 at the end. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "train/evaluate.h"
#include "train/lr_find.h"
#include "train/metrics.h"
#include "train/phase.h"
#include "train/run_dir.h"

/* What a run of training keeps for its callbacks. */
typedef struct training {
  flr_session *session;
  double began, epoch_began;    /* seconds */
  double loss_sum, samples;     /* of the epoch under way */
  double smooth, smooth_weight; /* for people */
  int64_t epoch_samples, total_samples;
  flr_status log_status; /* the first failure of writing the run log */
  flr_fit_result *result;
} training;

static void show_progress(training *t, const flr_directive *directive) {
  const flr_session *s = t->session;
  const flr_progress_state state = {.phase = "train",
                                    .step = directive->step,
                                    .steps = s->plan.total_steps,
                                    .epoch = (double)(directive->step + 1) / (double)s->plan.steps_per_epoch,
                                    .epochs = (double)s->plan.total_steps / (double)s->plan.steps_per_epoch,
                                    .loss = t->smooth / t->smooth_weight,
                                    .metric = t->result->error_rate,
                                    .lr = directive->rates.lr[s->state.layout->groups - 1],
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
  if (directive->step % t->session->config->log_every != 0) return;
  const flr_status status = flr_metrics_step(t->session, directive, report, grad_norm);
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
                                     .samples_per_second = (double)t->epoch_samples / seconds};
  t->result->train_loss = summary.train_loss;
  t->epoch_began = flr_clock_seconds();
  t->loss_sum = t->samples = 0;
  t->epoch_samples = 0;
  if (s->comm->rank != 0) return FLR_OK;
  tell_epoch(t, &summary, (s->plan.total_steps + per_epoch - 1) / per_epoch);
  return flr_metrics_epoch(s, &summary);
}

static flr_status on_evaluate(void *context, const flr_directive *directive) {
  training *t = context;
  flr_session *s = t->session;
  flr_eval_totals valid;
  const double seconds = flr_clock_seconds() - t->epoch_began;
  const int has_valid = s->dataset->samples[FLR_SPLIT_VALID] > 0;
  if (has_valid) {
    FLR_TRY(flr_evaluate_split(s, FLR_SPLIT_VALID, 0, &valid));
    t->result->valid_loss = valid.loss;
    t->result->error_rate = valid.error_rate;
  }
  flr_status status = finish_epoch(t, directive, seconds, has_valid ? &valid : NULL);
  if (status == FLR_OK) status = t->log_status;
  return flr_comm_agree(s->comm, status);
}

static flr_status schedule_init(const flr_session *s, const double *automatic, flr_schedule *out) {
  const flr_config *config = s->config;
  flr_schedule_options options = flr_schedule_options_defaults();
  options.policy = config->policy;
  options.total_steps = s->plan.total_steps;
  options.groups = s->state.layout->groups;
  options.div_factor = config->div_factor;
  options.pct_start = config->pct_start;
  options.final_div = config->final_div;
  FLR_TRY(flr_schedule_parse_moms(options.moms, config->moms));
  if (automatic)
    for (int group = 0; group < options.groups; group++) options.max_lr[group] = *automatic;
  else
    FLR_TRY(flr_parse_group_rates(options.max_lr, options.groups, config->lr, "--lr"));
  return flr_schedule_init(out, &options);
}

flr_status flr_trainer_check(const flr_session *s) {
  const double any = 1;
  flr_schedule schedule;
  return schedule_init(s, strcmp(s->config->lr, "auto") == 0 ? &any : NULL, &schedule);
}

static flr_status train(flr_session *s, const flr_schedule *schedule, training *t, flr_stop_reason *reason) {
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  flr_loader *loader = NULL;
  FLR_TRY(flr_session_loader(&loader, s, FLR_SPLIT_TRAIN, &sampler, s->plan.total_steps));
  flr_conductor conductor = flr_conductor_train(schedule, s->plan.total_steps, s->plan.steps_per_epoch);
  const flr_phase phase = {.name = "train",
                           .conductor = &conductor,
                           .loader = loader,
                           .ahead = 1,
                           .norm_every = s->config->log_every,
                           .on_step = on_step,
                           .on_evaluate = on_evaluate,
                           .context = t};
  const flr_status status = flr_phase_run(s, &phase, reason);
  flr_log_write(s->log, FLR_LOG_VERBOSE, "loader stall %.3f s", flr_loader_stall_seconds(loader));
  flr_loader_destroy(loader);
  flr_progress_finish(s->progress);
  return status;
}

/* The rate the sweep picks, or a refusal that says what each rule made of the curve. */
static flr_status automatic_rate(flr_session *s, double *lr) {
  flr_suggestion suggestions[FLR_SUGGEST_COUNT];
  FLR_TRY(flr_lr_find_report(s, suggestions, lr));
  if (isfinite(*lr)) return FLR_OK;
  char text[256] = "";
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    const size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%s%s: %s", kind ? ", " : "", flr_suggest_name((flr_suggest_kind)kind),
                   flr_suggest_status_text(suggestions[kind].status));
  }
  FLR_TRY(flr_comm_agree(s->comm, flr_metrics_end(s, "diverged", FLR_ERROR_DIVERGED)));
  return flr_fail(FLR_ERROR_DIVERGED, "the sweep gave no usable rate for --pick %s (%s): look at the plot, then give --lr",
                  s->config->pick, text);
}

static flr_status finish_run(flr_session *s, training *t, flr_stop_reason reason) {
  if (reason != FLR_REASON_DONE) {
    FLR_TRY(flr_comm_agree(s->comm, flr_metrics_end(s, "nonfinite", FLR_ERROR_DIVERGED)));
    return flr_fail(FLR_ERROR_DIVERGED, "training diverged: the loss is not finite; lower --lr (nothing was overwritten)");
  }
  FLR_TRY(flr_run_dir_write_weights(s, "final.h5"));
  t->result->seconds = flr_clock_seconds() - t->began;
  t->result->steps = s->plan.total_steps;
  t->result->samples_per_second = (double)(s->plan.total_steps * s->plan.batch) / t->result->seconds;
  return flr_comm_agree(s->comm, flr_metrics_end(s, "done", 0));
}

flr_status flr_session_fit(flr_session *s, flr_fit_result *out) {
  flr_schedule schedule;
  double lr = NAN;
  const int automatic = strcmp(s->config->lr, "auto") == 0;
  *out = (flr_fit_result){.train_loss = NAN, .valid_loss = NAN, .error_rate = NAN};
  if (automatic) FLR_TRY(automatic_rate(s, &lr));
  FLR_TRY(flr_comm_agree(s->comm, schedule_init(s, automatic ? &lr : NULL, &schedule)));
  const double now = flr_clock_seconds();
  training t = {.session = s, .began = now, .epoch_began = now, .result = out};
  flr_stop_reason reason;
  FLR_TRY(train(s, &schedule, &t, &reason));
  return finish_run(s, &t, reason);
}
