/* One sweep after another, the state put back behind each. */
#include "train/sweep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "train/metrics.h"
#include "train/phase.h"
#include "train/resume.h"
#include "train/saver.h"

enum { PART_BYTES = 48 };

flr_status flr_sweep_plan(const flr_session *s, flr_sweep_options *out) {
  const flr_config *config = s->config;
  const int groups = s->state.layout->groups;
  *out = flr_sweep_options_defaults();
  out->groups = groups;
  FLR_TRY(flr_parse_group_rates(out->start, groups, config->sweep_start, "--sweep-start"));
  FLR_TRY(flr_parse_group_rates(out->end, groups, config->sweep_end, "--sweep-end"));
  out->iterations = config->sweep_iters;
  out->beta = config->sweep_beta;
  out->stop_factor = config->sweep_stop;
  out->momentum = config->sweep_mom;
  out->linear = strcmp(config->sweep_mode, "linear") == 0;
  out->inclusive = config->sweep_inclusive;
  return FLR_OK;
}

/* What the phase's callbacks are given. */
typedef struct sweep_run {
  flr_session *session;
  flr_conductor conductor;
  int64_t offset;        /* where this sweep's first step lies among those of all sweeps */
  char part[PART_BYTES]; /* what people read of it, "" for a single sweep */
  flr_status log_status; /* the first failure of writing the run log */
} sweep_run;

static void show_progress(const sweep_run *run, const flr_directive *directive) {
  const flr_session *s = run->session;
  const flr_sweep *sweep = flr_session_sweep(s);
  const flr_sweep_point *point = &sweep->points[directive->step];
  const int64_t steps = sweep->options.iterations;
  const flr_progress_state state = {.phase = "sweep",
                                    .part = run->part,
                                    .step = directive->step,
                                    .steps = steps,
                                    .later = (s->sweep_count - s->sweep_at - 1) * steps,
                                    .loss = point->smooth,
                                    .metric = NAN,
                                    .lr = point->lr,
                                    .lr_first = directive->rates.lr[0],
                                    .groups = s->state.layout->groups,
                                    .samples = (directive->step + 1) * s->plan.batch};
  flr_progress_update(s->progress, &state);
}

static void on_step(void *context, const flr_directive *directive, const flr_report *report, double grad_norm) {
  sweep_run *run = context;
  (void)report;
  (void)grad_norm;
  show_progress(run, directive);
  const flr_status status = flr_metrics_points(run->session);
  if (run->log_status == FLR_OK) run->log_status = status;
}

static void consult(void *context) {
  sweep_run *run = context;
  flr_saver_consult(run->session->saver, &run->conductor);
}

static flr_save_point save_point(const sweep_run *run, int64_t next) {
  return (flr_save_point){.progress = {.phase = FLR_CHECKPOINT_SWEEP,
                                       .step = run->offset + next,
                                       .train_loss = NAN,
                                       .valid_loss = NAN,
                                       .error_rate = NAN,
                                       .best_metric = NAN,
                                       .lr_factor = 1},
                          .kinds = FLR_WRITE_GENERATION};
}

static flr_status on_save(void *context, int64_t next) {
  const sweep_run *run = context;
  const flr_save_point point = save_point(run, next);
  return flr_saver_save(run->session->saver, &point);
}

static flr_status run_steps(sweep_run *run, flr_loader *loader, int64_t first) {
  flr_session *s = run->session;
  const flr_phase phase = {.name = "sweep",
                           .conductor = &run->conductor,
                           .loader = loader,
                           .first = first,
                           .on_step = on_step,
                           .consult = consult,
                           .on_save = on_save,
                           .context = run};
  flr_phase_end end;
  FLR_TRY(flr_cadence_parse(&run->conductor.saving, s->config->checkpoint_every, "--checkpoint-every"));
  FLR_TRY(flr_phase_run(s, &phase, &end));
  FLR_TRY(flr_comm_agree(s->comm, run->log_status));
  if (end.reason != FLR_REASON_SIGNAL && end.reason != FLR_REASON_TIME) return FLR_OK;
  const flr_save_point point = save_point(run, end.next);
  return flr_saver_stop(s->saver, end.reason, &point);
}

/* "wd 0.01 repeat 2 of 3" */
static void name_part(char part[PART_BYTES], const flr_session *s) {
  const int64_t repeats = s->config->sweep_repeats, repeat = s->sweep_at % repeats;
  int used = 0;
  if (s->decays.count > 0) used = snprintf(part, PART_BYTES, "wd %g", s->decays.wd[s->sweep_at / repeats]);
  if (repeats > 1)
    (void)snprintf(part + used, PART_BYTES - (size_t)used, "%srepeat %lld of %lld", used ? "  " : "", (long long)repeat + 1,
                   (long long)repeats);
}

