/* Every HDF5 call checked, every error with the name it happened at. */
#include "checkpoint/h5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

enum { REASON = 256, TEXT_LIMIT = 1 << 20 };

void flr_h5_quiet(void) { (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

static herr_t first_reason(unsigned n, const H5E_error2_t *error, void *context) {
  if (n == 0 && error->desc) (void)snprintf(context, REASON, "%s", error->desc);
  return 0;
}

const char *flr_h5_reason(char *text, size_t size) {
  char reason[REASON] = "unknown reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, reason);
  for (char *c = reason; *c; c++)
    if (*c == '\n') *c = ' ';
  (void)snprintf(text, size, "%s", reason);
  return text;
}

/* ---- reading ---- */

static herr_t pass_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context) {
  (void)object;
  (void)name;
  (void)info;
  (void)context;
  return 0;
}

static herr_t pass_object(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  hsize_t at = 0;
  const hid_t object = H5Oopen(root, name, H5P_DEFAULT);
  (void)info;
  if (object < 0) return -1;
  const herr_t result = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, &at, pass_attribute, context);
  (void)H5Oclose(object);
  return result;
}

/* Walks all groups and attributes in the order in which they are stored. Going through them in the order of names, HDF5 1.10
 * first makes a table, and frees entries that it never filled when a group's heap proves damaged half-way: after this it does
 * not. */
static int can_walk(hid_t file) { return H5Ovisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, pass_object, NULL) >= 0; }

flr_status flr_h5_open(hid_t *out, const char *path) {
  struct stat info;
  char reason[REASON];
  *out = H5I_INVALID_HID;
  flr_h5_quiet();
  if (stat(path, &info) != 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s: %s: give an HDF5 file", path, strerror(errno));
  if (S_ISDIR(info.st_mode)) return flr_fail(FLR_ERROR_NO_INPUT, "%s is a folder: give an HDF5 file", path);
  if (info.st_size == 0) return flr_fail(FLR_ERROR_NO_INPUT, "%s is empty (0 bytes): give an HDF5 file", path);
  if (access(path, R_OK) != 0) return flr_fail(FLR_ERROR_IO, "%s: %s", path, strerror(errno));
  if (H5Fis_hdf5(path) <= 0) return flr_fail(FLR_ERROR_DATA, "%s is not an HDF5 file", path);
  const hid_t how = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  (void)H5Pset_file_locking(how, 0, 1); /* reading needs no lock, and network file systems may have none */
#endif
  *out = H5Fopen(path, H5F_ACC_RDONLY, how);
  if (*out < 0) flr_h5_reason(reason, sizeof reason); /* the next call of HDF5 forgets it */
  (void)H5Pclose(how);
  if (*out >= 0 && !can_walk(*out)) {
    flr_h5_reason(reason, sizeof reason);
    (void)H5Fclose(*out);
    *out = H5I_INVALID_HID;
  }
  if (*out >= 0) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s is damaged or cut off (%lld bytes): HDF5 says: %s", path, (long long)info.st_size,
                  reason);
}

/* Variable-length text comes as a pointer that HDF5 allocated, fixed-length text as bytes that may lack a terminator. */
static flr_status copy_text(char **out, hid_t type, hid_t source, int attribute, const char *name) {
  const int variable = H5Tis_variable_str(type) > 0;
  const size_t bytes = H5Tget_size(type);
  if (bytes > TEXT_LIMIT) return flr_fail(FLR_ERROR_DATA, "%s: %zu bytes of text are too many", name, bytes);
  char *pointer = NULL;
  FLR_TRY(flr_alloc(out, (int64_t)bytes + 1, 1));
  void *target = variable ? (void *)&pointer : *out;
  const herr_t result =
      attribute ? H5Aread(source, type, target) : H5Dread(source, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, target);
  flr_status status = result < 0 ? flr_fail(FLR_ERROR_DATA, "%s: the text cannot be read", name) : FLR_OK;
  if (variable || status != FLR_OK) {
    flr_free(*out);
    *out = NULL;
  }
  if (variable && status == FLR_OK) status = flr_strdup(out, pointer ? pointer : "");
  if (variable) (void)H5free_memory(pointer);
  return status;
}

