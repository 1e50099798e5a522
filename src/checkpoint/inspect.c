/* Looking through a file data set by data set. */
#include "checkpoint/inspect.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/checkpoint_impl.h"
#include "checkpoint/h5.h"
#include "checkpoint/inspect_set.h"
#include "checkpoint/seal.h"
#include "checkpoint/weights.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

enum { MAX_SETS = 4096 };

/* ---- the verdict ---- */

void flr_inspect_blame(flr_inspect *out, const char *item, const char *reason) {
  if (!out->whole) return;
  out->whole = 0;
  (void)snprintf(out->item, sizeof out->item, "%s", item);
  (void)snprintf(out->reason, sizeof out->reason, "%s", reason);
}

/* With this thread's message, which does not name the file, as the reason. */
static void blame_message(flr_inspect *out, const char *item, const char *path) {
  char reason[FLR_INSPECT_REASON];
  (void)snprintf(reason, sizeof reason, "%.200s: %.300s", path, flr_status_message());
  flr_inspect_blame(out, item, reason);
}

/* What FLR_ERROR_DATA says about the file becomes the verdict; other failures stay failures. */
static flr_status blame_data(flr_inspect *out, const char *item, const char *path, flr_status status) {
  if (status != FLR_ERROR_DATA) return status;
  blame_message(out, item, path);
  return FLR_OK;
}

/* ---- data sets ---- */

static herr_t visit(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  flr_inspect *out = context;
  (void)root;
  if (info->type != H5O_TYPE_DATASET) return 0;
  if (out->count == MAX_SETS || strlen(name) + 2 > FLR_INSPECT_NAME) return -1;
  flr_inspect_set *set = &out->sets[out->count++];
  (void)snprintf(set->name, sizeof set->name, "/%s", name);
  return 0;
}

static flr_status list_sets(flr_inspect *out, hid_t file, const char *path) {
  FLR_TRY(flr_alloc(&out->sets, MAX_SETS, sizeof *out->sets));
  if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit, out) >= 0) return FLR_OK;
  (void)flr_fail(FLR_ERROR_DATA, "its groups cannot be read to their end, or hold more than %d data sets", MAX_SETS);
  blame_message(out, "/", path);
  return FLR_OK;
}

static flr_status describe_set(flr_inspect_set *set, hid_t file) {
  const hid_t id = H5Dopen2(file, set->name, H5P_DEFAULT);
  if (id < 0) return flr_fail(FLR_ERROR_DATA, "%s cannot be opened", set->name);
  const flr_status status = flr_inspect_describe(set, id);
  (void)H5Dclose(id);
  return status;
}

/* must: a data set without a checksum is one that was not written to its end. */
static flr_status read_set(flr_inspect_set *set, hid_t file, int own, int must, flr_inspect_meter *meter) {
  const hid_t id = H5Dopen2(file, set->name, H5P_DEFAULT);
  if (id < 0) return flr_fail(FLR_ERROR_DATA, "%s cannot be opened", set->name);
  const flr_status status = flr_inspect_read(set, file, id, own, meter);
  (void)H5Dclose(id);
  FLR_TRY(status);
  return must && !set->checked ? flr_fail(FLR_ERROR_DATA, "%s has no checksum", set->name) : FLR_OK;
}

/* All are looked at, also behind one that is damaged. */
static flr_status read_sets(flr_inspect *out, hid_t file, const char *path, int must, const flr_inspect_progress *progress) {
  const int own = strcmp(out->kind, "checkpoint") == 0 || strcmp(out->kind, "sweep") == 0;
  flr_inspect_meter meter = {.progress = progress};
  for (int64_t i = 0; i < out->count; i++) {
    flr_inspect_set *set = &out->sets[i];
    const flr_status status = describe_set(set, file);
    set->damaged = status != FLR_OK;
    FLR_TRY(blame_data(out, set->name, path, status));
    if (!set->damaged) meter.total += set->bytes;
  }
  for (int64_t i = 0; i < out->count; i++) {
    flr_inspect_set *set = &out->sets[i];
    if (set->damaged) continue;
    const flr_status status = read_set(set, file, own, must, &meter);
    set->damaged = status != FLR_OK;
    FLR_TRY(blame_data(out, set->name, path, status));
  }
  return FLR_OK;
}

