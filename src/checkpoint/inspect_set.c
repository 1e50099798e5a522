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

static const char rows_name[] = "checksum_rows";

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

static void note_chunk(flr_inspect_set *out, hid_t set) {
  const hid_t list = H5Dget_create_plist(set);
  hsize_t dims[H5S_MAX_RANK];
  const int rank = H5Pget_layout(list) == H5D_CHUNKED ? H5Pget_chunk(list, H5S_MAX_RANK, dims) : 0;
  for (int i = 0; i < rank && i < FLR_INSPECT_RANK; i++) out->chunk[i] = (int64_t)dims[i];
  (void)H5Pclose(list);
}

flr_status flr_inspect_describe(flr_inspect_set *out, hid_t set) {
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  hsize_t dims[H5S_MAX_RANK];
  flr_status status = FLR_OK;
  name_type(out->type, sizeof out->type, type);
  name_storage(out->storage, sizeof out->storage, set);
  note_chunk(out, set);
  out->bytes = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : (int64_t)H5Tget_size(type);
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

flr_status flr_inspect_read_rows(const flr_inspect_set *shape, hid_t set, hid_t memory_type, int64_t first, int64_t rows,
                                 void *out) {
  hsize_t start[H5S_MAX_RANK] = {(hsize_t)first}, count[H5S_MAX_RANK] = {1};
  char reason[256];
  for (int i = 0; i < shape->rank; i++) count[i] = (hsize_t)shape->dims[i];
  if (shape->rank > 0) count[0] = (hsize_t)rows;
  const hid_t file = H5Dget_space(set),
              memory = shape->rank ? H5Screate_simple(shape->rank, count, NULL) : H5Screate(H5S_SCALAR);
  const int selected = shape->rank == 0 || H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;
  const int good = selected && H5Dread(set, memory_type, memory, file, H5P_DEFAULT, out) >= 0;
  if (!good) flr_h5_reason(reason, sizeof reason); /* the next call of HDF5 forgets it */
  (void)H5Sclose(memory);
  (void)H5Sclose(file);
  return good ? FLR_OK : flr_fail(FLR_ERROR_DATA, "%s cannot be read to its end: HDF5 says: %s", shape->name, reason);
}

/* Counts these bytes as read and tells who wants to know. */
static void advance(flr_inspect_meter *meter, int64_t bytes) {
  meter->done += bytes;
  if (meter->progress && meter->progress->show) meter->progress->show(meter->progress->context, meter->done, meter->total);
}

/* Rows of a chunk, which are decoded together; 1 where there are none. */
static int64_t chunk_rows(hid_t set) {
  const hid_t list = H5Dget_create_plist(set);
  hsize_t dims[H5S_MAX_RANK] = {1};
  if (H5Pget_layout(list) == H5D_CHUNKED) (void)H5Pget_chunk(list, H5S_MAX_RANK, dims);
  (void)H5Pclose(list);
  return dims[0] > 0 && dims[0] < (hsize_t)PIECE_BYTES ? (int64_t)dims[0] : 1;
}

/* A data set without a space (H5S_NULL) has no rows, one value has one. */
static int64_t count_rows(const flr_inspect_set *shape, hid_t set) {
  if (shape->rank > 0) return shape->dims[0];
  const hid_t space = H5Dget_space(set);
  const int64_t rows = H5Sget_simple_extent_type(space) != H5S_NULL;
  (void)H5Sclose(space);
  return rows;
}

flr_status flr_inspect_pieces_init(flr_inspect_pieces *out, const flr_inspect_set *shape, hid_t set, size_t element_bytes) {
  int64_t row_bytes, bytes;
  *out = (flr_inspect_pieces){.all = count_rows(shape, set), .row_elements = 1};
  for (int i = 1; i < shape->rank; i++) FLR_TRY(flr_multiply(&out->row_elements, out->row_elements, shape->dims[i]));
  FLR_TRY(flr_multiply(&row_bytes, out->row_elements, (int64_t)element_bytes));
  const int64_t chunk = chunk_rows(set), fit = row_bytes > 0 && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
  out->rows = fit > chunk ? fit / chunk * chunk : chunk;
  if (out->rows > out->all) out->rows = out->all;
  return flr_multiply(&bytes, out->rows, row_bytes);
}

typedef struct reading {
  hid_t set, memory_type;
  size_t size; /* of an element in memory */
  int floating;
  flr_hasher hasher;
  int64_t hashed_rows; /* rows that are hashed together, whose hashes are hashed; 0: all values in one go */
  void *data;
} reading;

/* A converted data set's checksum is one of the hashes of its blocks, which may have been written in any order. */
static int64_t find_hashed_rows(hid_t set) {
  int64_t rows = 0;
  if (H5Aexists(set, rows_name) <= 0) return 0;
  const hid_t attribute = H5Aopen(set, rows_name, H5P_DEFAULT);
  if (attribute < 0 || H5Aread(attribute, H5T_NATIVE_INT64, &rows) < 0) rows = 0;
  if (attribute >= 0) (void)H5Aclose(attribute);
  return rows > 0 ? rows : 0;
}

static void hash_rows(reading *r, int64_t rows, size_t row_bytes) {
  const char *data = r->data;
  if (r->hashed_rows == 0) flr_hasher_add(&r->hasher, data, (size_t)rows * row_bytes);
  for (int64_t first = 0; first < rows && r->hashed_rows > 0; first += r->hashed_rows) {
    const int64_t n = rows - first < r->hashed_rows ? rows - first : r->hashed_rows;
    const uint64_t hash = flr_hash(FLR_HASH_START, data + (size_t)first * row_bytes, (size_t)n * row_bytes);
    flr_hasher_add(&r->hasher, &hash, sizeof hash);
  }
}

/* Pieces of whole blocks; how many blocks there are is part of the hash. */
static flr_status fit_blocks(reading *r, flr_inspect_pieces *p, const char *name) {
  if (r->hashed_rows == 0) return FLR_OK;
  if (r->hashed_rows > p->rows && r->hashed_rows < p->all)
    return flr_fail(FLR_ERROR_DATA, "%s has a checksum over %lld rows at a time, which is none of ours", name,
                    (long long)r->hashed_rows);
  if (r->hashed_rows < p->rows) p->rows -= p->rows % r->hashed_rows;
  r->hasher = flr_hasher_begin(FLR_HASH_START, (size_t)((p->all + r->hashed_rows - 1) / r->hashed_rows) * sizeof(uint64_t));
  return FLR_OK;
}

static flr_status read_pieces(reading *r, flr_inspect_set *out, flr_inspect_meter *meter) {
  flr_inspect_pieces p;
  FLR_TRY(flr_inspect_pieces_init(&p, out, r->set, r->size));
  FLR_TRY(fit_blocks(r, &p, out->name));
  FLR_TRY(flr_alloc(&r->data, p.rows * p.row_elements, r->size));
  for (int64_t first = 0; first < p.all; first += p.rows) {
    const int64_t rows = p.all - first < p.rows ? p.all - first : p.rows, n = rows * p.row_elements;
    FLR_TRY(flr_inspect_read_rows(out, r->set, r->memory_type, first, rows, r->data));
    if (r->floating) out->missing += count_missing(r->data, n, r->size == sizeof(double));
    hash_rows(r, rows, (size_t)p.row_elements * r->size);
    advance(meter, out->bytes / p.all * rows);
  }
  return FLR_OK;
}

static flr_status read_numbers(flr_inspect_set *out, hid_t set, hid_t type, flr_inspect_meter *meter, uint64_t *hash) {
  reading r = {.set = set, .floating = H5Tget_class(type) == H5T_FLOAT, .hashed_rows = find_hashed_rows(set)};
  r.memory_type = !r.floating             ? H5Tget_native_type(type, H5T_DIR_ASCEND)
                  : H5Tget_size(type) > 4 ? H5Tcopy(H5T_NATIVE_DOUBLE)
                                          : H5Tcopy(H5T_NATIVE_FLOAT);
  r.size = H5Tget_size(r.memory_type);
  r.hasher = flr_hasher_begin(FLR_HASH_START, (size_t)(out->bytes / (int64_t)H5Tget_size(type)) * r.size);
  const flr_status status = out->bytes > 0 ? read_pieces(&r, out, meter) : FLR_OK;
  *hash = flr_hasher_end(&r.hasher);
  flr_free(r.data);
  (void)H5Tclose(r.memory_type);
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
  const int compare = (own || find_hashed_rows(set) > 0) && flr_h5_kept_checksum(set, &kept);
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
