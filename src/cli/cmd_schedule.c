/* schedule: rates and momentum, one row per step. Needs no ranks, no data, no backend. */
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "optim/schedule.h"
#include "report/run_log.h"
#include "train/policy_plan.h"

/* Which option wants to know how many steps an epoch has; NULL: none. */
static const char *wants_epochs(const flr_config *config) {
  if (config->tot_epochs > 0) return "tot-epochs";
  if (config->start_epoch > 0) return "start-epoch";
  return strcmp(config->policy, "fine-tune") == 0 ? "freeze-epochs" : NULL;
}

/* Which steps to show: all, or where epochs count those of a run whose --epochs make --steps. */
static flr_status find_span(const flr_config *config, flr_policy_span *out) {
  const char *option = wants_epochs(config);
  *out = (flr_policy_span){.end = config->steps, .whole = config->steps};
  if (!option) return FLR_OK;
  if (config->steps % config->epochs != 0)
    return flr_fail(FLR_ERROR_USAGE, "--%s: --steps %lld are no whole number for each of --epochs %lld", option,
                    (long long)config->steps, (long long)config->epochs);
  return flr_policy_plan_span(out, config, config->steps / config->epochs);
}

static flr_status make_schedule(const flr_config *config, flr_schedule *out, flr_policy_span *span) {
  flr_schedule_options options;
  if (config->steps < 1) return flr_fail(FLR_ERROR_USAGE, "--steps: schedule needs the number of steps");
  if (strcmp(config->lr, "auto") == 0) return flr_fail(FLR_ERROR_USAGE, "--lr: schedule needs a rate, it does not sweep");
  FLR_TRY(find_span(config, span));
  FLR_TRY(flr_policy_plan_options(&options, config, span, (int)config->groups));
  FLR_TRY(flr_parse_group_rates(options.max_lr, options.groups, config->lr, "--lr"));
  return flr_schedule_init(out, &options);
}

static void print_csv(const flr_schedule *schedule, const flr_policy_span *span, int groups) {
  char number[32];
  printf("step");
  for (int g = 0; g < groups; g++) printf(groups == 1 ? ",lr" : ",lr%d", g);
  puts(",momentum");
  for (int64_t step = span->first; step < span->end; step++) {
    const flr_rates rates = flr_schedule_at(schedule, step);
    printf("%lld", (long long)step);
    for (int g = 0; g < groups; g++) printf(",%s", flr_format_number(number, rates.lr[g], "nan"));
    printf(",%s\n", flr_format_number(number, rates.momentum, "nan"));
  }
}

static void print_json(const flr_schedule *schedule, const flr_policy_span *span, int groups) {
  cJSON *rows = cJSON_CreateArray();
  for (int64_t step = span->first; step < span->end; step++) {
    const flr_rates rates = flr_schedule_at(schedule, step);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "step", (double)step);
    if (groups == 1)
      flr_json_add_number(row, "lr", rates.lr[0]);
    else
      flr_json_add_numbers(row, "lr", rates.lr, groups);
    flr_json_add_number(row, "momentum", rates.momentum);
    cJSON_AddItemToArray(rows, row);
  }
  flr_json_print(rows);
}

flr_status flr_cmd_schedule(const flr_command_args *args) {
  flr_config config;
  flr_schedule schedule;
  flr_policy_span span;
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK) status = make_schedule(&config, &schedule, &span);
  if (status == FLR_OK && args->rank == 0) (config.json ? print_json : print_csv)(&schedule, &span, (int)config.groups);
  flr_config_clear(&config);
  return status;
}