/* ---- the whole file ---- */

static void take_text(char *out, size_t size, hid_t file, const char *attribute, const char *fallback) {
  char *text;
  if (flr_h5_read_attribute_string(&text, file, attribute) != FLR_OK) text = NULL; /* somebody else's attribute */
  (void)snprintf(out, size, "%s", text ? text : fallback);
  flr_free(text);
}

static void take_attributes(flr_inspect *out, hid_t file) {
  take_text(out->kind, sizeof out->kind, file, "fastlr_format", "unknown");
  take_text(out->model, sizeof out->model, file, "model", "");
  take_text(out->state, sizeof out->state, file, "state", "");
  take_text(out->program_version, sizeof out->program_version, file, "program_version", "");
  if (flr_h5_read_string(&out->config, file, "config") != FLR_OK) out->config = NULL; /* reading it again will say why */
  out->classes = flr_h5_read_attribute_integer(file, "classes", -1);
  out->steps = flr_h5_read_attribute_integer(file, "steps", -1);
  out->version = flr_h5_read_attribute_integer(file, "format_version", -1);
}

/* Version 1 had no checksums. A state to go on from must be one that resuming takes. */
static flr_status check_checkpoint(flr_inspect *out, hid_t file, int sealed) {
  if (out->version > FLR_CHECKPOINT_VERSION)
    return flr_fail(FLR_ERROR_DATA, "it has format version %lld, this program knows up to %d: use a newer fastlr_dist",
                    (long long)out->version, FLR_CHECKPOINT_VERSION);
  if (!sealed && out->version >= 2) return flr_fail(FLR_ERROR_DATA, "it has no checksums: it was not written to its end");
  if (strcmp(out->state, "full") != 0) return FLR_OK;
  FLR_TRY(flr_checkpoint_read_facts(file, &out->facts));
  out->has_facts = 1;
  return FLR_OK;
}

static flr_status inspect_open(flr_inspect *out, hid_t file, const char *path, const flr_inspect_progress *progress) {
  int sealed = 0;
  take_attributes(out, file);
  FLR_TRY(list_sets(out, file, path));
  if (strcmp(out->kind, "checkpoint") == 0) {
    flr_status status = flr_h5_verify_structure(file, &sealed);
    if (status == FLR_OK) status = check_checkpoint(out, file, sealed);
    FLR_TRY(blame_data(out, "/", path, status));
  }
  return read_sets(out, file, path, sealed, progress);
}

static flr_status inspect_path(flr_inspect *out, const char *path, const flr_inspect_progress *progress) {
  hid_t file;
  const flr_status status = flr_h5_open(&file, path);
  if (status == FLR_ERROR_DATA) {
    flr_inspect_blame(out, "", flr_status_message());
    return FLR_OK;
  }
  FLR_TRY(status);
  const flr_status looked = inspect_open(out, file, path, progress);
  (void)H5Fclose(file);
  return looked;
}

flr_status flr_inspect_file(flr_inspect *out, const char *path, const flr_inspect_progress *progress) {
  *out = (flr_inspect){.kind = "unknown", .classes = -1, .steps = -1, .version = -1, .whole = 1};
  flr_hdf5_lock();
  const flr_status status = inspect_path(out, path, progress);
  flr_hdf5_unlock();
  return status;
}

void flr_inspect_clear(flr_inspect *inspect) {
  flr_free(inspect->config);
  flr_free(inspect->sets);
  flr_checkpoint_clear(&inspect->facts);
  *inspect = (flr_inspect){0};
}
