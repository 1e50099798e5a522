/* Edits: a few bytes each. */
#include "fuzz/h5_edits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "checkpoint/seal.h"
#include "core/hdf5_lock.h"

/* ---- the good file ---- */

static herr_t take_name(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  h5_base *base = context;
  (void)root;
  (void)info;
  if (base->count < 64 && strlen(name) < sizeof base->names[0]) (void)strcpy(base->names[base->count++], name);
  return 0;
}

void h5_base_load(h5_base *out, const char *path) {
  FILE *file = fopen(path, "rb");
  *out = (h5_base){0};
  if (!file || fseek(file, 0, SEEK_END) != 0) exit(1);
  out->size = (size_t)ftell(file);
  out->bytes = malloc(out->size);
  rewind(file);
  if (!out->bytes || fread(out->bytes, 1, out->size, file) != out->size) exit(1);
  (void)fclose(file);
  flr_h5_quiet();
  const hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (id < 0 || H5Ovisit(id, H5_INDEX_NAME, H5_ITER_INC, take_name, out) < 0) exit(1);
  (void)H5Fclose(id);
}

/* ---- taking numbers from the input ---- */

typedef struct script {
  const uint8_t *data;
  size_t size;
} script;

static unsigned take(script *s) {
  if (s->size == 0) return 0;
  s->size--;
  return *s->data++;
}

static int64_t take_number(script *s) {
  static const int64_t known[] = {0, 1, 2, 3, 4, 5, 8, 63, 64, 65, 1000, 65536, 1 << 20, 1 << 30, INT64_MAX, -1, INT64_MIN};
  const unsigned which = take(s);
  if (which < sizeof known / sizeof known[0]) return known[which];
  int64_t value = 0;
  for (unsigned i = 0; i < which % 8 + 1; i++) value = (int64_t)((uint64_t)value << 8 | take(s));
  return value;
}

static hid_t take_type(script *s) {
  hid_t type;
  switch (take(s) % 10) {
    case 0: return H5Tcopy(H5T_NATIVE_FLOAT);
    case 1: return H5Tcopy(H5T_NATIVE_DOUBLE);
    case 2: return H5Tcopy(H5T_NATIVE_UINT8);
    case 3: return H5Tcopy(H5T_NATIVE_INT64);
    case 4: return H5Tcopy(H5T_STD_I16BE);
    case 5:
      type = H5Tcopy(H5T_C_S1);
      (void)H5Tset_size(type, H5T_VARIABLE);
      return type;
    case 6:
      type = H5Tcopy(H5T_C_S1);
      (void)H5Tset_size(type, take(s) + 1);
      return type;
    case 7: return H5Tvlen_create(H5T_NATIVE_INT);
    case 8: return H5Tcreate(H5T_OPAQUE, take(s) + 1);
    default:
      type = H5Tcreate(H5T_COMPOUND, 16);
      (void)H5Tinsert(type, "a", 0, H5T_NATIVE_INT);
      (void)H5Tinsert(type, "b", 8, H5T_NATIVE_DOUBLE);
      return type;
  }
}

static hid_t take_space(script *s, int *rank, hsize_t *dims, unsigned ranks, hsize_t most) {
  *rank = (int)(take(s) % (ranks + 2)) - 1; /* none, one value, axes */
  if (*rank < 0) return H5Screate(H5S_NULL);
  if (*rank == 0) return H5Screate(H5S_SCALAR);
  for (int i = 0; i < *rank; i++) {
    dims[i] = (hsize_t)take_number(s);
    if (dims[i] > most) dims[i] %= most;
  }
  return H5Screate_simple(*rank, dims, NULL);
}

/* ---- edits ---- */

/* (HDF5 1.10 crashes on deleting what is not there) */
static void remove_attribute(hid_t object, const char *name) {
  if (H5Aexists(object, name) > 0) (void)H5Adelete(object, name);
}

