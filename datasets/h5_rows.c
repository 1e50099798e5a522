/* Looking rows up with HDF5, reading them without it. */
#include "datasets/h5_rows.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

static flr_status find_type(flr_h5_rows *r, hid_t type) {
  char words[64];
  if (flr_h5_element_find(&r->element, type)) return FLR_OK;
  if (H5Tget_class(type) == H5T_VLEN)
    return flr_fail(FLR_ERROR_DATA,
                    "%s: %s holds samples of different sizes: make them one size: fastlr_dist convert imagefolder",
                    r->source->name, r->path);
  return flr_fail(FLR_ERROR_DATA,
                  "%s: %s holds %s: samples are numbers (float16 to float64, integers of 8 to 64 bits): convert it",
                  r->source->name, r->path, flr_h5_element_words(words, sizeof words, type));
}

static flr_status measure_rows(flr_h5_rows *r) {
  int64_t bytes = (int64_t)flr_element_bytes(r->element);
  for (int i = 1; i < r->rank; i++) FLR_TRY(flr_multiply(&bytes, bytes, r->dims[i]));
  if (r->dims[0] == 0 || bytes == 0) return flr_fail(FLR_ERROR_DATA, "%s: %s has no samples", r->source->name, r->path);
  r->row_bytes = (size_t)bytes;
  return FLR_OK;
}

static flr_status find_shape(flr_h5_rows *r, hid_t dataset) {
  const hid_t space = H5Dget_space(dataset);
  hsize_t dims[H5S_MAX_RANK];
  r->rank = H5Sget_simple_extent_dims(space, dims, NULL);
  (void)H5Sclose(space);
  if (r->rank < 2 || r->rank > FLR_H5_ROWS_DIMS)
    return flr_fail(FLR_ERROR_DATA, "%s: %s has %d axes: images have 3 or 4, features 2", r->source->name, r->path, r->rank);
  for (int i = 0; i < r->rank; i++) r->dims[i] = (int64_t)dims[i];
  return measure_rows(r);
}

static flr_status check_extent(const flr_h5_rows *r) {
  int64_t bytes;
  FLR_TRY(flr_multiply(&bytes, r->dims[0], (int64_t)r->row_bytes));
  if (r->offset >= 0 && r->offset <= r->source->bytes - bytes) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s is cut off: %s reaches to byte %llu, the file has %lld", r->source->name, r->path,
                  (unsigned long long)r->offset + (unsigned long long)bytes, (long long)r->source->bytes);
}

static flr_status place_contiguous(flr_h5_rows *r, hid_t dataset) {
  const haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF)
    return flr_fail(FLR_ERROR_DATA, "%s: %s has no data in this file (never written, or kept elsewhere)", r->source->name,
                    r->path);
  r->offset = (int64_t)offset;
  return check_extent(r);
}

static flr_status copy_compact(flr_h5_rows *r, hid_t dataset, hid_t type) {
  FLR_TRY(flr_alloc(&r->copy, r->dims[0], r->row_bytes));
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, r->copy) < 0)
    return flr_fail(FLR_ERROR_DATA, "%s: %s cannot be read", r->source->name, r->path);
  return FLR_OK;
}

static flr_status place(flr_h5_rows *r, hid_t *dataset, hid_t type) {
  const hid_t plist = H5Dget_create_plist(*dataset);
  const H5D_layout_t layout = H5Pget_layout(plist);
  (void)H5Pclose(plist);
  FLR_TRY(flr_h5_through_init(&r->through, r->source, r->path, dataset));
  if (r->through.why) return FLR_OK;
  if (layout == H5D_CHUNKED)
    return flr_h5_chunks_init(&r->chunks, r->source, r->path, *dataset, r->rank, r->dims, flr_element_bytes(r->element));
  return layout == H5D_COMPACT ? copy_compact(r, *dataset, type) : place_contiguous(r, *dataset);
}

flr_status flr_h5_rows_init(flr_h5_rows *out, const flr_h5_source *source, const char *path) {
  *out = (flr_h5_rows){.source = source, .offset = -1};
  (void)snprintf(out->path, sizeof out->path, "%s", path);
  hid_t dataset = H5Dopen2(source->file, path, H5P_DEFAULT);
  if (dataset < 0) return flr_fail(FLR_ERROR_DATA, "%s: %s is no data set", source->name, path);
  const hid_t type = H5Dget_type(dataset);
  flr_status status = find_type(out, type);
  if (status == FLR_OK) status = find_shape(out, dataset);
  if (status == FLR_OK) status = place(out, &dataset, type);
  (void)H5Tclose(type);
  if (dataset >= 0) (void)H5Dclose(dataset);
  if (status != FLR_OK) flr_h5_rows_clear(out);
  return status;
}

