/* Sweep, restore, suggest. */
#include "train/lr_find.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "train/metrics.h"
#include "train/phase.h"
#include "train/resume.h"
#include "train/run_dir.h"
#include "train/saver.h"

static flr_status sweep_options(const flr_session *s, flr_sweep_options *out) {
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
} sweep_run;

static void show_progress(void *context, const flr_directive *directive, const flr_report *report, double grad_norm) {
  const flr_session *s = ((sweep_run *)context)->session;
  (void)report;
  (void)grad_norm;
  const flr_sweep_point *point = &s->sweep.points[directive->step];
  const flr_progress_state state = {.phase = "sweep",
                                    .step = directive->step,
                                    .steps = s->sweep.options.iterations,
                                    .loss = point->smooth,
                                    .metric = NAN,
                                    .lr = point->lr,
                                    .lr_first = directive->rates.lr[0],
                                    .groups = s->state.layout->groups,
                                    .samples = (directive->step + 1) * s->plan.batch};
  flr_progress_update(s->progress, &state);
}

/* Rank 0 recorded the points; now every rank has them. */
static flr_status share_sweep(flr_session *s) {
  int64_t head[2] = {s->sweep.count, (int64_t)s->sweep.verdict};
  FLR_TRY(flr_comm_broadcast(s->comm, head, sizeof head, 0));
  s->sweep.count = head[0];
  s->sweep.verdict = (flr_sweep_verdict)head[1];
  return flr_comm_broadcast(s->comm, s->sweep.points, (size_t)s->sweep.count * sizeof *s->sweep.points, 0);
}

static void consult(void *context) {
  sweep_run *run = context;
  flr_saver_consult(run->session->saver, &run->conductor);
}

static flr_save_point save_point(int64_t next) {
  return (flr_save_point){.progress = {.phase = FLR_CHECKPOINT_SWEEP,
                                       .step = next,
                                       .train_loss = NAN,
                                       .valid_loss = NAN,
                                       .error_rate = NAN,
                                       .best_metric = NAN,
                                       .lr_factor = 1},
                          .kinds = FLR_WRITE_GENERATION};
}

static flr_status on_save(void *context, int64_t next) {
  const flr_save_point point = save_point(next);
  return flr_saver_save(((sweep_run *)context)->session->saver, &point);
}

static flr_status run_steps(flr_session *s, flr_loader *loader, int64_t first) {
  sweep_run run = {.session = s, .conductor = flr_conductor_sweep(&s->sweep)};
  const flr_phase phase = {.name = "sweep",
                           .conductor = &run.conductor,
                           .loader = loader,
                           .first = first,
                           .on_step = show_progress,
                           .consult = consult,
                           .on_save = on_save,
                           .context = &run};
  flr_phase_end end;
  FLR_TRY(flr_cadence_parse(&run.conductor.saving, s->config->checkpoint_every, "--checkpoint-every"));
  FLR_TRY(flr_phase_run(s, &phase, &end));
  if (end.reason != FLR_REASON_SIGNAL && end.reason != FLR_REASON_TIME) return FLR_OK;
  const flr_save_point point = save_point(end.next);
  return flr_saver_stop(s->saver, end.reason, &point);
}

/* A sweep that was interrupted goes on with its own state and points. */
static flr_status run_phase(flr_session *s) {
  int64_t first = 0;
  FLR_TRY(flr_saver_begin_sweep(s->saver));
  if (flr_resume_is_in(s->resume, FLR_CHECKPOINT_SWEEP)) {
    first = s->resume->file.progress.step;
    FLR_TRY(flr_resume_sweep(s));
  }
  if (s->sweep.verdict != FLR_SWEEP_CONTINUE || first >= s->sweep.options.iterations) return FLR_OK;
  const flr_sampler sampler = flr_session_sampler(s, FLR_SPLIT_TRAIN, FLR_STREAM_SWEEP);
  flr_loader *loader = NULL;
  FLR_TRY(flr_session_loader(&loader, s, FLR_SPLIT_TRAIN, &sampler, first, s->sweep.options.iterations));
  const flr_status status = run_steps(s, loader, first);
  flr_loader_destroy(loader);
  flr_progress_finish(s->progress);
  return status;
}

/* The curve as separate columns, and what the rules read off it. */
static flr_status suggest(flr_session *s, flr_suggestion suggestions[FLR_SUGGEST_COUNT]) {
  const int64_t n = s->sweep.count;
  double *scratch;
  flr_free(s->curve);
  flr_free(s->curve_samples);
  s->curve_samples = NULL;
  FLR_TRY(flr_alloc(&s->curve, 4 * n, sizeof(double)));
  FLR_TRY(flr_alloc(&s->curve_samples, n, sizeof(int64_t)));
  FLR_TRY(flr_alloc(&scratch, 2 * n, sizeof(double)));
  for (int64_t i = 0; i < n; i++) {
    s->curve[i] = s->sweep.points[i].lr;
    s->curve[n + i] = s->sweep.points[i].loss;
    s->curve[2 * n + i] = s->sweep.points[i].smooth;
    s->curve[3 * n + i] = s->sweep.points[i].se;
    s->curve_samples[i] = s->sweep.points[i].samples;
  }
  flr_suggest_options options = flr_suggest_options_defaults();
  options.trim_start = s->config->trim_start;
  options.trim_end = s->config->trim_end;
  options.asked = s->config->sweep_iters;
  const flr_suggest_curve curve = {
      .n = n, .lr = s->curve, .loss = s->curve + n, .smooth = s->curve + 2 * n, .se = s->curve + 3 * n};
  flr_suggest(suggestions, &curve, &options, scratch);
  flr_free(scratch);
  return FLR_OK;
}