static hid_t take_storage(script *s, int rank, const hsize_t *dims) {
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[H5S_MAX_RANK];
  const unsigned how = take(s);
  for (int i = 0; i < rank; i++) {
    chunk[i] = how & 8 && dims[i] > 0 && dims[i] < 1000 ? dims[i] : take(s) % 5 + 1;
    if (chunk[i] > dims[i] && dims[i] > 0) chunk[i] = dims[i];
  }
  if (how % 4 == 1) (void)H5Pset_layout(list, H5D_COMPACT);
  if (how % 4 >= 2 && rank > 0) (void)H5Pset_chunk(list, rank, chunk);
  if (how % 4 == 3 && rank > 0) (void)H5Pset_deflate(list, 1);
  if (how & 16 && how % 4 >= 2) (void)H5Pset_fletcher32(list);
  return list;
}

static void write_values(script *s, hid_t set, hid_t type, hid_t space) {
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  const H5T_class_t class = H5Tget_class(type);
  if (points < 1 || points > 4096 || class == H5T_VLEN || H5Tis_variable_str(type) > 0) return;
  const size_t bytes = (size_t)points * H5Tget_size(type);
  unsigned char *values = calloc(bytes, 1);
  if (!values) return;
  const unsigned step = take(s);
  for (size_t i = 0; i < bytes; i++) values[i] = (unsigned char)(s->size > 0 && i < 16 ? take(s) : i * step);
  (void)H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  free(values);
}

static void replace_set(script *s, hid_t file, const char *name) {
  hsize_t dims[H5S_MAX_RANK] = {0};
  int rank;
  const hid_t type = take_type(s), space = take_space(s, &rank, dims, 9, (hsize_t)1 << 40),
              storage = take_storage(s, rank, dims);
  (void)H5Ldelete(file, name, H5P_DEFAULT);
  const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, storage, H5P_DEFAULT);
  if (set >= 0 && take(s) % 4) write_values(s, set, type, space);
  if (set >= 0) (void)H5Dclose(set);
  (void)H5Pclose(storage);
  if (space >= 0) (void)H5Sclose(space);
  (void)H5Tclose(type);
}

static void write_attribute(script *s, hid_t attribute, hid_t type, hid_t space) {
  char text[300], *pointer = text;
  const int variable = H5Tis_variable_str(type) > 0;
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  const size_t size = H5Tget_size(type);
  unsigned char values[4096] = {0};
  if (points < 1 || (size_t)points * size > sizeof values || H5Tget_class(type) == H5T_VLEN) return;
  (void)snprintf(text, sizeof text, "%.*s", (int)(s->size < 200 ? s->size : 200), (const char *)s->data);
  for (hssize_t i = 0; i < points; i++) {
    const int64_t number = take_number(s);
    memcpy(values + (size_t)i * size, variable ? (void *)&pointer : (void *)&number, size < 8 ? size : 8);
  }
  (void)H5Awrite(attribute, type, values);
}

static void set_attribute(script *s, hid_t file, const char *object) {
  static const char *const names[] = {"fastlr_format",
                                      "format_version",
                                      "state",
                                      "model",
                                      "classes",
                                      "channels",
                                      "phase",
                                      "step",
                                      "shards",
                                      "mean",
                                      "std",
                                      "class_names",
                                      "update_count",
                                      "loss_scale",
                                      "ewma",
                                      "best",
                                      "verdict",
                                      "program_version",
                                      "height",
                                      "total_steps",
                                      "ranks",
                                      "batch",
                                      "best_metric",
                                      "checksum",
                                      "digest",
                                      "width",
                                      "seconds",
                                      "steps",
                                      "steps_per_epoch",
                                      "other"};
  hsize_t dims[H5S_MAX_RANK] = {0};
  int rank;
  const char *name = names[take(s) % (sizeof names / sizeof names[0])];
  const hid_t id = H5Oopen(file, object, H5P_DEFAULT), type = take_type(s), space = take_space(s, &rank, dims, 2, 70);
  if (id >= 0) remove_attribute(id, name);
  const hid_t attribute = id < 0 ? -1 : H5Acreate2(id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0) write_attribute(s, attribute, type, space);
  if (attribute >= 0) (void)H5Aclose(attribute);
  if (space >= 0) (void)H5Sclose(space);
  (void)H5Tclose(type);
  if (id >= 0) (void)H5Oclose(id);
}

