/* A checkpoint's facts as JSON. */
#include "cli/inspect_checkpoint.h"

#include <string.h>

#include "cli/json.h"
#include "core/ini.h"
#include "core/memory.h"

static int64_t count_parameters(const flr_inspect *file) {
  int64_t total = 0;
  for (int64_t i = 0; i < file->count; i++) {
    int64_t elements = 1;
    for (int d = 0; d < file->sets[i].rank; d++) elements *= file->sets[i].dims[d];
    if (strncmp(file->sets[i].name, "/params/", 8) == 0) total += elements;
  }
  return total;
}

static void add_progress(cJSON *document, const flr_checkpoint_progress *progress) {
  cJSON *object = cJSON_AddObjectToObject(document, "progress");
  flr_progress_fact fact;
  for (int i = 0; flr_checkpoint_fact_at(&fact, progress, i); i++) {
    if (strcmp(fact.name, "phase") == 0) continue;
    if (fact.is_real)
      flr_json_add_number(object, fact.name, fact.real);
    else
      cJSON_AddNumberToObject(object, fact.name, (double)fact.integer);
  }
}

/* Lines "name = value" as an object of texts; only: the one key that is wanted, NULL: all. */
static flr_status add_lines(cJSON *object, const char *text, const char *only) {
  char *copy;
  const char *name, *value;
  int line = 0;
  FLR_TRY(flr_strdup(&copy, text));
  char *cursor = copy;
  for (int found; (found = flr_ini_next(&cursor, &line, &name, &value)) != 0;)
    if (found > 0 && (!only || strcmp(name, only) == 0)) cJSON_AddStringToObject(object, name, value);
  flr_free(copy);
  return FLR_OK;
}

static flr_status add_schedule(cJSON *document, const flr_checkpoint *c) {
  cJSON *schedule = cJSON_AddObjectToObject(document, "schedule");
  FLR_TRY(add_lines(schedule, c->config, "policy"));
  flr_json_add_numbers(schedule, "lr", c->lr, c->groups);
  return FLR_OK;
}

static flr_status add_optimizer(cJSON *document, const flr_checkpoint *c) {
  cJSON *optimizer = cJSON_AddObjectToObject(document, "optimizer");
  FLR_TRY(add_lines(optimizer, c->config, "optimizer"));
  cJSON *moments = cJSON_AddArrayToObject(optimizer, "moments");
  for (int i = 0; i < c->slot_count; i++) cJSON_AddItemToArray(moments, cJSON_CreateString(c->slot_names[i]));
  return FLR_OK;
}

static flr_status add_facts(cJSON *document, const flr_checkpoint *c) {
  cJSON_AddStringToObject(document, "phase", c->progress.phase == FLR_CHECKPOINT_SWEEP ? "sweep" : "training");
  add_progress(document, &c->progress);
  FLR_TRY(add_schedule(document, c));
  FLR_TRY(add_optimizer(document, c));
  return add_lines(cJSON_AddObjectToObject(document, "data"), c->dataset, NULL);
}

flr_status flr_inspect_add_checkpoint(cJSON *document, const flr_inspect *file) {
  if (file->program_version[0]) cJSON_AddStringToObject(document, "program_version", file->program_version);
  if (file->state[0]) cJSON_AddStringToObject(document, "state", file->state);
  cJSON_AddStringToObject(document, "model", file->model);
  cJSON_AddNumberToObject(document, "classes", (double)file->classes);
  cJSON_AddNumberToObject(document, "steps", (double)file->steps);
  cJSON_AddNumberToObject(document, "parameters", (double)count_parameters(file));
  return file->has_facts ? add_facts(document, &file->facts) : FLR_OK;
}