flr_status flr_lr_find_check(const flr_session *s) {
  flr_sweep_options options;
  flr_sweep sweep;
  flr_suggest_kind picked;
  FLR_TRY(flr_lr_find_pick(s, &picked));
  FLR_TRY(sweep_options(s, &options));
  FLR_TRY(flr_sweep_init(&sweep, &options));
  flr_sweep_clear(&sweep);
  return FLR_OK;
}

flr_status flr_lr_find_run(flr_session *s, flr_suggestion suggestions[FLR_SUGGEST_COUNT]) {
  flr_sweep_options options;
  flr_snapshot snapshot = {0};
  flr_sweep_clear(&s->sweep);
  FLR_TRY(flr_comm_agree(s->comm, sweep_options(s, &options)));
  FLR_TRY(flr_comm_agree(s->comm, flr_sweep_init(&s->sweep, &options)));
  flr_status status;
  FLR_TRY_GOTO(status, flr_comm_agree(s->comm, flr_snapshot_take(&snapshot, &s->state)), done);
  FLR_TRY_GOTO(status, run_phase(s), done);
  FLR_TRY_GOTO(status, share_sweep(s), done);
  FLR_TRY_GOTO(status, flr_comm_agree(s->comm, flr_snapshot_restore(&snapshot, &s->state)), done);
  FLR_TRY_GOTO(status, flr_comm_agree(s->comm, suggest(s, suggestions)), done);
  /* Logarithms differ in the last bit between kinds of machines: rank 0's suggestions are everyone's. */
  status = flr_comm_broadcast(s->comm, suggestions, FLR_SUGGEST_COUNT * sizeof *suggestions, 0);
done:
  flr_snapshot_clear(&snapshot);
  return status;
}

flr_status flr_lr_find_pick(const flr_session *s, flr_suggest_kind *out) {
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    *out = (flr_suggest_kind)kind;
    if (strcmp(s->config->pick, flr_suggest_name(*out)) == 0) return FLR_OK;
  }
  return flr_fail(FLR_ERROR_USAGE, "--pick: %s is not allowed: valley, steepest, minimum, slide or consensus", s->config->pick);
}

static void tell(const flr_session *s, const flr_suggestion suggestions[FLR_SUGGEST_COUNT], flr_suggest_kind picked) {
  flr_log_write(s->log, FLR_LOG_INFO, "sweep %s after %lld points", flr_sweep_verdict_text(s->sweep.verdict),
                (long long)s->sweep.count);
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    const char *name = flr_suggest_name((flr_suggest_kind)kind), *mark = kind == (int)picked ? "  <- picked" : "";
    char words[FLR_SUGGEST_WORDS], said[FLR_SUGGEST_WORDS + 4] = "";
    flr_suggest_words(words, sizeof words, &suggestions[kind]);
    if (words[0]) (void)snprintf(said, sizeof said, "  (%s)", words);
    if (suggestions[kind].status == FLR_SUGGEST_OK)
      flr_log_write(s->log, FLR_LOG_INFO, "  %-9s %.3g%s%s", name, suggestions[kind].lr, mark, said);
    else
      flr_log_write(s->log, FLR_LOG_INFO, "  %-9s none: %s%s%s", name, flr_suggest_status_text(suggestions[kind].status), mark,
                    said);
  }
}

flr_status flr_lr_find_report(flr_session *s, flr_suggestion suggestions[FLR_SUGGEST_COUNT], double *lr) {
  flr_suggest_kind picked;
  FLR_TRY(flr_lr_find_pick(s, &picked));
  FLR_TRY(flr_lr_find_run(s, suggestions));
  *lr = suggestions[picked].status == FLR_SUGGEST_OK ? suggestions[picked].lr : NAN;
  tell(s, suggestions, picked);
  FLR_TRY(flr_comm_agree(s->comm, flr_metrics_sweep(s, suggestions, flr_suggest_name(picked), *lr)));
  return flr_run_dir_write_sweep(s, suggestions, flr_suggest_name(picked), *lr);
}

flr_status flr_session_find(flr_session *s, flr_sweep_result *out) {
  flr_suggestion suggestions[FLR_SUGGEST_COUNT];
  double lr;
  if (flr_resume_is_in(s->resume, FLR_CHECKPOINT_TRAIN))
    return flr_fail(FLR_ERROR_USAGE, "find --resume: %s is of training, which the sweep is over for: use fit --resume",
                    s->resume->name);
  flr_session_beat(s, "sweep", 0);
  FLR_TRY(flr_lr_find_report(s, suggestions, &lr));
  const int64_t n = s->sweep.count;
  *out = (flr_sweep_result){.points = n,
                            .lr = s->curve,
                            .loss = s->curve + n,
                            .smooth = s->curve + 2 * n,
                            .verdict = flr_sweep_verdict_text(s->sweep.verdict),
                            .picked = s->config->pick,
                            .picked_lr = lr};
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++)
    out->suggestions[kind] = (flr_sweep_suggestion){.name = flr_suggest_name((flr_suggest_kind)kind),
                                                    .status = flr_suggest_status_text(suggestions[kind].status),
                                                    .lr = suggestions[kind].lr,
                                                    .spread = suggestions[kind].spread};
  return flr_metrics_end(s, "done", 0);
}