static flr_status read_text(char **out, hid_t source, int attribute, const char *name) {
  const hid_t type = attribute ? H5Aget_type(source) : H5Dget_type(source);
  const hid_t space = attribute ? H5Aget_space(source) : H5Dget_space(source);
  const int one = H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1;
  const flr_status status =
      one ? copy_text(out, type, source, attribute, name) : flr_fail(FLR_ERROR_DATA, "%s is not one text", name);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  return status;
}

flr_status flr_h5_read_string(char **out, hid_t file, const char *name) {
  *out = NULL;
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0) return FLR_OK;
  const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  if (set < 0) return flr_fail(FLR_ERROR_DATA, "%s is not one text", name);
  const flr_status status = read_text(out, set, 0, name);
  (void)H5Dclose(set);
  return status;
}

flr_status flr_h5_read_attribute_string(char **out, hid_t file, const char *name) {
  *out = NULL;
  if (H5Aexists(file, name) <= 0) return FLR_OK;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  if (attribute < 0) return flr_fail(FLR_ERROR_DATA, "%s is not one text", name);
  const flr_status status = read_text(out, attribute, 1, name);
  (void)H5Aclose(attribute);
  return status;
}

int64_t flr_h5_read_attribute_integer(hid_t file, const char *name, int64_t fallback) {
  if (H5Aexists(file, name) <= 0) return fallback;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  int64_t value = fallback;
  if (H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_npoints(space) == 1 &&
      H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
    value = fallback;
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  (void)H5Aclose(attribute);
  return value;
}

/* ---- what is stored ---- */

static flr_h5_stored find_contiguous(hid_t set, hid_t list, int64_t bytes) {
  hsize_t end;
  if (H5Pget_external_count(list) > 0) return FLR_H5_ALL;
  const haddr_t offset = H5Dget_offset(set);
  const hid_t file = H5Iget_file_id(set);
  const int known = file >= 0 && H5Fget_filesize(file, &end) >= 0;
  if (file >= 0) (void)H5Fclose(file);
  return known && offset != HADDR_UNDEF && offset <= end && (hsize_t)bytes <= end - offset ? FLR_H5_ALL : FLR_H5_NOTHING;
}

static flr_h5_stored find_chunks(hid_t set, hid_t list, hid_t space, int rank, const hsize_t *dims) {
  hsize_t chunk[H5S_MAX_RANK], found;
  int64_t wanted = 1;
  if (H5Pget_chunk(list, H5S_MAX_RANK, chunk) != rank || H5Dget_num_chunks(set, space, &found) < 0 || found == 0)
    return FLR_H5_NOTHING;
  for (int i = 0; i < rank; i++)
    if (flr_multiply(&wanted, wanted, (int64_t)(dims[i] / chunk[i] + (dims[i] % chunk[i] != 0))) != FLR_OK)
      return FLR_H5_IN_PART;
  return (int64_t)found == wanted ? FLR_H5_ALL : FLR_H5_IN_PART;
}

static flr_h5_stored find_in(hid_t set, hid_t list, hid_t space, hid_t type) {
  hsize_t dims[H5S_MAX_RANK];
  int64_t bytes;
  const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (rank < 0 || points < 0 || flr_multiply(&bytes, (int64_t)points, (int64_t)H5Tget_size(type)) != FLR_OK)
    return FLR_H5_NOTHING;
  if (bytes == 0) return FLR_H5_ALL;
  switch (H5Pget_layout(list)) {
    case H5D_CONTIGUOUS: return find_contiguous(set, list, bytes);
    case H5D_CHUNKED: return find_chunks(set, list, space, rank, dims);
    case H5D_COMPACT:
    case H5D_VIRTUAL: return FLR_H5_ALL;
    default: return FLR_H5_NOTHING;
  }
}

flr_h5_stored flr_h5_find_stored(hid_t set) {
  const hid_t list = H5Dget_create_plist(set), space = H5Dget_space(set), type = H5Dget_type(set);
  const flr_h5_stored stored = find_in(set, list, space, type);
  (void)H5Tclose(type);
  (void)H5Sclose(space);
  (void)H5Pclose(list);
  return stored;
}
