/* find: the sweep alone. */
#include <math.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/json.h"
#include "report/run_log.h"
#include "report/terminal.h"

static void print_json(const flr_sweep_result *r) {
  cJSON *document = cJSON_CreateObject();
  cJSON_AddNumberToObject(document, "points", (double)r->points);
  cJSON_AddStringToObject(document, "verdict", r->verdict);
  cJSON *suggestions = cJSON_AddObjectToObject(document, "suggestions");
  for (int i = 0; i < FLR_SWEEP_SUGGESTIONS; i++)
    flr_json_add_suggestion(suggestions, r->suggestions[i].name, r->suggestions[i].lr, r->suggestions[i].status,
                            r->suggestions[i].spread);
  flr_json_add_numbers(document, "lr", r->lr, r->points);
  flr_json_add_numbers(document, "loss", r->loss, r->points);
  flr_json_add_numbers(document, "smooth", r->smooth, r->points);
  flr_json_print(document);
}

static void print_csv(const flr_sweep_result *r) {
  char lr[32], loss[32], smooth[32];
  puts("lr,loss,smooth");
  for (int64_t i = 0; i < r->points; i++)
    printf("%s,%s,%s\n", flr_format_number(lr, r->lr[i], "nan"), flr_format_number(loss, r->loss[i], "nan"),
           flr_format_number(smooth, r->smooth[i], "nan"));
}

static void show(const flr_session *session, const flr_config *config, const flr_sweep_result *r) {
  if (flr_session_rank(session) != 0) return;
  if (config->json) print_json(r);
  if (config->csv) print_csv(r);
  if (config->quiet) return;
  fprintf(stderr, "picked %s: ", r->picked);
  if (isfinite(r->picked_lr))
    fprintf(stderr, "%.3g\n", r->picked_lr);
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
  if (status == FLR_OK) status = flr_session_find(session, &result);
  if (status == FLR_OK) show(session, &config, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}
