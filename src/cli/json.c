/* JSON documents through cJSON; numbers are written by us, because cJSON rounds to 15 digits where it thinks they suffice. */
#include "cli/json.h"

#include <stdio.h>
#include <string.h>

#include "report/run_log.h"

static cJSON *make_number(double value) {
  char text[32];
  return cJSON_CreateRaw(flr_format_number(text, value, "null"));
}

void flr_json_add_number(cJSON *object, const char *name, double value) {
  cJSON_AddItemToObject(object, name, make_number(value));
}

void flr_json_append_number(cJSON *array, double value) { cJSON_AddItemToArray(array, make_number(value)); }

void flr_json_add_numbers(cJSON *object, const char *name, const double *values, int64_t n) {
  cJSON *array = cJSON_AddArrayToObject(object, name);
  for (int64_t i = 0; i < n; i++) cJSON_AddItemToArray(array, make_number(values[i]));
}

void flr_json_add_suggestion(cJSON *object, const flr_sweep_suggestion *s, int repeats) {
  cJSON *suggestion = cJSON_AddObjectToObject(object, s->name);
  flr_json_add_number(suggestion, "lr", s->lr);
  cJSON_AddStringToObject(suggestion, "status", s->status);
  if (repeats > 1 || strcmp(s->name, "consensus") == 0) flr_json_add_number(suggestion, "spread", s->spread);
  if (repeats <= 1) return;
  flr_json_add_number(suggestion, "low", s->low);
  flr_json_add_number(suggestion, "high", s->high);
  cJSON_AddNumberToObject(suggestion, "repeats", (double)s->repeats);
}

void flr_json_print(cJSON *document) {
  char *text = cJSON_PrintUnformatted(document);
  if (text) puts(text);
  cJSON_free(text);
  cJSON_Delete(document);
}
