/* Schedules by the configuration. */
#include "train/policy_plan.h"

#include <string.h>

#include "core/memory.h"
#include "train/config_table.h"

static int is_fine_tune(const flr_config *config) { return strcmp(config->policy, "fine-tune") == 0; }

flr_status flr_policy_plan_options(flr_schedule_options *out, const flr_config *config, const flr_policy_span *span,
                                   int groups) {
  *out = flr_schedule_options_defaults();
  out->policy = config->policy;
  out->total_steps = span->whole;
  out->frozen_steps = span->frozen;
  out->groups = groups;
  out->div_factor = config->div_factor;
  out->pct_start = config->pct_start;
  out->final_div = config->final_div;
  out->annihilate_pct = config->annihilate_pct;
  out->lr_mult = config->lr_mult;
  out->cycles = config->cycles;
  out->cycle_mult = config->cycle_mult;
  return flr_schedule_parse_moms(out->moms, config->moms);
}

/* As long as data and model have no say: they only add steps, rates and groups. */
static flr_status any_schedule(flr_schedule *out, const flr_config *config) {
  const int64_t many_steps = INT64_C(1) << 40;
  const flr_policy_span span = {.end = many_steps, .whole = many_steps, .frozen = is_fine_tune(config) ? many_steps / 2 : 0};
  flr_schedule_options options;
  FLR_TRY(flr_policy_plan_options(&options, config, &span, 2));
  options.max_lr[0] = options.max_lr[1] = 1;
  return flr_schedule_init(out, &options);
}

/* What the cycles come to: cycle_len * (1 + mult + mult^2 + ..). */
static flr_status cycle_epochs(int64_t *out, const flr_config *config) {
  flr_schedule schedule;
  int64_t length = config->cycle_len;
  *out = 0;
  FLR_TRY(any_schedule(&schedule, config));
  const int64_t cycles = schedule.options.cycles, mult = schedule.options.cycle_mult;
  for (int64_t cycle = 0; cycle < cycles; cycle++) {
    *out += length;
    if (flr_multiply(&length, length, mult) != FLR_OK || length > INT64_MAX / 4 || *out > INT64_MAX / 4)
      return flr_fail(FLR_ERROR_USAGE, "--cycles %lld with --cycle-mult %lld and --cycle-len %lld: too many epochs to count",
                      (long long)cycles, (long long)mult, (long long)config->cycle_len);
  }
  return FLR_OK;
}

static int is_given(const flr_config *config, const char *option) {
  const flr_option *row = flr_options_find(&flr_config_table, option);
  return flr_options_is_given(&flr_config_table, config, (int)(row - flr_config_table.options));
}

flr_status flr_policy_plan_epochs(int64_t *out, const flr_config *config) {
  *out = config->epochs;
  if (config->cycle_len < 1) return FLR_OK;
  if (strcmp(config->policy, "sgdr") != 0)
    return flr_fail(FLR_ERROR_USAGE, "--policy %s takes no --cycle-len: leave it out", config->policy);
  if (config->tot_epochs > 0)
    return flr_fail(FLR_ERROR_USAGE, "--cycle-len and --tot-epochs contradict each other: both say how long the schedule is");
  FLR_TRY(cycle_epochs(out, config));
  if (is_given(config, "epochs") && config->epochs != *out)
    return flr_fail(FLR_ERROR_USAGE, "--epochs: %lld, but the cycles of --cycle-len %lld come to %lld: leave one out",
                    (long long)config->epochs, (long long)config->cycle_len, (long long)*out);
  return FLR_OK;
}

/* In steps when `unit` is "steps". */
static flr_status check_span(const flr_config *config, int64_t first, int64_t end, int64_t whole, const char *unit) {
  if (first >= end)
    return flr_fail(FLR_ERROR_USAGE, "--start-epoch: %lld leaves nothing to train, as the run ends after %lld %s: lower it",
                    (long long)config->start_epoch, (long long)end, unit);
  if (end > whole)
    return flr_fail(FLR_ERROR_USAGE, "--tot-epochs: %lld end the schedule before the run's %lld %s: raise it or lower --%s",
                    (long long)config->tot_epochs, (long long)end, unit, unit);
  return FLR_OK;
}

static flr_status frozen_steps(int64_t *out, const flr_config *config, int64_t steps_per_epoch) {
  *out = 0;
  if (!is_fine_tune(config)) return FLR_OK;
  return flr_multiply(out, config->freeze_epochs > 0 ? config->freeze_epochs : 1, steps_per_epoch);
}

flr_status flr_policy_plan_span(flr_policy_span *out, const flr_config *config, int64_t steps_per_epoch) {
  int64_t epochs;
  FLR_TRY(flr_policy_plan_epochs(&epochs, config));
  FLR_TRY(frozen_steps(&out->frozen, config, steps_per_epoch));
  FLR_TRY(flr_multiply(&out->first, config->start_epoch, steps_per_epoch));
  if (config->steps > 0)
    out->end = config->steps;
  else
    FLR_TRY(flr_multiply(&out->end, epochs, steps_per_epoch));
  if (out->end > INT64_MAX - out->frozen)
    return flr_fail(FLR_ERROR_USAGE, "--freeze-epochs: %lld and what follows are too many steps to count: lower it",
                    (long long)config->freeze_epochs);
  out->end += out->frozen;
  out->whole = out->end;
  if (config->tot_epochs > 0) FLR_TRY(flr_multiply(&out->whole, config->tot_epochs, steps_per_epoch));
  return check_span(config, out->first, out->end, out->whole, "steps");
}

/* What the two phases settle themselves. */
static flr_status check_fine_tune(const flr_config *config) {
  if (!is_fine_tune(config)) {
    if (config->freeze_epochs < 0) return FLR_OK;
    return flr_fail(FLR_ERROR_USAGE, "--policy %s takes no --freeze-epochs: leave it out", config->policy);
  }
  if (config->freeze || config->freeze_to > 0)
    return flr_fail(
        FLR_ERROR_USAGE,
        "--policy fine-tune and --%s contradict each other: it freezes all groups but the last for --freeze-epochs, "
        "then none",
        config->freeze ? "freeze" : "freeze-to");
  if (strpbrk(config->lr, ":,"))
    return flr_fail(FLR_ERROR_USAGE,
                    "--lr: %.80s: --policy fine-tune makes the rates of layer groups itself: give one rate, and --lr-mult",
                    config->lr);
  if (config->tot_epochs < 1 && config->start_epoch < 1) return FLR_OK;
  return flr_fail(FLR_ERROR_USAGE, "--policy fine-tune takes no --%s: leave it out (--resume goes on where a run was stopped)",
                  config->tot_epochs > 0 ? "tot-epochs" : "start-epoch");
}

flr_status flr_policy_plan_check(const flr_config *config) {
  flr_schedule schedule;
  int64_t epochs;
  FLR_TRY(check_fine_tune(config));
  FLR_TRY(any_schedule(&schedule, config));
  FLR_TRY(flr_policy_plan_epochs(&epochs, config));
  if (config->steps > 0) return FLR_OK; /* (instead of epochs) */
  return check_span(config, config->start_epoch, epochs, config->tot_epochs > 0 ? config->tot_epochs : epochs, "epochs");
}
