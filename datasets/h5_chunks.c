/* Looking up chunks and their filters; decoding a row of chunks. */
#include "datasets/h5_chunks.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

enum { FILTER_LZF = 32000 };

/* ---- looking up ---- */

/* h5repack cannot undo it without the plugin either: it leaves such sets out and says that all went well. */
static flr_status cannot_undo(const flr_h5_chunks *c, H5Z_filter_t id, flr_status status) {
  char filter[256];
  const char *name = c->source->name;
  (void)snprintf(filter, sizeof filter, "%s", flr_status_message());
  if (status == FLR_ERROR_UNAVAILABLE) return flr_fail(status, "%s: %s is stored through the filter %s", name, c->path, filter);
  if (id == FILTER_LZF)
    return flr_fail(status,
                    "%s: %s is stored through the filter %s, which h5py alone has: copy it with h5py, compression=\"gzip\"",
                    name, c->path, filter);
  return flr_fail(
      status,
      "%s: %s is stored through the filter %s, which is not read here: set HDF5_PLUGIN_PATH to the folder of its plugin "
      "(Python's package hdf5plugin has many); with it h5repack -f NONE -l CONTI %s OUT.h5 also makes a copy without it",
      name, c->path, filter, name);
}

static flr_status find_filters(flr_h5_chunks *c, hid_t list) {
  const int count = H5Pget_nfilters(list);
  if (count > FLR_FILTERS_MOST)
    return flr_fail(FLR_ERROR_DATA, "%s: %s is stored through %d filters, at most %d are read", c->source->name, c->path, count,
                    FLR_FILTERS_MOST);
  c->filters.element_bytes = c->element_bytes;
  for (c->filters.count = 0; c->filters.count < count; c->filters.count++) {
    char name[64] = "";
    unsigned flags, values[8] = {0};
    size_t n = 8;
    const H5Z_filter_t id = H5Pget_filter2(list, (unsigned)c->filters.count, &flags, &n, values, sizeof name, name, NULL);
    name[sizeof name - 1] = '\0';
    const flr_status status = flr_filter_check(id, name);
    if (status != FLR_OK) return cannot_undo(c, id, status);
    if (id == FLR_FILTER_SHUFFLE && n > 0 && values[0] > 0) c->filters.element_bytes = values[0];
    c->filters.id[c->filters.count] = id;
  }
  return FLR_OK;
}

/* All that follows from the chunks' sides. */
static flr_status derive_grid(flr_h5_chunks *c) {
  int64_t bytes = (int64_t)c->element_bytes;
  c->grid.chunks = 1;
  for (int axis = 0; axis < c->grid.rank; axis++) {
    if (c->grid.chunk[axis] < 1 || c->dims[axis] < 1)
      return flr_fail(FLR_ERROR_DATA, "%s: %s has no samples", c->source->name, c->path);
    c->grid.count[axis] = (c->dims[axis] - 1) / c->grid.chunk[axis] + 1;
    FLR_TRY(flr_multiply(&c->grid.chunks, c->grid.chunks, c->grid.count[axis]));
    FLR_TRY(flr_multiply(&bytes, bytes, c->grid.chunk[axis]));
    if (axis > 0 && c->grid.chunk[axis] != c->dims[axis]) c->cuts_rows = 1;
  }
  c->chunk_bytes = (size_t)bytes;
  if (bytes > UINT32_MAX)
    return flr_fail(FLR_ERROR_DATA, "%s: %s: chunks of %lld bytes", c->source->name, c->path, (long long)bytes);
  return FLR_OK;
}

static flr_status find_grid(flr_h5_chunks *c, hid_t list) {
  hsize_t dims[H5S_MAX_RANK];
  unsigned options = 0;
  if (H5Pget_chunk(list, H5S_MAX_RANK, dims) != c->grid.rank)
    return flr_fail(FLR_ERROR_DATA, "%s: %s: its chunks have other axes than its samples", c->source->name, c->path);
  for (int axis = 0; axis < c->grid.rank; axis++) c->grid.chunk[axis] = (int64_t)dims[axis];
#if H5_VERSION_GE(1, 10, 0)
  if (H5Pget_chunk_opts(list, &options) >= 0) c->bare_edges = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
#endif
  return derive_grid(c);
}

/* Also what keeps a small file that claims to be huge from taking memory. */
static flr_status check_number(const flr_h5_chunks *c, hid_t dataset) {
  hsize_t stored = 0;
  const hid_t space = H5Dget_space(dataset); /* HDF5 1.10 does not take H5S_ALL here */
  const herr_t counted = H5Dget_num_chunks(dataset, space, &stored);
  (void)H5Sclose(space);
  if (counted < 0)
    return flr_fail(FLR_ERROR_DATA, "%s: %s: its chunks cannot be listed: the file is damaged", c->source->name, c->path);
  if ((int64_t)stored == c->grid.chunks) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s: %s has %lld of its %lld chunks: it was never written whole", c->source->name, c->path,
                  (long long)stored, (long long)c->grid.chunks);
}

