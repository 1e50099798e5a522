/* A file's document: the verdict first, then what kind of file it is, then its data sets. */
#include "cli/inspect_document.h"

#include <stdio.h>
#include <string.h>

#include "cli/inspect_checkpoint.h"
#include "cli/json.h"
#include "core/memory.h"
#include "datasets/dataset.h"
#include "train/plan.h"

/* ---- data sets for training ---- */

typedef struct balance {
  int64_t least, most; /* samples of the rarest and the commonest class */
} balance;

static flr_status measure_balance(const flr_dataset *data, int split, balance *out) {
  int64_t *counts;
  FLR_TRY(flr_alloc(&counts, data->classes, sizeof *counts));
  for (int64_t i = 0; i < data->samples[split]; i++) counts[data->labels[split][i]]++;
  *out = (balance){.least = counts[0], .most = counts[0]};
  for (int64_t k = 1; k < data->classes; k++) {
    if (counts[k] < out->least) out->least = counts[k];
    if (counts[k] > out->most) out->most = counts[k];
  }
  flr_free(counts);
  return FLR_OK;
}

static flr_status add_splits(cJSON *document, const flr_dataset *data) {
  cJSON *splits = cJSON_AddObjectToObject(document, "splits");
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    balance b;
    if (data->samples[split] == 0) continue;
    FLR_TRY(measure_balance(data, split, &b));
    cJSON *item = cJSON_AddObjectToObject(splits, flr_split_name((flr_split)split));
    cJSON_AddNumberToObject(item, "samples", (double)data->samples[split]);
    cJSON_AddNumberToObject(item, "rarest_class", (double)b.least);
    cJSON_AddNumberToObject(item, "commonest_class", (double)b.most);
  }
  return FLR_OK;
}

static flr_status add_normalization(cJSON *document, flr_dataset *data, uint64_t seed) {
  float *values;
  double *wide;
  FLR_TRY(flr_alloc(&values, 2 * data->channels, sizeof *values));
  FLR_TRY(flr_alloc(&wide, 2 * data->channels, sizeof *wide));
  const flr_status status = flr_dataset_measure(data, seed, values, values + data->channels);
  for (int64_t i = 0; i < 2 * data->channels; i++) wide[i] = values[i];
  if (status == FLR_OK) {
    flr_json_add_numbers(document, "mean", wide, data->channels);
    flr_json_add_numbers(document, "std", wide + data->channels, data->channels);
  }
  flr_free(wide);
  flr_free(values);
  return status;
}

static flr_status add_open_dataset(cJSON *document, flr_dataset *data, uint64_t seed) {
  const double shape[] = {(double)data->height, (double)data->width, (double)data->channels};
  flr_json_add_numbers(document, "sample_shape", data->features ? shape + 2 : shape, data->features ? 1 : 3);
  cJSON_AddNumberToObject(document, "classes", (double)data->classes);
  FLR_TRY(add_splits(document, data));
  return add_normalization(document, data, seed);
}

/* The data set that a message names first; "" when it names none. */
static const char *named_in(const flr_inspect *file, const char *message) {
  const char *name = "", *first = NULL;
  for (int64_t i = 0; i < file->count; i++) {
    const char *at = strstr(message, file->sets[i].name + 1);
    if (at && (!first || at < first)) {
      first = at;
      name = file->sets[i].name;
    }
  }
  return name;
}

static flr_status add_dataset(cJSON *document, flr_inspect *file, const char *path, const flr_config *config) {
  const flr_dataset_options options = flr_plan_dataset(config, path);
  flr_dataset *data = NULL;
  flr_status status = flr_dataset_open(&data, &options);
  if (status == FLR_OK) status = add_open_dataset(document, data, config->seed);
  flr_dataset_destroy(data);
  if (status != FLR_ERROR_DATA) return status;
  const char *message = flr_status_message(), *behind = message;
  if (strncmp(message, path, strlen(path)) == 0) behind += strlen(path);
  flr_inspect_blame(file, named_in(file, behind), message);
  return FLR_OK;
}

/* ---- any file ---- */

static void add_sets(cJSON *document, const flr_inspect *file) {
  cJSON *sets = cJSON_AddArrayToObject(document, "datasets");
  for (int64_t i = 0; i < file->count; i++) {
    const flr_inspect_set *set = &file->sets[i];
    cJSON *item = cJSON_CreateObject(), *shape = cJSON_CreateArray();
    for (int d = 0; d < set->rank; d++) cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)set->dims[d]));
    cJSON_AddStringToObject(item, "name", set->name);
    cJSON_AddStringToObject(item, "type", set->type);
    cJSON_AddItemToObject(item, "shape", shape);
    cJSON_AddStringToObject(item, "storage", set->storage);
    cJSON_AddNumberToObject(item, "bytes", (double)set->bytes);
    cJSON_AddNumberToObject(item, "nonfinite", (double)set->missing);
    cJSON_AddBoolToObject(item, "whole", !set->damaged);
    cJSON_AddItemToArray(sets, item);
  }
}

static int holds(const flr_inspect *file, const char *name) {
  for (int64_t i = 0; i < file->count; i++)
    if (strcmp(file->sets[i].name, name) == 0) return 1;
  return 0;
}

static const char *checksums_of(const flr_inspect *file) {
  int64_t checked = 0;
  for (int64_t i = 0; i < file->count; i++) checked += file->sets[i].checked;
  return checked == 0 ? "none" : checked < file->count ? "some" : "all";
}

/* Known last: what stands in its place was added first. */
static void set_verdict(cJSON *document, const flr_inspect *file) {
  if (file->whole) return;
  cJSON_ReplaceItemInObject(document, "whole", cJSON_CreateFalse());
  cJSON_AddStringToObject(document, "reason", file->reason);
  if (file->item[0])
    cJSON_AddStringToObject(document, "damaged", file->item);
  else
    cJSON_AddNullToObject(document, "damaged");
}

flr_status flr_inspect_document(cJSON *document, flr_inspect *file, const char *path, const flr_config *config) {
  const int dataset = strcmp(file->kind, "dataset") == 0 || holds(file, "/train/labels") || config->x_path;
  cJSON_AddStringToObject(document, "file", path);
  cJSON_AddStringToObject(document, "kind", dataset ? "dataset" : file->kind);
  cJSON_AddTrueToObject(document, "whole");
  cJSON_AddStringToObject(document, "checksums", checksums_of(file));
  if (file->version >= 0) cJSON_AddNumberToObject(document, "format_version", (double)file->version);
  if (strcmp(file->kind, "checkpoint") == 0) FLR_TRY(flr_inspect_add_checkpoint(document, file));
  if (dataset && file->whole) FLR_TRY(add_dataset(document, file, path, config));
  if (file->config) cJSON_AddStringToObject(document, "config", file->config);
  add_sets(document, file);
  set_verdict(document, file);
  return FLR_OK;
}
