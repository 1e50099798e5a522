/* Sweep, restore, suggest. */
#include "train/lr_find.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "train/metrics.h"
#include "train/resume.h"
#include "train/run_dir.h"
#include "train/sweep.h"

/* The curve of each decay, and what the rules read off it. */
static flr_status find(flr_session *s) {
  const int count = s->decays.count > 0 ? s->decays.count : 1;
  flr_suggest_options options = flr_suggest_options_defaults();
  options.trim_start = s->config->trim_start;
  options.trim_end = s->config->trim_end;
  options.asked = s->config->sweep_iters;
  FLR_TRY(flr_alloc(&s->all_findings, count, sizeof *s->all_findings));
  s->findings = s->all_findings;
  for (int d = 0; d < count; d++)
    FLR_TRY(flr_sweep_findings_init(&s->all_findings[d], flr_session_sweeps_of(s, d), (int)s->config->sweep_repeats, &options));
  return FLR_OK;
}

/* The decay that --wd names, else the one the rule takes. */
static int choose_decay(flr_session *s) {
  const int chosen = flr_decay_choose(s->decay_rows, s->decays.wd, s->all_findings, s->decays.count);
  for (int d = 0; d < s->decays.count; d++)
    if (s->decays.wd[d] >= s->config->weight_decay && s->decays.wd[d] <= s->config->weight_decay) return d;
  return chosen;
}

/* The optimizer gets the decay that was taken. Logarithms differ in the last bit between kinds of machines: rank 0's
 * suggestions are everyone's. */
static flr_status share(flr_session *s) {
  int64_t chosen = s->decays.count > 0 ? choose_decay(s) : 0;
  for (int d = 0; d < s->decays.count || d == 0; d++) {
    flr_sweep_findings *f = &s->all_findings[d];
    FLR_TRY(flr_comm_broadcast(s->comm, f->suggestions, sizeof f->suggestions, 0));
    if (f->own) FLR_TRY(flr_comm_broadcast(s->comm, f->own, (size_t)f->curve.repeats * sizeof f->suggestions, 0));
  }
  FLR_TRY(flr_comm_broadcast(s->comm, &chosen, sizeof chosen, 0));
  s->findings = &s->all_findings[chosen];
  if (s->decays.count == 0) return FLR_OK;
  return flr_comm_agree(s->comm, flr_optimizer_set_wd(s->state.optimizer, s->state.layout, s->decays.wd[chosen]));
}

flr_status flr_lr_find_check(const flr_session *s) {
  flr_sweep_options options;
  flr_sweep sweep;
  flr_suggest_kind picked;
  FLR_TRY(flr_lr_find_pick(s, &picked));
  FLR_TRY(flr_sweep_plan(s, &options));
  FLR_TRY(flr_sweep_init(&sweep, &options));
  flr_sweep_clear(&sweep);
  return FLR_OK;
}

static flr_status run(flr_session *s) {
  FLR_TRY(flr_sweep_run_all(s));
  FLR_TRY(flr_comm_agree(s->comm, find(s)));
  return share(s);
}

flr_status flr_lr_find_pick(const flr_session *s, flr_suggest_kind *out) {
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    *out = (flr_suggest_kind)kind;
    if (strcmp(s->config->pick, flr_suggest_name(*out)) == 0) return FLR_OK;
  }
  return flr_fail(FLR_ERROR_USAGE, "--pick: %s is not allowed: valley, steepest, minimum, slide or consensus", s->config->pick);
}

/* How the sweeps ended. */
static void tell_end(const flr_session *s) {
  const flr_sweep_curve *curve = &s->findings->curve;
  const flr_sweep *sweeps = flr_session_taken_sweeps(s);
  const char *verdict = flr_sweep_verdict_text(curve->verdict);
  int64_t least = sweeps[0].count, most = least;
  for (int r = 1; r < curve->repeats; r++) {
    least = sweeps[r].count < least ? sweeps[r].count : least;
    most = sweeps[r].count > most ? sweeps[r].count : most;
  }
  if (curve->repeats == 1)
    flr_log_write(s->log, FLR_LOG_INFO, "sweep %s after %lld points", verdict, (long long)curve->n);
  else
    flr_log_write(s->log, FLR_LOG_INFO, "median of %d sweeps: %s after %lld points (the sweeps after %lld to %lld)",
                  curve->repeats, verdict, (long long)curve->n, (long long)least, (long long)most);
}

/* A line for each decay. */
static void tell_decays(const flr_session *s, flr_suggest_kind picked) {
  if (s->decays.count == 0) return;
  flr_log_write(s->log, FLR_LOG_INFO, "  weight decay   least loss   at rate   highest rate   %s", flr_suggest_name(picked));
  for (int d = 0; d < s->decays.count; d++) {
    const flr_decay_row *row = &s->decay_rows[d];
    const char *taken = d != flr_session_decay(s)           ? ""
                        : isfinite(s->config->weight_decay) ? "  <- taken (--wd)"
                                                            : "  <- taken: the largest that allows a low loss and a high rate";
    flr_log_write(s->log, FLR_LOG_INFO, "  %12g   %10.4f   %7.3g   %12.3g   %9.3g%s", s->decays.wd[d], row->least_loss,
                  row->least_lr, row->highest_lr, s->all_findings[d].suggestions[picked].lr, taken);
  }
}

/* Names another rule that gave a rate, if one did. */
static void add_other(const flr_session *s, char words[FLR_SUGGEST_WORDS], flr_suggest_kind picked) {
  const flr_suggest_kind other = flr_suggest_other(s->findings->suggestions, picked);
  const size_t used = strlen(words);
  if (other == FLR_SUGGEST_COUNT) return;
  (void)snprintf(words + used, FLR_SUGGEST_WORDS - used, "; --pick %s would give %.3g", flr_suggest_name(other),
                 s->findings->suggestions[other].lr);
}

