/* schedule: rates and momentum, one row per step. Needs no ranks, no data, no backend. */
#include <string.h>

#include "cli/command.h"
#include "cli/json.h"
#include "optim/schedule.h"
#include "report/run_log.h"

static flr_status make_schedule(const flr_config *config, flr_schedule *out) {
  flr_schedule_options options = flr_schedule_options_defaults();
  if (config->steps < 1) return flr_fail(FLR_ERROR_USAGE, "--steps: schedule needs the number of steps");
  if (strcmp(config->lr, "auto") == 0) return flr_fail(FLR_ERROR_USAGE, "--lr: schedule needs a rate, it does not sweep");
  options.policy = config->policy;
  options.total_steps = config->steps;
  options.groups = (int)config->groups;
  options.div_factor = config->div_factor;
  options.pct_start = config->pct_start;
  options.final_div = config->final_div;
  FLR_TRY(flr_parse_group_rates(options.max_lr, options.groups, config->lr, "--lr"));
  FLR_TRY(flr_schedule_parse_moms(options.moms, config->moms));
  return flr_schedule_init(out, &options);
}

static void print_csv(const flr_schedule *schedule, int64_t steps, int groups) {
  char number[32];
  printf("step");
  for (int g = 0; g < groups; g++) printf(groups == 1 ? ",lr" : ",lr%d", g);
  puts(",momentum");
  for (int64_t step = 0; step < steps; step++) {
    const flr_rates rates = flr_schedule_at(schedule, step);
    printf("%lld", (long long)step);
    for (int g = 0; g < groups; g++) printf(",%s", flr_format_number(number, rates.lr[g], "nan"));
    printf(",%s\n", flr_format_number(number, rates.momentum, "nan"));
  }
}

static void print_json(const flr_schedule *schedule, int64_t steps, int groups) {
  cJSON *rows = cJSON_CreateArray();
  for (int64_t step = 0; step < steps; step++) {
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
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK) status = make_schedule(&config, &schedule);
  if (status == FLR_OK && args->rank == 0) (config.json ? print_json : print_csv)(&schedule, config.steps, (int)config.groups);
  flr_config_clear(&config);
  return status;
}
