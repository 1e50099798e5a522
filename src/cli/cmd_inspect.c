/* inspect: what a file holds, and whether it is whole. */
#include <math.h>
#include <string.h>

#include "cli/command.h"
#include "cli/inspect_diff.h"
#include "cli/inspect_document.h"
#include "cli/json.h"
#include "cli/live_line.h"
#include "datasets/h5_filters.h"

/* ---- text ---- */

static void print_shape(char *out, size_t size, const int64_t *sizes, int rank) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (int d = 0; d < rank && used < size; d++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", d ? ", " : "", (long long)sizes[d]);
  if (used < size) (void)snprintf(out + used, size - used, "]");
}

/* Objects with their members below them, all else in a line. */
static void print_item(const cJSON *item, int depth) {
  const int width = 20 - 2 * depth;
  if (cJSON_IsObject(item)) {
    const cJSON *child;
    printf("%*s%s\n", 2 * depth, "", item->string);
    cJSON_ArrayForEach(child, item) print_item(child, depth + 1);
    return;
  }
  char *text = cJSON_PrintUnformatted(item);
  printf("%*s%-*s %s\n", 2 * depth, "", width, item->string, cJSON_IsString(item) ? item->valuestring : text ? text : "");
  cJSON_free(text);
}

static void print_sets(const flr_inspect *file) {
  printf("\n%-40s %-8s %-24s %-20s %s\n", "name", "type", "shape", "storage", "not finite");
  for (int64_t i = 0; i < file->count; i++) {
    const flr_inspect_set *set = &file->sets[i];
    char shape[128], chunk[128];
    print_shape(shape, sizeof shape, set->dims, set->rank);
    print_shape(chunk, sizeof chunk, set->chunk, set->rank);
    printf("%-40s %-8s %-24s %-20s %lld%s", set->name, set->type, shape, set->storage, (long long)set->missing,
           set->damaged ? "  DAMAGED" : "");
    if (set->chunk[0] > 0) printf("%*sin chunks of %s", 12, "", chunk);
    printf("\n");
  }
}

static void print_warnings(const cJSON *document) {
  const cJSON *item, *list = cJSON_GetObjectItem(document, "warnings");
  if (cJSON_GetArraySize(list) > 0) printf("\n");
  cJSON_ArrayForEach(item, list) printf("warning: %s\n", item->valuestring);
}

/* What has a form of its own comes after the rest. */
static void print_text(const cJSON *document, const flr_inspect *file) {
  static const char *const others[] = {"datasets", "warnings", "config"};
  const cJSON *item;
  cJSON_ArrayForEach(item, document) {
    int other = 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) other |= strcmp(item->string, others[i]) == 0;
    if (!other) print_item(item, 0);
  }
  print_sets(file);
  print_warnings(document);
  if (file->config) printf("\n%s", file->config);
}

/* ---- the command ---- */

/* A file that cannot be opened has nothing to print but its document. */
static flr_status print_file(flr_inspect *file, const char *path, const flr_config *config) {
  cJSON *document = cJSON_CreateObject();
  const flr_status status = flr_inspect_document(document, file, path, config);
  if (status == FLR_OK && config->json) {
    flr_json_print(document);
    return FLR_OK;
  }
  if (status == FLR_OK && file->sets) print_text(document, file);
  cJSON_Delete(document);
  return status;
}

static flr_status look_through(flr_inspect *file, const char *path) {
  flr_live_line line;
  FLR_TRY(flr_live_line_init(&line));
  flr_h5_filters_register();
  const flr_status status = flr_inspect_file(file, path, &line.progress);
  flr_live_line_clear(&line);
  return status;
}

static flr_status inspect(const char *path, const flr_config *config) {
  flr_inspect file = {0};
  flr_status status = look_through(&file, path);
  if (status == FLR_OK) status = print_file(&file, path, config);
  if (status == FLR_OK && !file.whole) status = flr_fail(FLR_ERROR_DATA, "%s", file.reason);
  flr_inspect_clear(&file);
  return status;
}

flr_status flr_cmd_inspect(const flr_command_args *args) {
  flr_config config;
  flr_status status = flr_command_config(args, NULL, &config);
  if (status == FLR_OK && config.diff != (args->operand_count == 2))
    status = flr_fail(FLR_ERROR_USAGE, "inspect: --diff wants two files, and is given with them");
  if (status == FLR_OK && args->rank == 0)
    status = config.diff ? flr_inspect_print_diff(args->operands, config.json) : inspect(args->operands[0], &config);
  flr_config_clear(&config);
  return status;
}
