/* A file's document: the verdict first, then what kind of file it is, then its data sets. */
#include "cli/inspect_document.h"

#include <string.h>

#include "cli/inspect_checkpoint.h"
#include "cli/inspect_dataset.h"

/* ---- any file ---- */

static void add_sizes(cJSON *item, const char *name, const int64_t *sizes, int rank) {
  cJSON *list = cJSON_AddArrayToObject(item, name);
  for (int d = 0; d < rank; d++) cJSON_AddItemToArray(list, cJSON_CreateNumber((double)sizes[d]));
}

static void add_sets(cJSON *document, const flr_inspect *file) {
  cJSON *sets = cJSON_AddArrayToObject(document, "datasets");
  for (int64_t i = 0; i < file->count; i++) {
    const flr_inspect_set *set = &file->sets[i];
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", set->name);
    cJSON_AddStringToObject(item, "type", set->type);
    add_sizes(item, "shape", set->dims, set->rank);
    cJSON_AddStringToObject(item, "storage", set->storage);
    if (set->chunk[0] > 0) add_sizes(item, "chunk", set->chunk, set->rank);
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
  if (dataset && file->whole) FLR_TRY(flr_inspect_add_dataset(document, file, path, config));
  if (file->config) cJSON_AddStringToObject(document, "config", file->config);
  add_sets(document, file);
  set_verdict(document, file);
  return FLR_OK;
}
