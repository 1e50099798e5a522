/* The digest goes over the file's objects in order of their names. Numbers count as 64-bit values and texts as their
 * characters, so that their width or kind of storage may change. */
#include "checkpoint/seal.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "core/hash.h"
#include "core/memory.h"

static const char digest_name[] = "digest", checksum_name[] = "checksum";

uint64_t flr_h5_checksum(const void *data, size_t bytes) { return flr_hash(FLR_HASH_START, data, bytes); }

/* ---- the digest ---- */

typedef struct digest {
  hid_t object; /* whose attributes are being looked at */
  int is_root;
  uint64_t hash;
  flr_status status;
} digest;

static void add(digest *d, const void *data, size_t bytes) { d->hash = flr_hash(d->hash, data, bytes); }

static flr_status add_text_attribute(digest *d, const char *name) {
  char *text;
  FLR_TRY(flr_h5_read_attribute_string(&text, d->object, name));
  add(d, text, strlen(text));
  flr_free(text);
  return FLR_OK;
}

static hid_t as_64_bits(hid_t type) {
  if (H5Tget_class(type) == H5T_FLOAT) return H5T_NATIVE_DOUBLE;
  return H5Tget_sign(type) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
}

static flr_status add_attribute(digest *d, const char *name) {
  const hid_t attribute = H5Aopen(d->object, name, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const H5T_class_t class = H5Tget_class(type);
  const int one = H5Sget_simple_extent_npoints(space) == 1;
  uint64_t value = 0;
  flr_status status = FLR_OK;
  add(d, name, strlen(name));
  if (class == H5T_STRING)
    status = add_text_attribute(d, name);
  else if (!one || (class != H5T_INTEGER && class != H5T_FLOAT) || H5Aread(attribute, as_64_bits(type), &value) < 0)
    status = flr_fail(FLR_ERROR_DATA, "the attribute %.60s cannot be read", name);
  add(d, &value, sizeof value);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  (void)H5Aclose(attribute);
  return status;
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context) {
  digest *d = context;
  (void)info;
  if (d->is_root && strcmp(name, digest_name) == 0) return 0;
  d->object = object;
  d->status = add_attribute(d, name);
  return d->status == FLR_OK ? 0 : -1;
}

/* What kind of numbers, and how many along each axis. */
static void add_shape(digest *d, hid_t set) {
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  hsize_t dims[H5S_MAX_RANK] = {0};
  const int rank = H5Sget_simple_extent_dims(space, dims, NULL);
  const int64_t kind[] = {(int64_t)H5Tget_class(type), H5Tget_class(type) == H5T_STRING ? 0 : (int64_t)H5Tget_size(type), rank};
  add(d, kind, sizeof kind);
  if (rank > 0) add(d, dims, (size_t)rank * sizeof *dims);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
}

static herr_t visit_object(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  digest *d = context;
  hsize_t at = 0;
  const hid_t object = H5Oopen(root, name, H5P_DEFAULT);
  if (object < 0) return -1;
  d->is_root = strcmp(name, ".") == 0;
  add(d, name, strlen(name));
  if (info->type == H5O_TYPE_DATASET) add_shape(d, object);
  const herr_t result = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, d);
  (void)H5Oclose(object);
  return result < 0 ? -1 : 0;
}

static flr_status compute(uint64_t *out, hid_t file) {
  digest d = {.hash = FLR_HASH_START};
  if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &d) < 0)
    return d.status != FLR_OK ? d.status : flr_fail(FLR_ERROR_DATA, "its groups cannot be read");
  *out = d.hash;
  return FLR_OK;
}

flr_status flr_h5_seal(hid_t file) {
  uint64_t hash;
  FLR_TRY(compute(&hash, file));
  return flr_h5_write_attribute(file, digest_name, H5T_NATIVE_UINT64, &hash);
}

/* ---- verifying ---- */

static int read_unsigned(hid_t object, const char *name, uint64_t *out) {
  if (H5Aexists(object, name) <= 0) return 0;
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  const int good = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_UINT64, out) >= 0;
  if (attribute >= 0) (void)H5Aclose(attribute);
  return good;
}

