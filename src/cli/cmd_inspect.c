/* inspect: what a file holds, and whether it is whole. */
#include <math.h>
#include <string.h>

#include "checkpoint/inspect.h"
#include "cli/command.h"
#include "cli/json.h"
#include "core/memory.h"
#include "datasets/dataset.h"
#include "train/plan.h"

/* ---- data sets ---- */

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

static flr_status add_dataset(cJSON *document, const char *path, const flr_config *config) {
  const flr_dataset_options options = flr_plan_dataset(config, path);
  flr_dataset *data = NULL;
  flr_status status;
  FLR_TRY_GOTO(status, flr_dataset_open(&data, &options), done);
  const double shape[] = {(double)data->height, (double)data->width, (double)data->channels};
  flr_json_add_numbers(document, "sample_shape", data->features ? shape + 2 : shape, data->features ? 1 : 3);
  cJSON_AddNumberToObject(document, "classes", (double)data->classes);
  FLR_TRY_GOTO(status, add_splits(document, data), done);
  status = add_normalization(document, data, config->seed);
done:
  flr_dataset_destroy(data);
  return status;
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
    cJSON_AddItemToArray(sets, item);
  }
}

static int64_t count_parameters(const flr_inspect *file) {
  int64_t total = 0;
  for (int64_t i = 0; i < file->count; i++) {
    int64_t elements = 1;
    for (int d = 0; d < file->sets[i].rank; d++) elements *= file->sets[i].dims[d];
    if (strncmp(file->sets[i].name, "/params/", 8) == 0) total += elements;
  }
  return total;
}

static void add_checkpoint(cJSON *document, const flr_inspect *file) {
  cJSON_AddStringToObject(document, "model", file->model);
  cJSON_AddNumberToObject(document, "classes", (double)file->classes);
  cJSON_AddNumberToObject(document, "steps", (double)file->steps);
  cJSON_AddNumberToObject(document, "parameters", (double)count_parameters(file));
}

static int holds(const flr_inspect *file, const char *name) {
  for (int64_t i = 0; i < file->count; i++)
    if (strcmp(file->sets[i].name, name) == 0) return 1;
  return 0;
}

static flr_status fill(cJSON *document, const flr_inspect *file, const char *path, const flr_config *config) {
  const int dataset = strcmp(file->kind, "dataset") == 0 || holds(file, "/train/labels") || config->x_path;
  cJSON_AddStringToObject(document, "file", path);
  cJSON_AddStringToObject(document, "kind", dataset ? "dataset" : file->kind);
  cJSON_AddTrueToObject(document, "whole");
  if (file->version >= 0) cJSON_AddNumberToObject(document, "format_version", (double)file->version);
  if (strcmp(file->kind, "checkpoint") == 0) add_checkpoint(document, file);
  if (dataset) FLR_TRY(add_dataset(document, path, config));
  if (file->config) cJSON_AddStringToObject(document, "config", file->config);
  add_sets(document, file);
  return FLR_OK;
}

/* ---- text ---- */

static void print_shape(char *out, size_t size, const flr_inspect_set *set) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (int d = 0; d < set->rank && used < size; d++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", d ? ", " : "", (long long)set->dims[d]);
  if (used < size) (void)snprintf(out + used, size - used, "]");
}

/* The document's scalars and short arrays line by line, then the table of data sets. */
static void print_text(const cJSON *document, const flr_inspect *file) {
  const cJSON *item;
  cJSON_ArrayForEach(item, document) {
    if (strcmp(item->string, "datasets") == 0 || strcmp(item->string, "config") == 0) continue;
    char *text = cJSON_PrintUnformatted(item);
    printf("%-16s %s\n", item->string, cJSON_IsString(item) ? item->valuestring : text);
    cJSON_free(text);
  }
  printf("\n%-40s %-8s %-24s %-20s %s\n", "name", "type", "shape", "storage", "not finite");
  for (int64_t i = 0; i < file->count; i++) {
    char shape[128];
    print_shape(shape, sizeof shape, &file->sets[i]);
    printf("%-40s %-8s %-24s %-20s %lld\n", file->sets[i].name, file->sets[i].type, shape, file->sets[i].storage,
           (long long)file->sets[i].missing);
  }
  if (file->config) printf("\n%s", file->config);
}

static flr_status inspect(const char *path, const flr_config *config) {
  flr_inspect file;
  cJSON *document = cJSON_CreateObject();
  flr_status status;
  FLR_TRY_GOTO(status, flr_inspect_file(&file, path), done);
  FLR_TRY_GOTO(status, fill(document, &file, path, config), done);
  if (config->json) {
    flr_json_print(document);
    document = NULL;
  } else {
    print_text(document, &file);
  }
done:
  cJSON_Delete(document);
  flr_inspect_clear(&file);
  return status;
}

flr_status flr_cmd_inspect(const flr_command_args *args) {
  flr_config config;
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK && args->rank == 0) status = inspect(args->operands[0], &config);
  flr_config_clear(&config);
  return status;
}
