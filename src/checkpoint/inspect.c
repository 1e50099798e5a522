/* Looking through a file data set by data set, in pieces of bounded memory. */
#include "checkpoint/inspect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "core/hdf5_lock.h"
#include "core/memory.h"

enum { PIECE_BYTES = 4 << 20, MAX_SETS = 4096 };

/* ---- describing ---- */

static void name_type(char *out, size_t size, hid_t type) {
  const size_t bits = 8 * H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: (void)snprintf(out, size, "%sint%zu", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "", bits); break;
    case H5T_FLOAT: (void)snprintf(out, size, "float%zu", bits); break;
    case H5T_STRING: (void)snprintf(out, size, "text"); break;
    default: (void)snprintf(out, size, "other");
  }
}

static const char *filter_name(H5Z_filter_t filter, char *own, size_t size) {
  static const struct {
    H5Z_filter_t filter;
    const char *name;
  } known[] = {{H5Z_FILTER_DEFLATE, "deflate"},
               {H5Z_FILTER_SHUFFLE, "shuffle"},
               {H5Z_FILTER_FLETCHER32, "fletcher32"},
               {H5Z_FILTER_SZIP, "szip"},
               {32004, "lz4"},
               {32015, "zstd"},
               {32001, "blosc"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].filter == filter) return known[i].name;
  (void)snprintf(own, size, "filter %d", (int)filter);
  return own;
}

static void name_storage(char *out, size_t size, hid_t set) {
  const hid_t list = H5Dget_create_plist(set);
  const H5D_layout_t layout = H5Pget_layout(list);
  char own[24];
  (void)snprintf(out, size, "%s",
                 layout == H5D_CHUNKED      ? "chunked"
                 : layout == H5D_CONTIGUOUS ? "contiguous"
                 : layout == H5D_COMPACT    ? "compact"
                                            : "virtual");
  const int filters = layout == H5D_CHUNKED ? H5Pget_nfilters(list) : 0;
  for (int i = 0; i < filters; i++) {
    unsigned flags, config;
    size_t values = 0;
    const size_t used = strlen(out);
    const H5Z_filter_t filter = H5Pget_filter2(list, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
    (void)snprintf(out + used, size - used, ", %s", filter_name(filter, own, sizeof own));
  }
  (void)H5Pclose(list);
}

/* ---- reading to the end ---- */

static int64_t count_missing(const void *data, int64_t n, int is_double) {
  int64_t missing = 0;
  for (int64_t i = 0; i < n; i++) missing += !isfinite(is_double ? ((const double *)data)[i] : ((const float *)data)[i]);
  return missing;
}

typedef struct piece {
  hid_t set, space, memory_type;
  size_t size;
  int64_t row_elements, rows; /* rows: along the first axis, per piece */
  void *data;
} piece;

static int read_rows(const piece *p, int rank, const hsize_t *dims, hsize_t first, hsize_t rows) {
  hsize_t start[H5S_MAX_RANK] = {first}, count[H5S_MAX_RANK];
  memcpy(count, dims, (size_t)rank * sizeof *count);
  count[0] = rows;
  const hid_t memory = H5Screate_simple(rank, count, NULL);
  const int good = H5Sselect_hyperslab(p->space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                   H5Dread(p->set, p->memory_type, memory, p->space, H5P_DEFAULT, p->data) >= 0;
  (void)H5Sclose(memory);
  return good;
}

static int read_pieces(piece *p, flr_inspect_set *out, int floating) {
  const int is_double = p->size == sizeof(double);
  hsize_t dims[H5S_MAX_RANK];
  if (out->rank == 0) {
    if (H5Dread(p->set, p->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, p->data) < 0) return 0;
    out->missing += floating ? count_missing(p->data, 1, is_double) : 0;
    return 1;
  }
  for (int i = 0; i < out->rank; i++) dims[i] = (hsize_t)out->dims[i];
  for (int64_t first = 0; first < out->dims[0]; first += p->rows) {
    const int64_t rows = out->dims[0] - first < p->rows ? out->dims[0] - first : p->rows;
    if (!read_rows(p, out->rank, dims, (hsize_t)first, (hsize_t)rows)) return 0;
    if (floating) out->missing += count_missing(p->data, rows * p->row_elements, is_double);
  }
  return 1;
}

/* Reads numbers as they are (floats narrower than 32 bits as float). Everything else is only described. */
static flr_status read_whole(hid_t set, hid_t space, hid_t type, flr_inspect_set *out, const char *path) {
  const H5T_class_t class = H5Tget_class(type);
  char reason[256];
  if (class != H5T_INTEGER && class != H5T_FLOAT) return FLR_OK;
  piece p = {.set = set, .space = space, .row_elements = 1};
  p.memory_type = class == H5T_INTEGER    ? H5Tget_native_type(type, H5T_DIR_ASCEND)
                  : H5Tget_size(type) > 4 ? H5Tcopy(H5T_NATIVE_DOUBLE)
                                          : H5Tcopy(H5T_NATIVE_FLOAT);
  p.size = H5Tget_size(p.memory_type);
  for (int i = 1; i < out->rank; i++) p.row_elements *= out->dims[i];
  const int64_t row_bytes = p.row_elements * (int64_t)p.size;
  p.rows = row_bytes > 0 && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
  if (out->rank && p.rows > out->dims[0]) p.rows = out->dims[0] ? out->dims[0] : 1;
  flr_status status = flr_alloc(&p.data, p.rows * (row_bytes > 0 ? row_bytes : 1), 1);
  if (status == FLR_OK && p.row_elements && !read_pieces(&p, out, class == H5T_FLOAT))
    status = flr_fail(FLR_ERROR_DATA, "%s: %s cannot be read to its end, the file is damaged: HDF5 says: %s", path, out->name,
                      flr_h5_reason(reason, sizeof reason));
  flr_free(p.data);
  (void)H5Tclose(p.memory_type);
  return status;
}

static flr_status inspect_set(hid_t set, flr_inspect_set *out, const char *path) {
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  hsize_t dims[H5S_MAX_RANK];
  flr_status status = FLR_OK;
  name_type(out->type, sizeof out->type, type);
  name_storage(out->storage, sizeof out->storage, set);
  out->rank = H5Sget_simple_extent_dims(space, dims, NULL);
  if (out->rank < 0 || out->rank > FLR_INSPECT_RANK)
    status = flr_fail(FLR_ERROR_DATA, "%s: %s has %d axes", path, out->name, out->rank);
  out->bytes = (int64_t)H5Tget_size(type);
  for (int i = 0; status == FLR_OK && i < out->rank; i++) {
    out->dims[i] = (int64_t)dims[i];
    status = flr_multiply(&out->bytes, out->bytes, out->dims[i]);
  }
  if (status == FLR_OK) status = read_whole(set, space, type, out, path);
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  return status;
}

static herr_t visit(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  flr_inspect *out = context;
  (void)root;
  if (info->type != H5O_TYPE_DATASET) return 0;
  if (out->count == MAX_SETS) return -1;
  flr_inspect_set *set = &out->sets[out->count++];
  (void)snprintf(set->name, sizeof set->name, "/%s", name);
  return 0;
}

static flr_status list_sets(flr_inspect *out, hid_t file, const char *path) {
  FLR_TRY(flr_alloc(&out->sets, MAX_SETS, sizeof *out->sets));
  if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit, out) < 0)
    return out->count == MAX_SETS ? flr_fail(FLR_ERROR_DATA, "%s holds more than %d data sets", path, MAX_SETS)
                                  : flr_fail(FLR_ERROR_DATA, "%s: its groups cannot be read: the file is damaged", path);
  for (int64_t i = 0; i < out->count; i++) {
    const hid_t set = H5Dopen2(file, out->sets[i].name, H5P_DEFAULT);
    if (set < 0) return flr_fail(FLR_ERROR_DATA, "%s: %s cannot be opened: the file is damaged", path, out->sets[i].name);
    const flr_status status = inspect_set(set, &out->sets[i], path);
    (void)H5Dclose(set);
    FLR_TRY(status);
  }
  return FLR_OK;
}

