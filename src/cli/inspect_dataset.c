/* What a document says of a data set for training. */
#include "cli/inspect_dataset.h"

#include <string.h>

#include "cli/json.h"
#include "core/memory.h"
#include "datasets/statistics.h"
#include "train/machine.h"
#include "train/plan.h"
#include "train/reading.h"

static void add_counts(cJSON *item, const int64_t *counts, int64_t classes) {
  cJSON *list = cJSON_AddArrayToObject(item, "class_counts");
  for (int64_t k = 0; k < classes; k++) cJSON_AddItemToArray(list, cJSON_CreateNumber((double)counts[k]));
}

static void add_split(cJSON *splits, const flr_dataset *data, flr_split split, const flr_split_statistics *s, int with_counts) {
  cJSON *item = cJSON_AddObjectToObject(splits, flr_split_name(split));
  const double range[] = {s->least, s->most};
  cJSON_AddNumberToObject(item, "samples", (double)data->samples[split]);
  cJSON_AddNumberToObject(item, "rarest_class", (double)s->rarest);
  cJSON_AddNumberToObject(item, "commonest_class", (double)s->commonest);
  if (with_counts) add_counts(item, s->counts, data->classes);
  flr_json_add_numbers(item, "values", range, 2);
  if (data->features) cJSON_AddNumberToObject(item, "constant", (double)s->constant);
  cJSON_AddNumberToObject(item, "repeated", (double)s->repeated);
  if (split != FLR_SPLIT_TRAIN) cJSON_AddNumberToObject(item, "in_train", (double)s->in_train);
}

static void add_warnings(cJSON *document, const flr_dataset *data, const flr_dataset_statistics *statistics,
                         const flr_config *config) {
  char words[FLR_DATASET_MOST_WARNINGS][FLR_DATASET_WARNING_BYTES];
  const int count = flr_dataset_warnings(words, data, statistics);
  cJSON *list = cJSON_AddArrayToObject(document, "warnings");
  for (int i = 0; i < count; i++) cJSON_AddItemToArray(list, cJSON_CreateString(words[i]));
  if (flr_dataset_axes_warning(words[0], data, config->axis_order)) cJSON_AddItemToArray(list, cJSON_CreateString(words[0]));
}

/* How many samples each class has is for programs: people get the extremes. */
static flr_status add_statistics(cJSON *document, flr_dataset *data, const flr_config *config) {
  flr_dataset_statistics statistics;
  const flr_status status = flr_dataset_statistics_make(&statistics, data);
  if (status == FLR_OK) {
    cJSON *splits = cJSON_AddObjectToObject(document, "splits");
    for (int split = 0; split < FLR_SPLIT_COUNT; split++)
      if (data->samples[split] > 0) add_split(splits, data, (flr_split)split, &statistics.splits[split], config->json);
    add_warnings(document, data, &statistics, config);
  }
  flr_dataset_statistics_clear(&statistics);
  return status;
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

/* What training alone on this machine would hold of them decoded. */
static flr_status add_memory(cJSON *item, flr_dataset *data, const flr_config *config) {
  flr_reading reading;
  FLR_TRY(flr_reading_alone(&reading, config, data, flr_machine_cpus_alone()));
  cJSON *memory = cJSON_AddObjectToObject(item, "memory");
  cJSON_AddNumberToObject(memory, "bytes", (double)reading.bytes);
  if (reading.blocks == 0) return FLR_OK;
  cJSON_AddNumberToObject(memory, "batch", (double)config->batch);
  cJSON_AddNumberToObject(memory, "threads", reading.threads);
  cJSON_AddNumberToObject(memory, "blocks", (double)reading.blocks);
  cJSON_AddNumberToObject(memory, "block_bytes", (double)reading.block_bytes);
  cJSON_AddNumberToObject(memory, "window", (double)reading.window);
  cJSON_AddNumberToObject(memory, "needed", (double)reading.needed);
  cJSON_AddNumberToObject(memory, "held", (double)reading.held);
  return FLR_OK;
}

/* How samples come from the file, and what they are then. */
static flr_status add_reading(cJSON *document, flr_dataset *data, const flr_config *config) {
  cJSON *item = cJSON_AddObjectToObject(document, "reading");
  cJSON_AddStringToObject(item, "sample", data->dtype == FLR_U8 ? "uint8" : "float32");
  cJSON_AddNumberToObject(item, "sample_bytes", (double)data->sample_bytes);
  cJSON_AddBoolToObject(item, "fast", !data->slow[0]);
  if (data->reading) cJSON_AddStringToObject(item, "how", data->reading);
  if (data->slow[0]) cJSON_AddStringToObject(item, "why", data->slow);
  return add_memory(item, data, config);
}

static flr_status add_open_dataset(cJSON *document, flr_dataset *data, const flr_config *config) {
  const double shape[] = {(double)data->height, (double)data->width, (double)data->channels};
  flr_json_add_numbers(document, "sample_shape", data->features ? shape + 2 : shape, data->features ? 1 : 3);
  if (!data->features) cJSON_AddStringToObject(document, "axis_order", config->axis_order);
  cJSON_AddNumberToObject(document, "classes", (double)data->classes);
  FLR_TRY(add_reading(document, data, config));
  FLR_TRY(add_statistics(document, data, config));
  return add_normalization(document, data, config->seed);
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

flr_status flr_inspect_add_dataset(cJSON *document, flr_inspect *file, const char *path, const flr_config *config) {
  const flr_dataset_options options = flr_plan_dataset(config, path);
  flr_dataset *data = NULL;
  flr_status status = flr_dataset_open(&data, &options);
  if (status == FLR_OK) status = add_open_dataset(document, data, config);
  flr_dataset_destroy(data);
  if (status != FLR_ERROR_DATA) return status;
  const char *message = flr_status_message(), *behind = message;
  if (strncmp(message, path, strlen(path)) == 0) behind += strlen(path);
  flr_inspect_blame(file, named_in(file, behind), message);
  return FLR_OK;
}