void flr_h5_rows_clear(flr_h5_rows *rows) {
  flr_h5_chunks_clear(&rows->chunks);
  flr_h5_through_clear(&rows->through);
  flr_free(rows->copy);
  *rows = (flr_h5_rows){.offset = -1};
}

/* ---- telling others ---- */

typedef enum row_place { PLACE_CONTIGUOUS, PLACE_CHUNKS, PLACE_COPY } row_place;

void flr_h5_rows_pack(flr_packer *p, const flr_h5_rows *r) {
  const row_place where = r->chunks.list ? PLACE_CHUNKS : r->copy ? PLACE_COPY : PLACE_CONTIGUOUS;
  flr_pack_text(p, r->path);
  flr_pack_number(p, r->element.kind);
  flr_pack_number(p, r->element.swapped);
  flr_pack_number(p, r->rank);
  for (int i = 0; i < r->rank; i++) flr_pack_number(p, r->dims[i]);
  flr_pack_number(p, where);
  if (where == PLACE_CONTIGUOUS) flr_pack_number(p, r->offset);
  if (where == PLACE_CHUNKS) flr_h5_chunks_pack(p, &r->chunks);
  if (where == PLACE_COPY) flr_pack(p, r->copy, (size_t)r->dims[0] * r->row_bytes);
}

static flr_status unpack_place(flr_h5_rows *r, flr_unpacker *u) {
  int where;
  FLR_TRY(flr_unpack_int(u, &where, PLACE_CONTIGUOUS, PLACE_COPY));
  if (where == PLACE_COPY) return flr_unpack_array(u, &r->copy, r->dims[0], r->row_bytes);
  if (where == PLACE_CHUNKS)
    return flr_h5_chunks_unpack(&r->chunks, u, r->source, r->path, r->rank, r->dims, flr_element_bytes(r->element));
  FLR_TRY(flr_unpack_number(u, &r->offset, 0, INT64_MAX));
  return check_extent(r);
}

static flr_status unpack_all(flr_h5_rows *r, flr_unpacker *u) {
  int kind;
  FLR_TRY(flr_unpack_text(u, r->path, sizeof r->path));
  FLR_TRY(flr_unpack_int(u, &kind, 0, FLR_ELEMENT_KINDS - 1));
  r->element.kind = (flr_element_kind)kind;
  FLR_TRY(flr_unpack_int(u, &r->element.swapped, 0, 1));
  FLR_TRY(flr_unpack_int(u, &r->rank, 2, FLR_H5_ROWS_DIMS));
  for (int i = 0; i < r->rank; i++) FLR_TRY(flr_unpack_number(u, &r->dims[i], 1, INT64_MAX));
  FLR_TRY(measure_rows(r));
  return unpack_place(r, u);
}

flr_status flr_h5_rows_unpack(flr_h5_rows *out, flr_unpacker *u, const flr_h5_source *source) {
  *out = (flr_h5_rows){.source = source, .offset = -1};
  const flr_status status = unpack_all(out, u);
  if (status != FLR_OK) flr_h5_rows_clear(out);
  return status;
}

/* ---- reading ---- */

/* Where a row lies in the file. */
static int64_t place_of(const flr_h5_rows *r, int64_t row) {
  if (r->offset >= 0) return r->offset + row * (int64_t)r->row_bytes;
  const int64_t rows = flr_h5_chunks_rows(&r->chunks);
  return r->chunks.list[row / rows].offset + row % rows * (int64_t)r->row_bytes;
}

flr_status flr_h5_rows_read_run(const flr_h5_rows *r, int64_t row, int64_t n, void *out) {
  if (r->through.why) return flr_h5_through_read(&r->through, r->source, r->path, row, n, out);
  if (!r->copy) return flr_h5_source_read(r->source, place_of(r, row), (size_t)n * r->row_bytes, out);
  memcpy(out, r->copy + (size_t)row * r->row_bytes, (size_t)n * r->row_bytes);
  return FLR_OK;
}

flr_status flr_h5_rows_read(const flr_h5_rows *r, int64_t row, size_t first, size_t bytes, void *out) {
  const void *data;
  if (!r->cache && !r->copy) return flr_h5_source_read(r->source, place_of(r, row) + (int64_t)first, bytes, out);
  if (!r->cache) {
    memcpy(out, r->copy + (size_t)row * r->row_bytes + first, bytes);
    return FLR_OK;
  }
  const int64_t block = r->first_block + row / r->block_rows;
  FLR_TRY(flr_block_cache_get(r->cache, block, &data));
  memcpy(out, (const unsigned char *)data + (size_t)(row % r->block_rows) * r->row_bytes + first, bytes);
  flr_block_cache_release(r->cache, block);
  return FLR_OK;
}
