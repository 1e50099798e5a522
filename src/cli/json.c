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

void flr_json_add_numbers(cJSON *object, const char *name, const double *values, int64_t n) {
  cJSON *array = cJSON_AddArrayToObject(object, name);
  for (int64_t i = 0; i < n; i++) cJSON_AddItemToArray(array, make_number(values[i]));
}

void flr_json_add_suggestion(cJSON *object, const char *name, double lr, const char *status, double spread) {
  cJSON *suggestion = cJSON_AddObjectToObject(object, name);
  flr_json_add_number(suggestion, "lr", lr);
  cJSON_AddStringToObject(suggestion, "status", status);
  if (strcmp(name, "consensus") == 0) flr_json_add_number(suggestion, "spread", spread);
}

void flr_json_print(cJSON *document) {
  char *text = cJSON_PrintUnformatted(document);
  if (text) puts(text);
  cJSON_free(text);
  cJSON_Delete(document);
}
