/* Where the rates come from, and the schedule that they make. */
#include "train/starting_rates.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/cadence.h"
#include "train/lr_find.h"
#include "train/metrics.h"
#include "train/policy_plan.h"
#include "train/resume.h"
#include "train/resume_config.h"
#include "train/run_dir.h"

/* given: lr holds the rates, of the sweep or the checkpoint; else it gets those of --lr. */
static flr_status schedule_of(const flr_session *s, double lr[FLR_MAX_GROUPS], int given, flr_schedule *out) {
  flr_schedule_options options;
  FLR_TRY(flr_policy_plan_options(&options, s->config, &s->plan.span, s->state.layout->groups));
  if (!given) FLR_TRY(flr_parse_group_rates(lr, options.groups, s->config->lr, "--lr"));
  memcpy(options.max_lr, lr, (size_t)options.groups * sizeof *lr);
  return flr_schedule_init(out, &options);
}

static int is_automatic(const flr_session *s) { return strcmp(s->config->lr, "auto") == 0; }

flr_status flr_starting_rates_check(const flr_session *s) {
  double lr[FLR_MAX_GROUPS];
  flr_cadence cadence;
  flr_schedule schedule;
  for (int group = 0; group < FLR_MAX_GROUPS; group++) lr[group] = 1;
  FLR_TRY(flr_cadence_parse(&cadence, s->config->checkpoint_every, "--checkpoint-every"));
  return schedule_of(s, lr, is_automatic(s), &schedule);
}

/* What to do where the rule that was asked for gave no rate. */
static void advise(char *out, size_t size, const flr_session *s) {
  flr_suggest_kind picked;
  if (flr_lr_find_pick(s, &picked) != FLR_OK) return;
  const flr_suggest_kind other = flr_suggest_other(s->findings->suggestions, picked);
  if (other == FLR_SUGGEST_COUNT)
    (void)snprintf(out, size, "look at the plot, then give --lr");
  else
    (void)snprintf(out, size, "look at the plot; --pick %s would give %.3g", flr_suggest_name(other),
                   s->findings->suggestions[other].lr);
}

/* The rate the sweep picks, or a refusal that says what each rule made of the curve. */
static flr_status automatic_rate(flr_session *s, double *lr) {
  FLR_TRY(flr_lr_find_report(s, lr));
  if (isfinite(*lr)) return FLR_OK;
  char text[256] = "", advice[96] = "";
  for (int kind = 0; kind < FLR_SUGGEST_COUNT; kind++) {
    const size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, "%s%s: %s", kind ? ", " : "", flr_suggest_name((flr_suggest_kind)kind),
                   flr_suggest_status_text(s->findings->suggestions[kind].status));
  }
  advise(advice, sizeof advice, s);
  FLR_TRY(flr_comm_agree(s->comm, flr_metrics_end(s, "diverged", FLR_ERROR_DIVERGED, NULL)));
  return flr_fail(FLR_ERROR_DIVERGED, "the sweep gave no usable rate for --pick %s (%s): %s", s->config->pick, text, advice);
}

/* The weight decay that the sweep took is the configuration's from now on: checkpoints keep it. */
static flr_status take_decay_local(flr_session *s) {
  const double wd = s->decays.wd[flr_session_decay(s)];
  char text[32];
  flr_config *config = &s->own_config;
  if (s->resume && s->config == &s->resume->config)
    config = &s->resume->config;
  else if (s->config != config)
    FLR_TRY(flr_resume_config_copy(config, s->config));
  s->config = config;
  return flr_config_set(config, "wd", flr_format_number(text, wd, "nan"));
}

static flr_status take_decay(flr_session *s) {
  if (s->decays.count == 0) return FLR_OK;
  FLR_TRY(flr_comm_agree(s->comm, take_decay_local(s)));
  return flr_run_dir_write_config(s);
}

/* The checkpoint's, the sweep's, or none yet (*given 0: --lr has them). */
static flr_status find_rates(flr_session *s, double lr[FLR_MAX_GROUPS], int *given) {
  const int groups = s->state.layout->groups;
  const int in_training = flr_resume_is_in(s->resume, FLR_CHECKPOINT_TRAIN);
  *given = is_automatic(s);
  if (*given && in_training) memcpy(lr, s->resume->file.lr, (size_t)groups * sizeof *lr);
  if (!*given || in_training) return FLR_OK;
  double picked;
  FLR_TRY(automatic_rate(s, &picked));
  FLR_TRY(take_decay(s));
  flr_sweep_rates_at(&s->sweeps->options, picked, lr);
  for (int group = 0; s->plan.span.frozen > 0 && group < groups; group++) lr[group] = picked; /* fine-tune's base rate */
  return FLR_OK;
}

flr_status flr_starting_rates_find(flr_session *s, double lr[FLR_MAX_GROUPS], flr_schedule *schedule, int *swept) {
  FLR_TRY(find_rates(s, lr, swept));
  return flr_comm_agree(s->comm, schedule_of(s, lr, *swept, schedule));
}
