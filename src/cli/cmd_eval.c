/* eval: loss and error rate of a checkpoint on a split. */
#include <unistd.h>

#include "cli/command.h"
#include "cli/json.h"
#include "report/terminal.h"

enum { MOST_CONFUSED = 5 };

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

/* The cell of the confusion matrix that follows `last` (-1: the first of all) when those off the diagonal are put in order, the
   largest count first, equal ones as they stand; -1 when none with a count is left. */
static int64_t next_confused(const flr_eval_result *r, int64_t last) {
  int64_t best = -1;
  for (int64_t i = 0; i < r->classes * r->classes; i++) {
    const int64_t count = r->confusion[i];
    if (i / r->classes == i % r->classes || count == 0) continue;
    if (last >= 0 && (count > r->confusion[last] || (count == r->confusion[last] && i <= last))) continue;
    if (best < 0 || count > r->confusion[best]) best = i;
  }
  return best;
}

static void print_confused(const flr_session *session, const flr_eval_result *r) {
  char label[FLR_CLASS_TEXT], predicted[FLR_CLASS_TEXT];
  int64_t cell = next_confused(r, -1);
  if (cell >= 0) printf("most confused:\n  %-16s  %-16s  %s\n", "label", "predicted", "samples");
  for (int i = 0; i < MOST_CONFUSED && cell >= 0; i++, cell = next_confused(r, cell))
    printf("  %-16s  %-16s  %7lld\n", flr_class_text(label, session, cell / r->classes),
           flr_class_text(predicted, session, cell % r->classes), (long long)r->confusion[cell]);
}

static void print_text(const flr_session *session, const flr_config *config, const flr_eval_result *r) {
  printf("%s: %lld samples, loss %.6f, error rate %.6f, accuracy %.6f\n", config->split, (long long)r->samples, r->loss,
         r->error_rate, r->accuracy);
  print_confused(session, r);
}

static void show(const flr_session *session, const flr_config *config, const flr_eval_result *r) {
  if (flr_session_rank(session) != 0) return;
  if (config->json)
    print_json(config, r);
  else
    print_text(session, config, r);
}

flr_status flr_cmd_eval(const flr_command_args *args) {
  flr_config config = {0};
  flr_session *session = NULL;
  flr_eval_result result;
  const flr_session_report report = {.stream = stderr, .terminal = flr_terminal_is_live(STDERR_FILENO)};
  flr_status status = flr_command_checkpoint_config(args, &config);
  if (status == FLR_OK) status = flr_session_create(&session, &config, &report, args->operands[0]);
  if (status == FLR_OK) status = flr_session_evaluate(session, config.split, &result);
  if (status == FLR_OK) show(session, &config, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}
