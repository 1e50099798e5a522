/* Two files side by side, as text and as JSON. */
#include "cli/inspect_diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/diff.h"
#include "cli/json.h"
#include "cli/live_line.h"

static const char *const groups[] = {[FLR_DIFF_PROGRESS] = "progress",
                                     [FLR_DIFF_ATTRIBUTE] = "attributes",
                                     [FLR_DIFF_CONFIG] = "config",
                                     [FLR_DIFF_DATA] = "data"};

static int is_equal(const flr_diff *diff) { return diff->set_count == 0 && diff->value_count == 0; }

/* ---- JSON ---- */

static void add_integers(cJSON *object, const char *name, const int64_t *values, int n) {
  cJSON *array = cJSON_AddArrayToObject(object, name);
  for (int i = 0; i < n; i++) cJSON_AddItemToArray(array, cJSON_CreateNumber((double)values[i]));
}

static void add_only(cJSON *document, const flr_diff *diff, const char *name, int side) {
  cJSON *array = cJSON_AddArrayToObject(document, name);
  for (int64_t i = 0; i < diff->set_count; i++) {
    const flr_diff_set *set = &diff->sets[i];
    if (set->in[side] && !set->in[1 - side]) cJSON_AddItemToArray(array, cJSON_CreateString(set->in[side]->name));
  }
}

static void add_shapes(cJSON *document, const flr_diff *diff) {
  cJSON *array = cJSON_AddArrayToObject(document, "shapes");
  for (int64_t i = 0; i < diff->set_count; i++) {
    const flr_diff_set *set = &diff->sets[i];
    if (!set->in[0] || !set->in[1] || set->comparable) continue;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", set->in[0]->name);
    cJSON_AddStringToObject(item, "type_a", set->in[0]->type);
    add_integers(item, "a", set->in[0]->dims, set->in[0]->rank);
    cJSON_AddStringToObject(item, "type_b", set->in[1]->type);
    add_integers(item, "b", set->in[1]->dims, set->in[1]->rank);
    cJSON_AddItemToArray(array, item);
  }
}

static void add_tensors(cJSON *document, const flr_diff *diff) {
  cJSON *array = cJSON_AddArrayToObject(document, "tensors");
  for (int64_t i = 0; i < diff->set_count; i++) {
    const flr_diff_set *set = &diff->sets[i];
    if (!set->comparable) continue;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", set->in[0]->name);
    cJSON_AddNumberToObject(item, "elements", (double)set->elements);
    cJSON_AddNumberToObject(item, "differing", (double)set->differing);
    flr_json_add_number(item, "absolute", set->absolute);
    add_integers(item, "absolute_at", set->absolute_at, set->in[0]->rank);
    flr_json_add_number(item, "relative", set->relative);
    add_integers(item, "relative_at", set->relative_at, set->in[0]->rank);
    cJSON_AddItemToArray(array, item);
  }
}

static cJSON *value_item(const flr_diff_value *value, int side) {
  const char *text = value->value[side];
  if (!text) return cJSON_CreateNull();
  if (value->is_text) return cJSON_CreateString(text);
  return isfinite(strtod(text, NULL)) && text[0] != '?' ? cJSON_CreateRaw(text) : cJSON_CreateNull();
}

static void add_values(cJSON *document, const flr_diff *diff, flr_diff_kind kind) {
  cJSON *object = cJSON_AddObjectToObject(document, groups[kind]);
  for (int64_t i = 0; i < diff->value_count; i++) {
    const flr_diff_value *value = &diff->values[i];
    if (value->kind != kind) continue;
    cJSON *both = cJSON_AddArrayToObject(object, value->name);
    for (int side = 0; side < 2; side++) cJSON_AddItemToArray(both, value_item(value, side));
  }
}