static void tell(const flr_session *s, flr_suggest_kind picked) {
  tell_decays(s, picked);
  tell_end(s);
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    const flr_suggestion *suggestion = &s->findings->suggestions[kind];
    const char *name = flr_suggest_name((flr_suggest_kind)kind), *mark = kind == (int)picked ? "  <- picked" : "";
    char words[FLR_SUGGEST_WORDS], said[FLR_SUGGEST_WORDS + 4] = "";
    flr_suggest_words(words, sizeof words, suggestion, s->findings->curve.repeats);
    if (kind == (int)picked) add_other(s, words, picked);
    if (words[0]) (void)snprintf(said, sizeof said, "  (%s)", words);
    if (suggestion->status == FLR_SUGGEST_OK)
      flr_log_write(s->log, FLR_LOG_INFO, "  %-9s %.3g%s%s", name, suggestion->lr, mark, said);
    else
      flr_log_write(s->log, FLR_LOG_INFO, "  %-9s none: %s%s%s", name, flr_suggest_status_text(suggestion->status), mark, said);
  }
}

flr_status flr_lr_find_report(flr_session *s, double *lr) {
  flr_suggest_kind picked;
  FLR_TRY(flr_lr_find_pick(s, &picked));
  FLR_TRY(run(s));
  *lr = s->findings->suggestions[picked].lr;
  tell(s, picked);
  FLR_TRY(flr_comm_agree(s->comm, flr_metrics_sweep(s, flr_suggest_name(picked), *lr)));
  return flr_run_dir_write_sweep(s, flr_suggest_name(picked), *lr);
}

static void copy_suggestions(flr_sweep_suggestion to[FLR_SWEEP_SUGGESTIONS], const flr_suggestion *from) {
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++)
    to[kind] = (flr_sweep_suggestion){.name = flr_suggest_name((flr_suggest_kind)kind),
                                      .status = flr_suggest_status_text(from[kind].status),
                                      .lr = from[kind].lr,
                                      .spread = flr_suggest_error_bar(&from[kind]),
                                      .low = from[kind].low,
                                      .high = from[kind].high,
                                      .repeats = from[kind].repeats};
}

flr_status flr_session_find(flr_session *s, flr_sweep_result *out) {
  double lr;
  flr_suggest_kind picked;
  if (flr_resume_is_in(s->resume, FLR_CHECKPOINT_TRAIN))
    return flr_fail(FLR_ERROR_USAGE, "find --resume: %s is of training, which the sweep is over for: use fit --resume",
                    s->resume->name);
  flr_session_beat(s, "sweep", 0);
  FLR_TRY(flr_lr_find_report(s, &lr));
  const flr_sweep_curve *curve = &s->findings->curve;
  *out = (flr_sweep_result){.points = curve->n,
                            .lr = curve->lr,
                            .loss = curve->loss,
                            .smooth = curve->smooth,
                            .verdict = flr_sweep_verdict_text(curve->verdict),
                            .picked = s->config->pick,
                            .picked_lr = lr,
                            .other = -1,
                            .repeats = curve->repeats,
                            .decays = s->decays.count};
  copy_suggestions(out->suggestions, s->findings->suggestions);
  FLR_TRY(flr_lr_find_pick(s, &picked));
  const flr_suggest_kind other = flr_suggest_other(s->findings->suggestions, picked);
  if (other != FLR_SUGGEST_COUNT) out->other = (int)other;
  if (curve->repeats > 1) {
    out->low = curve->low;
    out->high = curve->high;
    out->smooth_low = curve->smooth_low;
    out->smooth_high = curve->smooth_high;
  }
  return flr_metrics_end(s, "done", 0, NULL);
}

flr_status flr_session_sweep_repeat(const flr_session *s, int repeat, flr_sweep_repeat *out) {
  const flr_sweep_findings *f = s->findings;
  if (!f || repeat < 0 || repeat >= f->curve.repeats)
    return flr_fail(FLR_ERROR_USAGE, "repeat %d of a sweep is out of range: there are %d", repeat, f ? f->curve.repeats : 0);
  const flr_sweep *sweep = &flr_session_taken_sweeps(s)[repeat];
  *out = (flr_sweep_repeat){.points = sweep->count, .verdict = flr_sweep_verdict_text(sweep->verdict)};
  copy_suggestions(out->suggestions, f->own ? f->own + repeat * FLR_SUGGEST_COUNT : f->suggestions);
  return FLR_OK;
}

double flr_session_sweep_loss(const flr_session *s, int repeat, int64_t point) {
  const flr_sweep *sweep = &flr_session_taken_sweeps(s)[repeat];
  return point < sweep->count ? sweep->points[point].loss : NAN;
}

flr_status flr_session_sweep_decay(const flr_session *s, int place, flr_sweep_decay *out) {
  if (!s->findings || place < 0 || place >= s->decays.count)
    return flr_fail(FLR_ERROR_USAGE, "weight decay %d of a sweep is out of range: there are %d", place, s->decays.count);
  const flr_sweep_curve *curve = &s->all_findings[place].curve;
  *out = (flr_sweep_decay){.wd = s->decays.wd[place],
                           .taken = place == flr_session_decay(s),
                           .points = curve->n,
                           .lr = curve->lr,
                           .loss = curve->loss,
                           .smooth = curve->smooth,
                           .verdict = flr_sweep_verdict_text(curve->verdict),
                           .least_loss = s->decay_rows[place].least_loss,
                           .least_lr = s->decay_rows[place].least_lr,
                           .highest_lr = s->decay_rows[place].highest_lr};
  copy_suggestions(out->suggestions, s->all_findings[place].suggestions);
  return FLR_OK;
}