static void replace_link(script *s, hid_t file, const h5_base *base, const char *name) {
  const char *other = base->names[take(s) % (unsigned)base->count];
  (void)H5Ldelete(file, name, H5P_DEFAULT);
  switch (take(s) % 4) {
    case 0: (void)H5Lcreate_soft(other, file, name, H5P_DEFAULT, H5P_DEFAULT); break;
    case 1: (void)H5Lcreate_hard(file, other, file, name, H5P_DEFAULT, H5P_DEFAULT); break;
    case 2: {
      const hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      if (group >= 0) (void)H5Gclose(group);
      break;
    }
    default: {
      const hid_t type = take_type(s);
      (void)H5Tcommit2(file, name, type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      (void)H5Tclose(type);
    }
  }
}

static void change_values(script *s, hid_t file, const char *name) {
  const hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  if (set < 0) return;
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  write_values(s, set, type, space);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  (void)H5Dclose(set);
}

static void edit(script *s, hid_t file, const h5_base *base) {
  const unsigned kind = take(s);
  const char *name = base->names[take(s) % (unsigned)base->count];
  switch (kind % 6) {
    case 0: (void)H5Ldelete(file, name, H5P_DEFAULT); break;
    case 1: replace_link(s, file, base, name); break;
    case 2: change_values(s, file, name); break;
    case 3: replace_set(s, file, name); break;
    default: set_attribute(s, file, name);
  }
}

/* ---- checksums that fit ---- */

static herr_t seal_set(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  uint64_t hash;
  (void)context;
  if (info->type != H5O_TYPE_DATASET) return 0;
  const hid_t set = H5Dopen2(root, name, H5P_DEFAULT);
  if (set < 0) return 0;
  if (flr_h5_hash_values(&hash, root, set, name) == FLR_OK) {
    remove_attribute(set, "checksum");
    (void)flr_h5_write_attribute(set, "checksum", H5T_NATIVE_UINT64, &hash);
  }
  (void)H5Dclose(set);
  return 0;
}

static void seal(hid_t file) {
  (void)H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, seal_set, NULL);
  remove_attribute(file, "digest");
  (void)flr_h5_seal(file);
}

/* A file in memory, as HDF5 opens it from these bytes; -1: it refuses. */
static hid_t open_image(const void *bytes, size_t size) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  void *image = (void *)(uintptr_t)bytes; /* HDF5 copies it */
  hid_t file = -1;
  if (H5Pset_fapl_core(access, 65536, 0) >= 0 && H5Pset_file_image(access, image, size) >= 0)
    file = H5Fopen("base", H5F_ACC_RDWR, access);
  (void)H5Pclose(access);
  return file;
}

/* Closes the file; *out, owned by the caller, is what it held: NULL when HDF5 does not give it. */
static size_t close_image(hid_t file, void **out) {
  *out = NULL;
  (void)H5Fflush(file, H5F_SCOPE_GLOBAL);
  const ssize_t size = H5Fget_file_image(file, NULL, 0);
  if (size > 0) *out = malloc((size_t)size);
  if (*out && H5Fget_file_image(file, *out, (size_t)size) != size) {
    free(*out);
    *out = NULL;
  }
  (void)H5Fclose(file);
  return *out ? (size_t)size : 0;
}

const char *h5_base_edit(const h5_base *base, const uint8_t *data, size_t size) {
  script s = {.data = data, .size = size > 0 ? size - 1 : 0};
  void *image;
  hid_t file = open_image(base->bytes, base->size);
  if (file < 0) return NULL;
  for (int i = 0; i < 4 && s.size > 0; i++) edit(&s, file, base);
  size_t bytes = close_image(file, &image);
  file = image && size > 0 && data[size - 1] % 4 ? open_image(image, bytes) : -1;
  if (file >= 0) { /* opened again, so that it is as a reader finds it */
    free(image);
    seal(file);
    bytes = close_image(file, &image);
  }
  const char *path = image ? fuzz_file(image, bytes) : NULL;
  free(image);
  return path;
}
