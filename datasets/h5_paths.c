/* Paths in files, and what is said when they lead nowhere. */
#include "datasets/h5_paths.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 256, LIST_BYTES = 400 };

char *flr_h5_next_file(char **list) {
  char *name = *list, *to, *from;
  while (*name == ',') name++;
  if (!*name) return NULL;
  for (from = to = name; *from && *from != ','; from++) {
    if (from[0] == '\\' && from[1] == ',') from++;
    *to++ = *from;
  }
  *list = *from ? from + 1 : from;
  *to = '\0';
  return name;
}

/* The end of the first part of the path that is not there: 0: all of it is. */
static size_t missing_part(hid_t file, const char *path) {
  char partial[PATH_BYTES];
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof partial) return length + 1;
  memcpy(partial, path, length + 1);
  for (size_t end = 1; end <= length; end++) {
    if (path[end] != '/' && path[end] != '\0') continue;
    partial[end] = '\0';
    if (H5Lexists(file, partial, H5P_DEFAULT) <= 0 || H5Oexists_by_name(file, partial, H5P_DEFAULT) <= 0) return end;
    partial[end] = path[end];
  }
  return 0;
}

int flr_h5_path_exists(const flr_h5_source *s, const char *path) { return missing_part(s->file, path) == 0; }

/* ---- what is said ---- */

static herr_t list_dataset(hid_t file, const char *name, const H5O_info_t *info, void *context) {
  char *list = context;
  (void)file;
  if (info->type != H5O_TYPE_DATASET || strlen(list) + strlen(name) + 3 > LIST_BYTES) return 0;
  if (list[0]) strcat(list, ", ");
  strcat(list, name);
  return 0;
}

static flr_status no_such_path(const flr_h5_source *s, const char *path) {
  char list[LIST_BYTES + 8] = "";
  (void)H5Ovisit(s->file, H5_INDEX_NAME, H5_ITER_INC, list_dataset, list);
  return flr_fail(FLR_ERROR_DATA, "%s: no data set %s; it holds %s: name them with --x-path and --y-path", s->name, path,
                  list[0] ? list : "none");
}

/* A link that is there and whose target is not. */
static flr_status broken_link(const flr_h5_source *s, const char *path, const char *link, const H5L_info_t *info) {
  char value[2 * PATH_BYTES] = "";
  const char *file = "", *object = value;
  unsigned flags;
  if (info->u.val_size > sizeof value || H5Lget_val(s->file, link, value, sizeof value, H5P_DEFAULT) < 0) value[0] = '\0';
  value[sizeof value - 1] = '\0';
  if (info->type == H5L_TYPE_EXTERNAL && value[0] == '\0' &&
      H5Lunpack_elink_val(value, info->u.val_size, &flags, &file, &object) < 0)
    return no_such_path(s, path);
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s: %s is a link to %s%s%s, which is not there: bring it back, or name the data with --x-path", s->name,
                  path, link, file, file[0] ? ":" : "", object);
}

static flr_status say_missing(const flr_h5_source *s, const char *path, size_t end) {
  char partial[PATH_BYTES];
  H5L_info_t info;
  if (end >= sizeof partial) return no_such_path(s, path);
  memcpy(partial, path, end);
  partial[end] = '\0';
  if (H5Lexists(s->file, partial, H5P_DEFAULT) <= 0 || H5Lget_info(s->file, partial, &info, H5P_DEFAULT) < 0)
    return no_such_path(s, path);
  return info.type == H5L_TYPE_HARD ? no_such_path(s, path) : broken_link(s, path, partial, &info);
}

/* People keep each image as a data set of its own where sizes differ. */
static flr_status say_group(const flr_h5_source *s, const char *path) {
  H5G_info_t info = {0};
  (void)H5Gget_info_by_name(s->file, path, &info, H5P_DEFAULT);
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s is a group of %llu, not a data set: samples of one size belong into one data set [N, ..]; images of "
                  "different sizes: save them as files and make them one size: fastlr_dist convert imagefolder",
                  s->name, path, (unsigned long long)info.nlinks);
}

flr_status flr_h5_path_check(const flr_h5_source *s, const char *path) {
  H5O_info_t info;
  const size_t end = missing_part(s->file, path);
  if (end) return say_missing(s, path, end);
  if (H5Oget_info_by_name(s->file, path, &info, H5P_DEFAULT) < 0) return no_such_path(s, path);
  if (info.type == H5O_TYPE_GROUP) return say_group(s, path);
  return info.type == H5O_TYPE_DATASET ? FLR_OK : flr_fail(FLR_ERROR_DATA, "%s: %s is no data set", s->name, path);
}