/* The weight decay of the sweep under way, where several are compared. */
static flr_status set_decay(flr_session *s) {
  if (s->decays.count == 0) return FLR_OK;
  const double wd = s->decays.wd[s->sweep_at / s->config->sweep_repeats];
  return flr_comm_agree(s->comm, flr_optimizer_set_wd(s->state.optimizer, s->state.layout, wd));
}

/* The sweep under way from its first missing point to its end. */
static flr_status run_one(flr_session *s) {
  flr_sweep *sweep = flr_session_sweep(s);
  const int64_t first = sweep->count, steps = sweep->options.iterations;
  if (sweep->verdict != FLR_SWEEP_CONTINUE || first >= steps) return FLR_OK;
  const int64_t own = s->sweep_at % s->config->sweep_repeats * steps; /* first step in the stream of samples */
  sweep_run run = {.session = s, .conductor = flr_conductor_sweep(sweep), .offset = s->sweep_at * steps};
  name_part(run.part, s);
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SWEEP);
  flr_loader *loader = NULL;
  FLR_TRY(flr_session_training_loader(&loader, s, &sampler, own + first, own + steps));
  const flr_status status = run_steps(&run, loader, first);
  flr_loader_destroy(loader);
  flr_progress_finish(s->progress);
  return status;
}

/* Rank 0 recorded the points; now every rank has them. */
static flr_status share(flr_session *s) {
  flr_sweep *sweep = flr_session_sweep(s);
  int64_t head[2] = {sweep->count, (int64_t)sweep->verdict};
  FLR_TRY(flr_comm_broadcast(s->comm, head, sizeof head, 0));
  sweep->count = head[0];
  sweep->verdict = (flr_sweep_verdict)head[1];
  return flr_comm_broadcast(s->comm, sweep->points, (size_t)sweep->count * sizeof *sweep->points, 0);
}

/* A sweep that was interrupted goes on with its own state and points; those before it are over. */
static flr_status run_all(flr_session *s, const flr_snapshot *start) {
  FLR_TRY(flr_saver_begin_sweep(s->saver));
  if (flr_resume_is_in(s->resume, FLR_CHECKPOINT_SWEEP)) {
    FLR_TRY(flr_resume_sweep(s));
    s->sweep_logged = s->log_goes_on ? s->sweeps[0].count : 0;
  }
  for (;; s->sweep_at++) {
    FLR_TRY(flr_saver_keep_sweeps(s->saver));
    FLR_TRY(set_decay(s));
    FLR_TRY(run_one(s));
    FLR_TRY(share(s));
    FLR_TRY(flr_comm_agree(s->comm, flr_snapshot_restore(start, &s->state)));
    if (s->sweep_at + 1 == s->sweep_count) return FLR_OK;
  }
}

static flr_status allocate(flr_session *s, const flr_sweep_options *options) {
  flr_sweep_forget(s);
  FLR_TRY(flr_decays_parse(&s->decays, s->config->sweep_wd));
  const int count = (int)s->config->sweep_repeats * (s->decays.count > 0 ? s->decays.count : 1);
  FLR_TRY(flr_alloc(&s->sweeps, count, sizeof *s->sweeps));
  s->sweep_count = count;
  for (int i = 0; i < count; i++) FLR_TRY(flr_sweep_init(&s->sweeps[i], options));
  return FLR_OK;
}

flr_status flr_sweep_run_all(flr_session *s) {
  flr_sweep_options options;
  flr_snapshot start = {0};
  FLR_TRY(flr_comm_agree(s->comm, flr_sweep_plan(s, &options)));
  FLR_TRY(flr_comm_agree(s->comm, allocate(s, &options)));
  flr_status status = flr_comm_agree(s->comm, flr_snapshot_take(&start, &s->state));
  if (status == FLR_OK) status = run_all(s, &start);
  flr_snapshot_clear(&start);
  return status;
}

void flr_sweep_forget(flr_session *s) {
  for (int i = 0; i < s->sweep_count; i++) flr_sweep_clear(&s->sweeps[i]);
  for (int d = 0; s->all_findings && (d < s->decays.count || d == 0); d++) flr_sweep_findings_clear(&s->all_findings[d]);
  flr_free(s->sweeps);
  flr_free(s->all_findings);
  s->sweeps = NULL;
  s->all_findings = NULL;
  s->findings = NULL;
  s->sweep_count = s->sweep_at = 0;
  s->sweep_logged = 0;
}
