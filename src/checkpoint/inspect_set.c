/* Describing a data set, and reading it to its end in pieces of bounded memory. */
#include "checkpoint/inspect_set.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/h5.h"
#include "checkpoint/seal.h"
#include "core/hash.h"
#include "core/memory.h"

enum { PIECE_BYTES = 4 << 20 };

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

flr_status flr_inspect_describe(flr_inspect_set *out, hid_t set) {
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  hsize_t dims[H5S_MAX_RANK];
  flr_status status = FLR_OK;
  name_type(out->type, sizeof out->type, type);
  name_storage(out->storage, sizeof out->storage, set);
  out->bytes = (int64_t)H5Tget_size(type);
  out->rank = H5Sget_simple_extent_dims(space, dims, NULL);
  if (out->rank < 0 || out->rank > FLR_INSPECT_RANK) {
    status = flr_fail(FLR_ERROR_DATA, "%s has %d axes", out->name, out->rank);
    out->rank = 0;
  }
  for (int i = 0; i < out->rank; i++) {
    out->dims[i] = (int64_t)dims[i];
    if (status == FLR_OK) status = flr_multiply(&out->bytes, out->bytes, out->dims[i]);
  }
  (void)H5Sclose(space);
  (void)H5Tclose(type);
  return status;
}

/* ---- reading to the end ---- */

static int64_t count_missing(const void *data, int64_t n, int is_double) {
  int64_t missing = 0;
  for (int64_t i = 0; i < n; i++) missing += !isfinite(is_double ? ((const double *)data)[i] : ((const float *)data)[i]);
  return missing;
}

typedef struct piece {
  hid_t set, space, memory_type;
  size_t size; /* of an element in memory */
  int floating;
  int64_t row_elements, rows; /* rows: along the first axis, per piece; a scalar is one row */
  void *data;
  flr_hasher hasher;
} piece;

