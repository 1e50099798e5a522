/* Looking for files where HDF5 would. */
#include "datasets/h5_elsewhere.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/h5_paths.h"

enum { NAME_BYTES = 1024 };

/* `name` in the folder of `file`. */
static const char *beside(char out[2 * NAME_BYTES], const char *file, const char *name) {
  const char *slash = strrchr(file, '/');
  (void)snprintf(out, 2 * NAME_BYTES, "%.*s%s", slash ? (int)(slash - file) + 1 : 0, file, name);
  return out;
}

/* ---- virtual ---- */

/* Where HDF5 looks: the folders of HDF5_VDS_PREFIX, the folder of the virtual file, the current one. 0: nowhere. */
static int find_file(char out[2 * NAME_BYTES], const flr_h5_source *s, const char *name) {
  const char *last = strrchr(name, '/'), *prefixes = getenv("HDF5_VDS_PREFIX");
  if (name[0] == '/') {
    (void)snprintf(out, 2 * NAME_BYTES, "%s", name);
    if (access(out, F_OK) == 0) return 1;
    name = last + 1;
  }
  for (const char *at = prefixes; at && *at;) {
    const size_t length = strcspn(at, ":");
    (void)snprintf(out, 2 * NAME_BYTES, "%.*s/%s", (int)length, at, name);
    if (access(out, F_OK) == 0) return 1;
    at += length + (at[length] == ':');
  }
  if (access(beside(out, s->name, name), F_OK) == 0) return 1;
  (void)snprintf(out, 2 * NAME_BYTES, "%s", name);
  return access(out, F_OK) == 0;
}

/* What is selected, `points` values, must be there: HDF5 fills what is not. A selection of all has no axes. */
static flr_status check_reach(const flr_h5_source *s, const char *path, const flr_h5_source *from, const char *name,
                              hid_t selected, hssize_t points) {
  hsize_t first[H5S_MAX_RANK] = {0}, last[H5S_MAX_RANK] = {0}, dims[H5S_MAX_RANK] = {0};
  const hid_t dataset = H5Dopen2(from->file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  int good = 1;
  if (H5Sget_select_type(selected) == H5S_SEL_ALL)
    good = H5Sget_simple_extent_npoints(space) == points;
  else if (H5Sget_select_bounds(selected, first, last) >= 0) /* there are none of unlimited ones */
    for (int i = 0; i < rank; i++) good &= last[i] < dims[i];
  (void)H5Sclose(space);
  (void)H5Dclose(dataset);
  if (good) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: %s takes other values of %s of %s than it has: HDF5 would make some up", s->name, path,
                  name, from->name);
}

static flr_status check_mapping(const flr_h5_source *s, const char *path, hid_t list, size_t i, hssize_t points) {
  char file[NAME_BYTES] = "", name[NAME_BYTES] = "", found[2 * NAME_BYTES];
  flr_h5_source other;
  (void)H5Pget_virtual_filename(list, i, file, sizeof file);
  (void)H5Pget_virtual_dsetname(list, i, name, sizeof name);
  if (strchr(file, '%') || strchr(name, '%')) return FLR_OK; /* a pattern: as many files as there are */
  const hid_t selected = H5Pget_virtual_srcspace(list, i);
  flr_status status = FLR_OK;
  if (strcmp(file, ".") == 0) {
    status = flr_h5_path_check(s, name);
    if (status == FLR_OK) status = check_reach(s, path, s, name, selected, points);
  } else if (!find_file(found, s, file)) {
    status =
        flr_fail(FLR_ERROR_DATA, "%s: %s is virtual, and its source %s is missing: HDF5 would make up values: bring it back",
                 s->name, path, file);
  } else {
    status = flr_h5_source_open(&other, found);
    if (status == FLR_OK) status = flr_h5_path_check(&other, name);
    if (status == FLR_OK) status = check_reach(s, path, &other, name, selected, points);
    if (other.fd >= 0) flr_h5_source_close(&other);
  }
  (void)H5Sclose(selected);
  return status;
}

flr_status flr_h5_check_virtual(const flr_h5_source *s, const char *path, hid_t dataset, hid_t list) {
  size_t count = 0;
  int64_t covered = 0;
  int known = 1;
  (void)H5Pget_virtual_count(list, &count);
  for (size_t i = 0; i < count; i++) {
    const hid_t part = H5Pget_virtual_vspace(list, i);
    hsize_t first[H5S_MAX_RANK], last[H5S_MAX_RANK];
    const hssize_t points = H5Sget_select_npoints(part);
    if (H5Sget_select_bounds(part, first, last) < 0 || points < 0) known = 0; /* unlimited */
    covered += points > 0 ? (int64_t)points : 0;
    (void)H5Sclose(part);
    FLR_TRY(check_mapping(s, path, list, i, points));
  }
  const hid_t space = H5Dget_space(dataset);
  const int64_t all = (int64_t)H5Sget_simple_extent_npoints(space);
  (void)H5Sclose(space);
  if (!known || covered >= all) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s is virtual, and its sources have %lld of its %lld values: HDF5 would make up the rest", s->name, path,
                  (long long)covered, (long long)all);
}

/* ---- external ---- */

static flr_status check_raw_file(const flr_h5_source *s, const char *path, const char *name, int64_t need, int *at_home) {
  char found[2 * NAME_BYTES];
  struct stat info;
  if (name[0] == '/' || (!*at_home && stat(name, &info) == 0)) {
    (void)snprintf(found, sizeof found, "%s", name);
  } else {
    (void)beside(found, s->name, name);
    *at_home = 1;
  }
  if (stat(found, &info) != 0)
    return flr_fail(FLR_ERROR_DATA, "%s: %s is kept in %s, which is missing: bring it back", s->name, path, name);
  if ((int64_t)info.st_size >= need) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: %s is kept in %s, which has %lld of its %lld bytes: HDF5 would make up the rest",
                  s->name, path, name, (long long)info.st_size, (long long)need);
}

flr_status flr_h5_check_external(const flr_h5_source *s, const char *path, hid_t list, int *at_home) {
  const int count = H5Pget_external_count(list);
  *at_home = 0;
  for (int i = 0; i < count; i++) {
    char name[NAME_BYTES] = "";
    off_t offset = 0;
    hsize_t bytes = 0;
    if (H5Pget_external(list, (unsigned)i, sizeof name - 1, name, &offset, &bytes) < 0)
      return flr_fail(FLR_ERROR_DATA, "%s: %s: its other files cannot be listed", s->name, path);
    FLR_TRY(check_raw_file(s, path, name, (int64_t)offset + (bytes == H5F_UNLIMITED ? 0 : (int64_t)bytes), at_home));
  }
  return FLR_OK;
}
