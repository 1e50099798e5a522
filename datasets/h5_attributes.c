/* Reading attributes and strings. */
#include "datasets/h5_attributes.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

flr_status flr_h5_read_floats(float **out, const flr_h5_source *s, const char *name, int64_t channels) {
  *out = NULL;
  if (H5Aexists(s->file, name) <= 0) return FLR_OK;
  const hid_t attribute = H5Aopen(s->file, name, H5P_DEFAULT), space = H5Aget_space(attribute);
  flr_status status = FLR_OK;
  if (H5Sget_simple_extent_npoints(space) != channels)
    status = flr_fail(FLR_ERROR_DATA, "%s: the attribute %s has %lld values for %lld channels", s->name, name,
                      (long long)H5Sget_simple_extent_npoints(space), (long long)channels);
  else
    status = flr_alloc(out, channels, sizeof(float));
  if (status == FLR_OK && H5Aread(attribute, H5T_NATIVE_FLOAT, *out) < 0)
    status = flr_fail(FLR_ERROR_DATA, "%s: the attribute %s is not numbers", s->name, name);
  (void)H5Sclose(space);
  (void)H5Aclose(attribute);
  if (status == FLR_OK) return FLR_OK;
  flr_free(*out);
  *out = NULL;
  return status;
}

/* ---- strings ---- */

size_t flr_h5_string_size(hid_t type) { return H5Tis_variable_str(type) > 0 ? sizeof(char *) : H5Tget_size(type); }

static int copy(char text[FLR_H5_STRING_BYTES], const char *from, size_t length) {
  const size_t most = FLR_H5_STRING_BYTES - 1, taken = length < most ? length : most;
  memcpy(text, from, taken);
  text[taken] = '\0';
  return length <= most;
}

int flr_h5_string_take(char text[FLR_H5_STRING_BYTES], void *raw, hid_t type) {
  char *variable;
  if (H5Tis_variable_str(type) <= 0) {
    size_t length = strnlen(raw, H5Tget_size(type));
    while (H5Tget_strpad(type) == H5T_STR_SPACEPAD && length > 0 && ((const char *)raw)[length - 1] == ' ') length--;
    return copy(text, raw, length);
  }
  memcpy(&variable, raw, sizeof variable);
  const int whole = copy(text, variable ? variable : "", variable ? strlen(variable) : 0);
  (void)H5free_memory(variable);
  return whole;
}

static flr_status copy_names(const flr_h5_source *s, hid_t attribute, hid_t type, int64_t n, char **names) {
  const size_t size = flr_h5_string_size(type);
  char *raw, text[FLR_H5_STRING_BYTES];
  FLR_TRY(flr_alloc(&raw, n, size));
  flr_status status =
      H5Aread(attribute, type, raw) < 0 ? flr_fail(FLR_ERROR_DATA, "%s: class_names cannot be read", s->name) : FLR_OK;
  for (int64_t i = 0; i < n && status == FLR_OK; i++) {
    (void)flr_h5_string_take(text, raw + (size_t)i * size, type);
    status = flr_strdup(&names[i], text);
  }
  flr_free(raw);
  return status;
}

flr_status flr_h5_read_class_names(char ***out, int64_t *n, const flr_h5_source *s) {
  *out = NULL;
  *n = 0;
  if (H5Aexists(s->file, "class_names") <= 0) return FLR_OK;
  const hid_t attribute = H5Aopen(s->file, "class_names", H5P_DEFAULT), space = H5Aget_space(attribute),
              type = H5Aget_type(attribute);
  const int64_t count = H5Sget_simple_extent_npoints(space);
  flr_status status = FLR_OK;
  if (H5Tget_class(type) == H5T_STRING && count > 0) {
    status = flr_alloc(out, count, sizeof(char *));
    if (status == FLR_OK) *n = count;
    if (status == FLR_OK) status = copy_names(s, attribute, type, count, *out);
  }
  (void)H5Tclose(type);
  (void)H5Sclose(space);
  (void)H5Aclose(attribute);
  if (status == FLR_OK) return FLR_OK;
  flr_h5_free_names(*out, *n);
  *out = NULL;
  *n = 0;
  return status;
}

void flr_h5_free_names(char **names, int64_t n) {
  for (int64_t i = 0; names && i < n; i++) flr_free(names[i]);
  flr_free(names);
}
