/* Attributes, and the lines of /config and /dataset. */
#include "checkpoint/diff_values.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "core/ini.h"
#include "core/memory.h"

typedef struct value {
  char name[FLR_INSPECT_NAME];
  char *text; /* owned */
  int is_text;
} value;

typedef struct list {
  value *values; /* owned */
  int64_t count, room;
} list;

static flr_status add(list *l, const char *name, const char *text, int is_text) {
  if (l->count == l->room) {
    value *larger;
    l->room = 2 * l->room + 64;
    FLR_TRY(flr_alloc(&larger, l->room, sizeof *larger));
    if (l->count > 0) memcpy(larger, l->values, (size_t)l->count * sizeof *larger);
    flr_free(l->values);
    l->values = larger;
  }
  value *v = &l->values[l->count];
  (void)snprintf(v->name, sizeof v->name, "%s", name);
  v->is_text = is_text;
  FLR_TRY(flr_strdup(&v->text, text));
  l->count++;
  return FLR_OK;
}

static void clear(list *l) {
  for (int64_t i = 0; i < l->count; i++) flr_free(l->values[i].text);
  flr_free(l->values);
  *l = (list){0};
}

static const value *find(const list *l, const char *name) {
  for (int64_t i = 0; i < l->count; i++)
    if (strcmp(l->values[i].name, name) == 0) return &l->values[i];
  return NULL;
}

/* ---- attributes ---- */

typedef struct attributes {
  list *into;
  const char *object; /* "." for the root */
  flr_status status;
} attributes;

static flr_status add_number(list *l, const char *name, hid_t attribute, hid_t type) {
  char text[40] = "?"; /* what is no single number */
  int64_t integer;
  double real;
  const hid_t space = H5Aget_space(attribute);
  const int one = H5Sget_simple_extent_npoints(space) == 1;
  (void)H5Sclose(space);
  if (one && H5Tget_class(type) == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_INT64, &integer) >= 0)
    (void)snprintf(text, sizeof text, "%lld", (long long)integer);
  if (one && H5Tget_class(type) == H5T_FLOAT && H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0)
    (void)snprintf(text, sizeof text, "%.17g", real);
  return add(l, name, text, 0);
}

static flr_status add_attribute(attributes *a, hid_t object, const char *name) {
  char full[FLR_INSPECT_NAME];
  const int root = strcmp(a->object, ".") == 0;
  if (strcmp(name, "checksum") == 0 || (root && strcmp(name, "digest") == 0)) return FLR_OK;
  (void)snprintf(full, sizeof full, "%.150s%s%.100s", root ? "" : a->object, root ? "" : "/", name);
  char *text = NULL;
  if (flr_h5_read_attribute_string(&text, object, name) == FLR_OK) {
    const flr_status status = add(a->into, full, text, 1);
    flr_free(text);
    return status;
  }
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(attribute);
  const flr_status status = add_number(a->into, full, attribute, type);
  (void)H5Tclose(type);
  (void)H5Aclose(attribute);
  return status;
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context) {
  attributes *a = context;
  (void)info;
  a->status = add_attribute(a, object, name);
  return a->status == FLR_OK ? 0 : -1;
}

/* Texts that are no lists of lines count as attributes do. */
static flr_status add_text(list *l, hid_t root, const char *name) {
  char *text;
  if (strcmp(name, "config") == 0 || strcmp(name, "dataset") == 0) return FLR_OK;
  if (flr_h5_read_string(&text, root, name) != FLR_OK || !text) return FLR_OK; /* numbers, which are compared elsewhere */
  const flr_status status = add(l, name, text, 1);
  flr_free(text);
  return status;
}

static herr_t visit_object(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  attributes *a = context;
  hsize_t at = 0;
  const hid_t object = H5Oopen(root, name, H5P_DEFAULT);
  if (object < 0) return -1;
  a->object = name;
  if (info->type == H5O_TYPE_DATASET) a->status = add_text(a->into, root, name);
  const herr_t result = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, a);
  (void)H5Oclose(object);
  return result < 0 ? -1 : 0;
}

static flr_status list_attributes(list *out, hid_t file, const char *path) {
  attributes a = {.into = out};
  (void)path;
  if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &a) >= 0) return FLR_OK;
  return a.status != FLR_OK ? a.status : flr_fail(FLR_ERROR_DATA, "its attributes cannot be read");
}

static flr_status list_config(list *out, hid_t file, const char *path) {
  char *text;
  const char *name, *given;
  int line = 0;
  flr_status status = flr_h5_read_string(&text, file, path);
  char *cursor = text;
  for (int found; status == FLR_OK && text && (found = flr_ini_next(&cursor, &line, &name, &given)) != 0;)
    if (found > 0) status = add(out, name, given, 1);
  flr_free(text);
  return status;
}

/* ---- comparing ---- */

static flr_status keep(flr_diff *diff, flr_diff_kind kind, const char *name, const value *a, const value *b) {
  static const char progress[] = "progress/";
  flr_diff_value *v = &diff->values[diff->value_count];
  const int in_progress = kind == FLR_DIFF_ATTRIBUTE && strncmp(name, progress, strlen(progress)) == 0;
  *v = (flr_diff_value){.kind = in_progress ? FLR_DIFF_PROGRESS : kind, .is_text = (a && a->is_text) || (b && b->is_text)};
  strcpy(v->name, name + (in_progress ? strlen(progress) : 0)); /* of the same size */
  diff->value_count++;
  FLR_TRY(flr_strdup(&v->value[0], a ? a->text : NULL));
  return flr_strdup(&v->value[1], b ? b->text : NULL);
}

static flr_status make_room(flr_diff *diff, int64_t more) {
  flr_diff_value *larger;
  FLR_TRY(flr_alloc(&larger, diff->value_count + more, sizeof *larger));
  if (diff->value_count > 0) memcpy(larger, diff->values, (size_t)diff->value_count * sizeof *larger);
  flr_free(diff->values);
  diff->values = larger;
  return FLR_OK;
}

static flr_status compare(flr_diff *diff, flr_diff_kind kind, const list *a, const list *b) {
  FLR_TRY(make_room(diff, a->count + b->count));
  for (int64_t i = 0; i < a->count; i++) {
    const value *other = find(b, a->values[i].name);
    if (!other || strcmp(other->text, a->values[i].text) != 0)
      FLR_TRY(keep(diff, kind, a->values[i].name, &a->values[i], other));
  }
  for (int64_t i = 0; i < b->count; i++)
    if (!find(a, b->values[i].name)) FLR_TRY(keep(diff, kind, b->values[i].name, NULL, &b->values[i]));
  return FLR_OK;
}

static flr_status compare_lists(flr_diff *diff, flr_diff_kind kind, const hid_t files[2],
                                flr_status (*make)(list *, hid_t, const char *), const char *path) {
  list lists[2] = {0};
  flr_status status = make(&lists[0], files[0], path);
  if (status == FLR_OK) status = make(&lists[1], files[1], path);
  if (status == FLR_OK) status = compare(diff, kind, &lists[0], &lists[1]);
  clear(&lists[0]);
  clear(&lists[1]);
  return status;
}

flr_status flr_diff_add_values(flr_diff *diff, const hid_t files[2]) {
  FLR_TRY(compare_lists(diff, FLR_DIFF_ATTRIBUTE, files, list_attributes, NULL));
  FLR_TRY(compare_lists(diff, FLR_DIFF_CONFIG, files, list_config, "config"));
  return compare_lists(diff, FLR_DIFF_DATA, files, list_config, "dataset");
}