static int read_rows(const piece *p, const flr_inspect_set *out, int64_t first, int64_t rows) {
  hsize_t start[H5S_MAX_RANK] = {(hsize_t)first}, count[H5S_MAX_RANK];
  if (out->rank == 0) return H5Dread(p->set, p->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, p->data) >= 0;
  for (int i = 0; i < out->rank; i++) count[i] = (hsize_t)out->dims[i];
  count[0] = (hsize_t)rows;
  const hid_t memory = H5Screate_simple(out->rank, count, NULL);
  const int good = H5Sselect_hyperslab(p->space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                   H5Dread(p->set, p->memory_type, memory, p->space, H5P_DEFAULT, p->data) >= 0;
  (void)H5Sclose(memory);
  return good;
}

static flr_status cannot_be_read(const flr_inspect_set *out) {
  char reason[256];
  return flr_fail(FLR_ERROR_DATA, "%s cannot be read to its end: HDF5 says: %s", out->name,
                  flr_h5_reason(reason, sizeof reason));
}

static void advance(flr_inspect_meter *meter, int64_t bytes) {
  meter->done += bytes;
  if (meter->progress && meter->progress->show) meter->progress->show(meter->progress->context, meter->done, meter->total);
}

static flr_status read_pieces(piece *p, flr_inspect_set *out, flr_inspect_meter *meter) {
  const int64_t all = out->rank ? out->dims[0] : 1;
  for (int64_t first = 0; first < all; first += p->rows) {
    const int64_t rows = all - first < p->rows ? all - first : p->rows, n = rows * p->row_elements;
    if (!read_rows(p, out, first, rows)) return cannot_be_read(out);
    if (p->floating) out->missing += count_missing(p->data, n, p->size == sizeof(double));
    flr_hasher_add(&p->hasher, p->data, (size_t)n * p->size);
    advance(meter, out->bytes / all * rows);
  }
  return FLR_OK;
}

/* Rows of a chunk, which are decoded together; 1 where there are none. */
static int64_t chunk_rows(hid_t set) {
  const hid_t list = H5Dget_create_plist(set);
  hsize_t dims[H5S_MAX_RANK] = {1};
  if (H5Pget_layout(list) == H5D_CHUNKED) (void)H5Pget_chunk(list, H5S_MAX_RANK, dims);
  (void)H5Pclose(list);
  return dims[0] > 0 && dims[0] < (hsize_t)PIECE_BYTES ? (int64_t)dims[0] : 1;
}

/* Pieces of whole chunks, about PIECE_BYTES each. */
static flr_status size_pieces(piece *p, const flr_inspect_set *out) {
  int64_t row_bytes, bytes;
  p->row_elements = 1;
  for (int i = 1; i < out->rank; i++) FLR_TRY(flr_multiply(&p->row_elements, p->row_elements, out->dims[i]));
  FLR_TRY(flr_multiply(&row_bytes, p->row_elements, (int64_t)p->size));
  const int64_t chunk = chunk_rows(p->set), fit = row_bytes > 0 && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
  p->rows = fit > chunk ? fit / chunk * chunk : chunk;
  if (out->rank == 0) p->rows = 1;
  if (out->rank && p->rows > out->dims[0]) p->rows = out->dims[0];
  FLR_TRY(flr_multiply(&bytes, p->rows, row_bytes));
  return flr_alloc(&p->data, bytes, 1);
}

static flr_status read_numbers(flr_inspect_set *out, hid_t set, hid_t type, flr_inspect_meter *meter, uint64_t *hash) {
  piece p = {.set = set, .floating = H5Tget_class(type) == H5T_FLOAT};
  const hid_t space = H5Dget_space(set);
  p.memory_type = !p.floating             ? H5Tget_native_type(type, H5T_DIR_ASCEND)
                  : H5Tget_size(type) > 4 ? H5Tcopy(H5T_NATIVE_DOUBLE)
                                          : H5Tcopy(H5T_NATIVE_FLOAT);
  p.size = H5Tget_size(p.memory_type);
  p.space = space;
  p.hasher = flr_hasher_begin(FLR_HASH_START, (size_t)(out->bytes / (int64_t)H5Tget_size(type)) * p.size);
  flr_status status = out->bytes > 0 ? size_pieces(&p, out) : FLR_OK;
  if (status == FLR_OK && out->bytes > 0) status = read_pieces(&p, out, meter);
  *hash = flr_hasher_end(&p.hasher);
  flr_free(p.data);
  (void)H5Tclose(p.memory_type);
  (void)H5Sclose(space);
  return status;
}

/* What somebody else never wrote need not be read: it has no values but a filling. */
static flr_status read_stored(flr_inspect_set *out, hid_t set, hid_t type, int own, flr_inspect_meter *meter, uint64_t *hash) {
  H5D_space_status_t allocated = H5D_SPACE_STATUS_ALLOCATED;
  const flr_h5_stored stored = flr_h5_find_stored(set);
  if (stored == FLR_H5_NOTHING) (void)H5Dget_space_status(set, &allocated);
  if ((own && stored != FLR_H5_ALL) || (stored == FLR_H5_NOTHING && allocated != H5D_SPACE_STATUS_NOT_ALLOCATED))
    return flr_fail(FLR_ERROR_DATA, "%s was never written whole", out->name);
  return stored == FLR_H5_NOTHING ? FLR_OK : read_numbers(out, set, type, meter, hash);
}

static flr_status read_text(const flr_inspect_set *out, hid_t file, uint64_t *hash) {
  char *text;
  FLR_TRY(flr_h5_read_string(&text, file, out->name));
  *hash = flr_h5_checksum(text, strlen(text));
  flr_free(text);
  return FLR_OK;
}

flr_status flr_inspect_read(flr_inspect_set *out, hid_t file, hid_t set, int own, flr_inspect_meter *meter) {
  const hid_t type = H5Dget_type(set);
  const H5T_class_t class = H5Tget_class(type);
  const int numbers = class == H5T_INTEGER || class == H5T_FLOAT;
  uint64_t kept = 0, now = 0;
  const int compare = own && flr_h5_kept_checksum(set, &kept);
  flr_status status = FLR_OK;
  if (numbers)
    status = read_stored(out, set, type, own, meter, &now);
  else if (compare)
    status = read_text(out, file, &now);
  (void)H5Tclose(type);
  FLR_TRY(status);
  out->checked = compare || strstr(out->storage, "fletcher32") != NULL;
  if (compare && now != kept) return flr_fail(FLR_ERROR_DATA, "the values of %s are not those that were written", out->name);
  return FLR_OK;
}