/* The rates, where both are checkpoints to go on from. */
static void add_schedule(cJSON *document, const flr_diff *diff) {
  cJSON *object = cJSON_AddObjectToObject(document, "schedule");
  const flr_checkpoint *a = &diff->file[0].facts, *b = &diff->file[1].facts;
  int64_t i = 0;
  while (i < diff->set_count && !(diff->sets[i].in[0] && strcmp(diff->sets[i].in[0]->name, "/schedule/lr") == 0)) i++;
  if (i == diff->set_count || !diff->file[0].has_facts || !diff->file[1].has_facts) return;
  cJSON *both = cJSON_AddArrayToObject(object, "lr"), *holder = cJSON_CreateObject();
  flr_json_add_numbers(holder, "a", a->lr, a->groups);
  flr_json_add_numbers(holder, "b", b->lr, b->groups);
  cJSON_AddItemToArray(both, cJSON_DetachItemFromObject(holder, "a"));
  cJSON_AddItemToArray(both, cJSON_DetachItemFromObject(holder, "b"));
  cJSON_Delete(holder);
}

static void print_json(const flr_diff *diff, char *const paths[2]) {
  cJSON *document = cJSON_CreateObject();
  cJSON_AddStringToObject(document, "a", paths[0]);
  cJSON_AddStringToObject(document, "b", paths[1]);
  cJSON_AddBoolToObject(document, "equal", is_equal(diff));
  cJSON_AddBoolToObject(document, "tensors_equal", diff->set_count == 0);
  add_only(document, diff, "only_a", 0);
  add_only(document, diff, "only_b", 1);
  add_shapes(document, diff);
  add_tensors(document, diff);
  add_schedule(document, diff);
  for (int kind = 0; kind < FLR_DIFF_KINDS; kind++) add_values(document, diff, (flr_diff_kind)kind);
  flr_json_print(document);
}

/* ---- text ---- */

static const char *list_text(char *out, size_t size, const int64_t *values, int n) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (int i = 0; i < n && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? ", " : "", (long long)values[i]);
  if (used < size) (void)snprintf(out + used, size - used, "]");
  return out;
}

static void print_set(const flr_diff_set *set) {
  char first[200], second[200];
  const flr_inspect_set *a = set->in[0], *b = set->in[1];
  if (!a || !b) {
    printf("%-10s %s\n", a ? "only in A" : "only in B", a ? a->name : b->name);
  } else if (!set->comparable) {
    printf("%-10s %s: %s %s and %s %s\n", "shape", a->name, a->type, list_text(first, sizeof first, a->dims, a->rank), b->type,
           list_text(second, sizeof second, b->dims, b->rank));
  } else {
    printf("%-10s %s: %lld of %lld; at most %.6g, at %s; relative %.6g, at %s\n", "values", a->name, (long long)set->differing,
           (long long)set->elements, set->absolute, list_text(first, sizeof first, set->absolute_at, a->rank), set->relative,
           list_text(second, sizeof second, set->relative_at, a->rank));
  }
}

static const char *shown(const char *value) { return value ? value : "(none)"; }

static void print_text(const flr_diff *diff, char *const paths[2]) {
  printf("A          %s\nB          %s\n", paths[0], paths[1]);
  for (int64_t i = 0; i < diff->set_count; i++) print_set(&diff->sets[i]);
  for (int64_t i = 0; i < diff->value_count; i++) {
    const flr_diff_value *value = &diff->values[i];
    printf("%-10s %s: %s and %s\n", groups[value->kind], value->name, shown(value->value[0]), shown(value->value[1]));
  }
  if (is_equal(diff))
    puts("equal");
  else if (diff->set_count == 0)
    puts("all tensors are equal");
}

static flr_status print_files(const flr_diff *diff, char *const paths[2], int json) {
  for (int i = 0; i < 2; i++)
    if (!diff->file[i].whole) return flr_fail(FLR_ERROR_DATA, "%s", diff->file[i].reason);
  if (json)
    print_json(diff, paths);
  else
    print_text(diff, paths);
  return FLR_OK;
}

flr_status flr_inspect_print_diff(char *const paths[2], int json) {
  const char *const both[] = {paths[0], paths[1]};
  flr_diff diff = {0};
  flr_live_line line;
  FLR_TRY(flr_live_line_init(&line));
  flr_status status = flr_diff_files(&diff, both, &line.progress);
  flr_live_line_clear(&line);
  if (status == FLR_OK) status = print_files(&diff, paths, json);
  flr_diff_clear(&diff);
  return status;
}