static void take_text(char *out, size_t size, hid_t file, const char *attribute, const char *fallback) {
  char *text;
  if (flr_h5_read_attribute_string(&text, file, attribute) != FLR_OK) text = NULL; /* somebody else's attribute */
  (void)snprintf(out, size, "%s", text ? text : fallback);
  flr_free(text);
}

static flr_status inspect_open(flr_inspect *out, hid_t file, const char *path) {
  take_text(out->kind, sizeof out->kind, file, "fastlr_format", "unknown");
  take_text(out->model, sizeof out->model, file, "model", "");
  FLR_TRY(flr_h5_read_string(&out->config, file, "config"));
  out->classes = flr_h5_read_attribute_integer(file, "classes", -1);
  out->steps = flr_h5_read_attribute_integer(file, "steps", -1);
  out->version = flr_h5_read_attribute_integer(file, "format_version", -1);
  return list_sets(out, file, path);
}

flr_status flr_inspect_file(flr_inspect *out, const char *path) {
  hid_t file;
  *out = (flr_inspect){0};
  flr_hdf5_lock();
  flr_status status = flr_h5_open(&file, path);
  if (status == FLR_OK) {
    status = inspect_open(out, file, path);
    (void)H5Fclose(file);
  }
  flr_hdf5_unlock();
  return status;
}

void flr_inspect_clear(flr_inspect *inspect) {
  flr_free(inspect->config);
  flr_free(inspect->sets);
  *inspect = (flr_inspect){0};
}
