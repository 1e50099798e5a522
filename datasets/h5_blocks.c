/* Cutting rows into blocks; loading a block of any part. */
#include "datasets/h5_blocks.h"

#include "core/memory.h"

/* Until it is known how the data are used. */
enum { FIRST_SLOTS = 4, FIRST_BYTES = 64 << 20, FIRST_LOADERS = 1, PLAIN_BLOCK_BYTES = 1 << 20, MOST_BLOCK_BYTES = 1 << 30 };

flr_status flr_h5_blocks_add(flr_h5_blocks *b, flr_h5_rows *part) {
  if (b->count == FLR_H5_MOST_PARTS) return flr_fail(FLR_ERROR_USAGE, "--data: more than %d data sets", FLR_H5_MOST_PARTS);
  b->parts[b->count++] = part;
  return FLR_OK;
}

static int64_t rows_of_block(const flr_h5_rows *r) {
  if (r->chunks.list) return flr_h5_chunks_rows(&r->chunks);
  const int64_t rows = r->through.per_read > 0 ? r->through.per_read : PLAIN_BLOCK_BYTES / (int64_t)r->row_bytes;
  return rows < 1 ? 1 : rows < r->dims[0] ? rows : r->dims[0];
}

static const flr_h5_rows *part_of(const flr_h5_blocks *b, int64_t block) {
  int i = b->count - 1;
  while (b->parts[i]->first_block > block) i--;
  return b->parts[i];
}

static flr_status load(void *context, int loader, int64_t block, void *out) {
  const flr_h5_blocks *b = context;
  const flr_h5_rows *r = part_of(b, block);
  const int64_t local = block - r->first_block, first = local * r->block_rows, left = r->dims[0] - first;
  if (flr_h5_rows_need_decoding(r)) return flr_h5_chunks_load(&r->chunks, &b->loadings[loader], local, out);
  return flr_h5_rows_read_run(r, first, left < r->block_rows ? left : r->block_rows, out);
}

flr_status flr_h5_blocks_start(flr_h5_blocks *b, int always) {
  int64_t blocks = 0, bytes;
  for (int i = 0; i < b->count; i++) b->needed |= flr_h5_rows_need_blocks(b->parts[i]);
  if (!b->needed && !always) return FLR_OK;
  for (int i = 0; i < b->count; i++) {
    flr_h5_rows *r = b->parts[i];
    r->block_rows = rows_of_block(r);
    r->first_block = blocks;
    blocks += (r->dims[0] - 1) / r->block_rows + 1;
    FLR_TRY(flr_multiply(&bytes, r->block_rows, (int64_t)r->row_bytes));
    if (bytes > MOST_BLOCK_BYTES)
      return flr_fail(FLR_ERROR_DATA, "%s: %s: %lld rows of a chunk take %lld bytes: h5repack -l CHUNK=.. in smaller chunks",
                      r->source->name, r->path, (long long)r->block_rows, (long long)bytes);
    if ((size_t)bytes > b->block_bytes) b->block_bytes = (size_t)bytes;
    if (flr_h5_rows_need_decoding(r)) flr_h5_loading_sizes_add(&b->sizes, &r->chunks);
  }
  const flr_block_cache_options options = {.blocks = blocks, .block_bytes = b->block_bytes, .load = load, .context = b};
  FLR_TRY(flr_block_cache_create(&b->cache, &options));
  for (int i = 0; i < b->count; i++) b->parts[i]->cache = b->cache;
  const int64_t fit = FIRST_BYTES / (int64_t)b->block_bytes;
  return flr_h5_blocks_resize(b, fit < 1 ? 1 : fit < FIRST_SLOTS ? fit : FIRST_SLOTS, FIRST_LOADERS);
}

static void drop_loaders(flr_h5_blocks *b) {
  for (int i = 0; i < b->loader_count; i++) flr_h5_loading_clear(&b->loadings[i]);
  flr_free(b->loadings);
  b->loadings = NULL;
  b->loader_count = 0;
}

static flr_status give_up(flr_h5_blocks *b) {
  for (int i = 0; i < b->count; i++) b->parts[i]->cache = NULL;
  flr_block_cache_destroy(b->cache);
  b->cache = NULL;
  return FLR_OK;
}

flr_status flr_h5_blocks_resize(flr_h5_blocks *b, int64_t slots, int loaders) {
  drop_loaders(b);
  if (slots == 0 && !b->needed) return give_up(b);
  FLR_TRY(flr_alloc(&b->loadings, loaders, sizeof *b->loadings));
  for (; b->loader_count < loaders; b->loader_count++) FLR_TRY(flr_h5_loading_init(&b->loadings[b->loader_count], &b->sizes));
  return flr_block_cache_resize(b->cache, slots, loaders);
}

int64_t flr_h5_blocks_bytes(const flr_h5_blocks *b, int64_t slots, int loaders) {
  return slots * (int64_t)b->block_bytes + loaders * (int64_t)flr_h5_loading_bytes(&b->sizes);
}

void flr_h5_blocks_clear(flr_h5_blocks *b) {
  drop_loaders(b);
  flr_block_cache_destroy(b->cache);
  *b = (flr_h5_blocks){0};
}