int flr_h5_kept_checksum(hid_t set, uint64_t *out) { return read_unsigned(set, checksum_name, out); }

/* The values of a data set of numbers, as they are. */
static flr_status hash_numbers(hid_t set, const char *name, uint64_t *out) {
  const hid_t type = H5Dget_type(set), native = H5Tget_native_type(type, H5T_DIR_ASCEND), space = H5Dget_space(set);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  int64_t bytes = 0;
  void *data = NULL;
  flr_status status = flr_h5_find_stored(set) != FLR_H5_ALL
                          ? flr_fail(FLR_ERROR_DATA, "%s was never written whole", name)
                          : flr_multiply(&bytes, (int64_t)points, (int64_t)H5Tget_size(native));
  if (status == FLR_OK) status = flr_alloc(&data, bytes, 1);
  if (status == FLR_OK && bytes > 0 && H5Dread(set, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    status = flr_fail(FLR_ERROR_DATA, "%s cannot be read", name);
  if (status == FLR_OK) *out = flr_h5_checksum(data, (size_t)bytes);
  flr_free(data);
  (void)H5Sclose(space);
  (void)H5Tclose(native);
  (void)H5Tclose(type);
  return status;
}

static flr_status hash_text(hid_t file, const char *name, uint64_t *out) {
  char *text;
  FLR_TRY(flr_h5_read_string(&text, file, name));
  *out = flr_h5_checksum(text, strlen(text));
  flr_free(text);
  return FLR_OK;
}

flr_status flr_h5_hash_values(uint64_t *out, hid_t file, hid_t set, const char *name) {
  const hid_t type = H5Dget_type(set);
  const H5T_class_t class = H5Tget_class(type);
  (void)H5Tclose(type);
  return class == H5T_STRING ? hash_text(file, name, out) : hash_numbers(set, name, out);
}

static flr_status verify_set(hid_t file, hid_t set, const char *name) {
  uint64_t kept, now = 0;
  if (!read_unsigned(set, checksum_name, &kept)) return flr_fail(FLR_ERROR_DATA, "%s has no checksum", name);
  FLR_TRY(flr_h5_hash_values(&now, file, set, name));
  return now == kept ? FLR_OK : flr_fail(FLR_ERROR_DATA, "the values of %s are not those that were written", name);
}

typedef struct verification {
  hid_t file;
  flr_status status;
} verification;

static herr_t visit_set(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  verification *v = context;
  if (info->type != H5O_TYPE_DATASET) return 0;
  const hid_t set = H5Dopen2(root, name, H5P_DEFAULT);
  v->status = set < 0 ? flr_fail(FLR_ERROR_DATA, "%s cannot be opened", name) : verify_set(v->file, set, name);
  if (set >= 0) (void)H5Dclose(set);
  return v->status == FLR_OK ? 0 : -1;
}

flr_status flr_h5_verify_structure(hid_t file, int *sealed) {
  uint64_t kept, now = 0;
  *sealed = read_unsigned(file, digest_name, &kept);
  if (!*sealed) return FLR_OK;
  FLR_TRY(compute(&now, file));
  return now == kept ? FLR_OK : flr_fail(FLR_ERROR_DATA, "names, shapes or attributes are not those that were written");
}

/* Structure first: after that the shapes can be trusted. */
static flr_status verify(hid_t file, int *sealed) {
  verification v = {.file = file};
  FLR_TRY(flr_h5_verify_structure(file, sealed));
  if (!*sealed) return FLR_OK;
  if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_set, &v) < 0)
    return v.status != FLR_OK ? v.status : flr_fail(FLR_ERROR_DATA, "its groups cannot be read");
  return FLR_OK;
}

flr_status flr_h5_verify(hid_t file, const char *path, int *sealed) {
  char reason[512];
  const flr_status status = verify(file, sealed);
  if (status == FLR_OK) return FLR_OK;
  (void)snprintf(reason, sizeof reason, "%s", flr_status_message());
  return flr_fail(FLR_ERROR_DATA, "%s is damaged: %s", path, reason);
}