static flr_status check_place(flr_h5_chunks *c, const flr_h5_chunk *chunk) {
  if (c->filters.count == 0 && chunk->bytes != c->chunk_bytes)
    return flr_fail(FLR_ERROR_DATA, "%s: %s: a chunk has %u bytes instead of %zu: the file is damaged", c->source->name,
                    c->path, chunk->bytes, c->chunk_bytes);
  if (chunk->bytes > c->most_bytes) c->most_bytes = chunk->bytes;
  if (chunk->offset >= 0 && chunk->offset <= c->source->bytes - (int64_t)chunk->bytes) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s is cut off: %s reaches to byte %llu, the file has %lld", c->source->name, c->path,
                  (unsigned long long)chunk->offset + chunk->bytes, (long long)c->source->bytes);
}

static flr_status check_places(flr_h5_chunks *c) {
  for (int64_t i = 0; i < c->grid.chunks; i++) FLR_TRY(check_place(c, &c->list[i]));
  return FLR_OK;
}

static flr_status find_chunks(flr_h5_chunks *c, hid_t dataset) {
  FLR_TRY(check_number(c, dataset));
  FLR_TRY(flr_alloc(&c->list, c->grid.chunks, sizeof *c->list));
  FLR_TRY(flr_h5_chunk_list(c->list, c->source, c->path, &c->grid));
  return check_places(c);
}

static flr_status look_up(flr_h5_chunks *c, hid_t dataset, hid_t list) {
  FLR_TRY(find_filters(c, list));
  FLR_TRY(find_grid(c, list));
  return find_chunks(c, dataset);
}

static void begin(flr_h5_chunks *out, const flr_h5_source *source, const char *path, int rank, const int64_t *dims,
                  size_t element_bytes) {
  *out = (flr_h5_chunks){.source = source, .grid = {.rank = rank}, .element_bytes = element_bytes, .row_bytes = element_bytes};
  (void)snprintf(out->path, sizeof out->path, "%s", path);
  for (int axis = 0; axis < rank; axis++) {
    out->dims[axis] = dims[axis];
    if (axis > 0) out->row_bytes *= (size_t)dims[axis];
  }
}

flr_status flr_h5_chunks_init(flr_h5_chunks *out, const flr_h5_source *source, const char *path, hid_t dataset, int rank,
                              const int64_t *dims, size_t element_bytes) {
  begin(out, source, path, rank, dims, element_bytes);
  const hid_t list = H5Dget_create_plist(dataset);
  const flr_status status = look_up(out, dataset, list);
  (void)H5Pclose(list);
  if (status != FLR_OK) flr_h5_chunks_clear(out);
  return status;
}

void flr_h5_chunks_clear(flr_h5_chunks *c) {
  flr_free(c->list);
  *c = (flr_h5_chunks){0};
}

/* ---- telling others ---- */

void flr_h5_chunks_pack(flr_packer *p, const flr_h5_chunks *c) {
  flr_pack_number(p, c->filters.count);
  for (int i = 0; i < c->filters.count; i++) flr_pack_number(p, c->filters.id[i]);
  flr_pack_number(p, (int64_t)c->filters.element_bytes);
  flr_pack_number(p, c->bare_edges);
  for (int axis = 0; axis < c->grid.rank; axis++) flr_pack_number(p, c->grid.chunk[axis]);
  flr_pack(p, c->list, (size_t)c->grid.chunks * sizeof *c->list);
}

static flr_status unpack_filters(flr_filters *f, flr_unpacker *u) {
  int64_t element_bytes;
  FLR_TRY(flr_unpack_int(u, &f->count, 0, FLR_FILTERS_MOST));
  for (int i = 0; i < f->count; i++) {
    FLR_TRY(flr_unpack_int(u, &f->id[i], 1, INT32_MAX));
    FLR_TRY(flr_filter_check(f->id[i], ""));
  }
  FLR_TRY(flr_unpack_number(u, &element_bytes, 1, UINT32_MAX));
  f->element_bytes = (size_t)element_bytes;
  return FLR_OK;
}

static flr_status unpack_all(flr_h5_chunks *c, flr_unpacker *u) {
  FLR_TRY(unpack_filters(&c->filters, u));
  FLR_TRY(flr_unpack_int(u, &c->bare_edges, 0, 1));
  for (int axis = 0; axis < c->grid.rank; axis++) FLR_TRY(flr_unpack_number(u, &c->grid.chunk[axis], 1, INT64_MAX));
  FLR_TRY(derive_grid(c));
  FLR_TRY(flr_unpack_array(u, &c->list, c->grid.chunks, sizeof *c->list));
  return check_places(c);
}

flr_status flr_h5_chunks_unpack(flr_h5_chunks *out, flr_unpacker *u, const flr_h5_source *source, const char *path, int rank,
                                const int64_t *dims, size_t element_bytes) {
  begin(out, source, path, rank, dims, element_bytes);
  const flr_status status = unpack_all(out, u);
  if (status != FLR_OK) flr_h5_chunks_clear(out);
  return status;
}

/* ---- decoding ---- */

