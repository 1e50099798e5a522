/* find: the sweep alone. */
#include <math.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/json.h"
#include "report/run_log.h"
#include "report/terminal.h"

static void add_suggestions(cJSON *object, const flr_sweep_suggestion *suggestions, int repeats) {
  cJSON *all = cJSON_AddObjectToObject(object, "suggestions");
  for (int i = 0; i < FLR_SWEEP_SUGGESTIONS; i++) flr_json_add_suggestion(all, &suggestions[i], repeats);
}

static void add_repeats(cJSON *document, const flr_session *session, int repeats) {
  cJSON *all = cJSON_AddArrayToObject(document, "repeats");
  for (int i = 0; i < repeats; i++) {
    flr_sweep_repeat repeat;
    if (flr_session_sweep_repeat(session, i, &repeat) != FLR_OK) return;
    cJSON *object = cJSON_CreateObject(), *losses;
    cJSON_AddNumberToObject(object, "points", (double)repeat.points);
    cJSON_AddStringToObject(object, "verdict", repeat.verdict);
    add_suggestions(object, repeat.suggestions, 1);
    losses = cJSON_AddArrayToObject(object, "loss");
    for (int64_t p = 0; p < repeat.points; p++) flr_json_append_number(losses, flr_session_sweep_loss(session, i, p));
    cJSON_AddItemToArray(all, object);
  }
}

static void add_decays(cJSON *document, const flr_session *session, const flr_sweep_result *r) {
  cJSON *all = cJSON_AddArrayToObject(document, "decays");
  for (int i = 0; i < r->decays; i++) {
    flr_sweep_decay decay;
    if (flr_session_sweep_decay(session, i, &decay) != FLR_OK) return;
    cJSON *object = cJSON_CreateObject();
    flr_json_add_number(object, "wd", decay.wd);
    cJSON_AddNumberToObject(object, "points", (double)decay.points);
    cJSON_AddStringToObject(object, "verdict", decay.verdict);
    flr_json_add_number(object, "least_loss", decay.least_loss);
    flr_json_add_number(object, "least_lr", decay.least_lr);
    flr_json_add_number(object, "highest_lr", decay.highest_lr);
    add_suggestions(object, decay.suggestions, r->repeats);
    flr_json_add_numbers(object, "lr", decay.lr, decay.points);
    flr_json_add_numbers(object, "loss", decay.loss, decay.points);
    flr_json_add_numbers(object, "smooth", decay.smooth, decay.points);
    cJSON_AddItemToArray(all, object);
    if (decay.taken) flr_json_add_number(document, "wd", decay.wd);
  }
}

static void print_json(const flr_session *session, const flr_sweep_result *r) {
  cJSON *document = cJSON_CreateObject();
  cJSON_AddNumberToObject(document, "points", (double)r->points);
  cJSON_AddStringToObject(document, "verdict", r->verdict);
  add_suggestions(document, r->suggestions, r->repeats);
  flr_json_add_numbers(document, "lr", r->lr, r->points);
  flr_json_add_numbers(document, "loss", r->loss, r->points);
  flr_json_add_numbers(document, "smooth", r->smooth, r->points);
  if (r->repeats > 1) {
    flr_json_add_numbers(document, "low", r->low, r->points);
    flr_json_add_numbers(document, "high", r->high, r->points);
    flr_json_add_numbers(document, "smooth_low", r->smooth_low, r->points);
    flr_json_add_numbers(document, "smooth_high", r->smooth_high, r->points);
    add_repeats(document, session, r->repeats);
  }
  if (r->decays > 0) add_decays(document, session, r);
  flr_json_print(document);
}

static void print_csv(const flr_session *session, const flr_sweep_result *r) {
  const double *const columns[] = {r->lr, r->loss, r->smooth, r->low, r->high, r->smooth_low, r->smooth_high};
  const int several = r->repeats > 1, count = several ? 7 : 3;
  char text[32];
  fputs(several ? "lr,loss,smooth,low,high,smooth_low,smooth_high" : "lr,loss,smooth", stdout);
  for (int k = 1; several && k <= r->repeats; k++) printf(",loss%d", k);
  puts("");
  for (int64_t i = 0; i < r->points; i++) {
    for (int c = 0; c < count; c++) printf("%s%s", c ? "," : "", flr_format_number(text, columns[c][i], "nan"));
    for (int k = 0; several && k < r->repeats; k++)
      printf(",%s", flr_format_number(text, flr_session_sweep_loss(session, k, i), "nan"));
    puts("");
  }
}

static void show(const flr_session *session, const flr_config *config, const flr_sweep_result *r) {
  if (flr_session_rank(session) != 0) return;
  if (config->json) print_json(session, r);
  if (config->csv) print_csv(session, r);
  if (config->quiet) return;
  fprintf(stderr, "picked %s: ", r->picked);
  if (isfinite(r->picked_lr))
    fprintf(stderr, "%.3g\n", r->picked_lr);
  else if (r->other >= 0)
    fprintf(stderr, "none (--pick %s would give %.3g)\n", r->suggestions[r->other].name, r->suggestions[r->other].lr);
  else
    fprintf(stderr, "none\n");
  fprintf(stderr, "run directory: %s\n", flr_session_directory(session));
}

flr_status flr_cmd_find(const flr_command_args *args) {
  flr_config config;
  flr_session *session = NULL;
  flr_sweep_result result;
  const flr_session_report report = {.stream = stderr, .terminal = flr_terminal_is_live(STDERR_FILENO)};
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK) flr_catch_signals();
  if (status == FLR_OK) status = flr_session_create(&session, &config, &report, NULL);
  if (status == FLR_OK && !config.dry_run) status = flr_session_find(session, &result);
  if (status == FLR_OK && !config.dry_run) show(session, &config, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}
