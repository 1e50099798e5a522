/* eval: loss and error rate of a checkpoint on a split. */
#include <unistd.h>

#include "cli/command.h"
#include "cli/json.h"

static void print_json(const flr_config *config, const flr_eval_result *r) {
  cJSON *document = cJSON_CreateObject();
  cJSON_AddStringToObject(document, "split", config->split);
  cJSON_AddNumberToObject(document, "samples", (double)r->samples);
  flr_json_add_number(document, "loss", r->loss);
  flr_json_add_number(document, "error_rate", r->error_rate);
  flr_json_add_number(document, "accuracy", r->accuracy);
  cJSON *rows = cJSON_AddArrayToObject(document, "confusion");
  for (int64_t label = 0; label < r->classes; label++) {
    cJSON *row = cJSON_CreateArray();
    for (int64_t predicted = 0; predicted < r->classes; predicted++)
      cJSON_AddItemToArray(row, cJSON_CreateNumber((double)r->confusion[label * r->classes + predicted]));
    cJSON_AddItemToArray(rows, row);
  }
  flr_json_print(document);
}

static void show(const flr_session *session, const flr_config *config, const flr_eval_result *r) {
  if (flr_session_rank(session) != 0) return;
  if (config->json)
    print_json(config, r);
  else
    printf("%s: %lld samples, loss %.6f, error rate %.6f, accuracy %.6f\n", config->split, (long long)r->samples, r->loss,
           r->error_rate, r->accuracy);
}

flr_status flr_cmd_eval(const flr_command_args *args) {
  flr_config config = {0};
  flr_session *session = NULL;
  flr_eval_result result;
  const flr_session_report report = {.stream = stderr, .terminal = isatty(STDERR_FILENO)};
  flr_status status = flr_command_checkpoint_config(args, &config);
  if (status == FLR_OK) status = flr_session_create(&session, &config, &report, args->operands[0]);
  if (status == FLR_OK) status = flr_session_evaluate(session, config.split, &result);
  if (status == FLR_OK) show(session, &config, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}