void flr_h5_loading_sizes_add(flr_h5_loading_sizes *sizes, const flr_h5_chunks *c) {
  flr_decoder_sizes_add(&sizes->decoder, &c->filters, c->most_bytes, c->chunk_bytes);
  if (c->cuts_rows && c->chunk_bytes > sizes->chunk) sizes->chunk = c->chunk_bytes;
}

size_t flr_h5_loading_bytes(const flr_h5_loading_sizes *sizes) { return flr_decoder_bytes(&sizes->decoder) + sizes->chunk; }

flr_status flr_h5_loading_init(flr_h5_loading *out, const flr_h5_loading_sizes *sizes) {
  *out = (flr_h5_loading){0};
  flr_status status = flr_decoder_create(&out->decoder, &sizes->decoder);
  if (status == FLR_OK && sizes->chunk > 0) status = flr_alloc(&out->chunk, (int64_t)sizes->chunk, 1);
  if (status != FLR_OK) flr_h5_loading_clear(out);
  return status;
}

void flr_h5_loading_clear(flr_h5_loading *l) {
  flr_decoder_destroy(l->decoder);
  flr_free(l->chunk);
  *l = (flr_h5_loading){0};
}

/* Chunk `index` decoded to out [chunk_bytes]. */
static flr_status decode(const flr_h5_chunks *c, flr_h5_loading *l, int64_t index, int sticks_out, void *out) {
  const flr_h5_chunk *chunk = &c->list[index];
  const uint32_t skipped = c->bare_edges && sticks_out ? UINT32_MAX : chunk->skipped;
  FLR_TRY(flr_h5_source_read(c->source, chunk->offset, chunk->bytes, flr_decoder_stored(l->decoder)));
  return flr_decoder_run(l->decoder, &c->filters, chunk->bytes, skipped, out, c->chunk_bytes);
}

static flr_status blame(const flr_h5_chunks *c, flr_status status, int64_t index) {
  char reason[256];
  if (status != FLR_ERROR_DATA) return status;
  (void)snprintf(reason, sizeof reason, "%s", flr_status_message());
  const int64_t per_block = c->grid.chunks / c->grid.count[0], first = index / per_block * c->grid.chunk[0];
  const int64_t end = first + c->grid.chunk[0] < c->dims[0] ? first + c->grid.chunk[0] : c->dims[0];
  return flr_fail(status, "%s: %s: chunk %lld (rows %lld to %lld) is damaged: %s", c->source->name, c->path, (long long)index,
                  (long long)first, (long long)end - 1, reason);
}

/* Elements of the chunk that lie in the data set along an axis, from element `at`. */
static int64_t inside(const flr_h5_chunks *c, int axis, int64_t at) {
  const int64_t left = c->dims[axis] - at;
  return left < c->grid.chunk[axis] ? left : c->grid.chunk[axis];
}

/* Copies a chunk that begins at elements `at` to its place in the block, in runs along the last axis. */
static void put(const flr_h5_chunks *c, const unsigned char *chunk, const int64_t at[FLR_H5_MOST_AXES], unsigned char *out) {
  const int last = c->grid.rank - 1;
  const size_t run = (size_t)inside(c, last, at[last]) * c->element_bytes;
  int64_t i[FLR_H5_MOST_AXES] = {0};
  for (;;) {
    int64_t from = 0, to = 0;
    for (int axis = 0; axis <= last; axis++) {
      from = from * c->grid.chunk[axis] + i[axis];
      to = to * c->dims[axis] + i[axis] + (axis > 0 ? at[axis] : 0);
    }
    memcpy(out + (size_t)to * c->element_bytes, chunk + (size_t)from * c->element_bytes, run);
    int axis = last - 1;
    while (axis >= 0 && ++i[axis] == inside(c, axis, at[axis])) i[axis--] = 0;
    if (axis < 0) return;
  }
}

static flr_status load_cut(const flr_h5_chunks *c, flr_h5_loading *l, int64_t index, void *out) {
  int64_t at[FLR_H5_MOST_AXES] = {0}, rest = index;
  int sticks_out = 0;
  for (int axis = c->grid.rank - 1; axis >= 0; axis--) {
    at[axis] = rest % c->grid.count[axis] * c->grid.chunk[axis];
    rest /= c->grid.count[axis];
    sticks_out |= inside(c, axis, at[axis]) < c->grid.chunk[axis];
  }
  FLR_TRY(decode(c, l, index, sticks_out, l->chunk));
  put(c, l->chunk, at, out);
  return FLR_OK;
}

flr_status flr_h5_chunks_load(const flr_h5_chunks *c, flr_h5_loading *l, int64_t block, void *out) {
  const int64_t per_block = c->grid.chunks / c->grid.count[0], first = block * per_block;
  for (int64_t index = first; index < first + per_block; index++) {
    const int sticks_out = (block + 1) * c->grid.chunk[0] > c->dims[0];
    const flr_status status = c->cuts_rows ? load_cut(c, l, index, out) : decode(c, l, index, sticks_out, out);
    if (status != FLR_OK) return blame(c, status, index);
  }
  return FLR_OK;
}
