/* A ring of steps that are worked out ahead of being read. */
#include "datasets/loader_plan.h"

#include "core/memory.h"

enum { MOST_AHEAD = 4096, MOST_ROWS = 1 << 20 };

static int64_t capacity_of(const flr_loader_options *o) {
  int64_t total = 0;
  for (int64_t k = 0; k < o->shard_count; k++) {
    int64_t first, count;
    flr_partition(o->sampler.batch, o->shards, o->first_shard + k, &first, &count);
    total += count;
  }
  return total;
}

/* Steps until as many new blocks may be needed as the cache can hold. */
static int64_t steps_ahead(const flr_dataset *d, int64_t capacity, int64_t samples) {
  if (!d->cache || capacity == 0) return 0;
  const int64_t blocks = flr_block_cache_blocks(d->cache), slots = flr_block_cache_slots(d->cache);
  const int64_t rows = samples / blocks + 1, most = MOST_ROWS / capacity;
  int64_t ahead = 2 + slots * rows / capacity;
  if (ahead > MOST_AHEAD) ahead = MOST_AHEAD;
  return ahead < most ? ahead : most;
}

/* Evaluation reads beside training; where there is room for everything, nobody is in anybody's way. */
static int64_t spare_slots(const flr_dataset *d, const flr_loader_options *o) {
  if (!d->cache || flr_block_cache_slots(d->cache) >= flr_block_cache_blocks(d->cache)) return 0;
  return o->sampler.shuffled ? o->workers + 2 : 1;
}

static flr_status alloc_ring(flr_loader_plan *p) {
  const int64_t shards = p->options->shard_count;
  FLR_TRY(flr_alloc(&p->ring, p->count, sizeof *p->ring));
  for (int64_t i = 0; i < p->count; i++) {
    flr_planned *planned = &p->ring[i];
    FLR_TRY(flr_alloc(&planned->rows, p->capacity, sizeof(int64_t)));
    FLR_TRY(flr_alloc(&planned->shard_first, shards + 1, sizeof(int64_t)));
    FLR_TRY(flr_alloc(&planned->shard_position, shards, sizeof(int64_t)));
    if (p->dataset->cache) FLR_TRY(flr_alloc(&planned->blocks, p->capacity, sizeof(int64_t)));
  }
  return FLR_OK;
}

flr_status flr_loader_plan_init(flr_loader_plan *out, flr_dataset *dataset, const flr_loader_options *options, int64_t slots) {
  *out = (flr_loader_plan){.dataset = dataset, .options = options, .capacity = capacity_of(options)};
  out->ahead = steps_ahead(dataset, out->capacity, options->sampler.samples);
  out->spare = spare_slots(dataset, options);
  out->count = slots + out->ahead + 1;
  FLR_TRY(flr_order_create(&out->order, &options->sampler, out->count));
  return alloc_ring(out);
}

void flr_loader_plan_clear(flr_loader_plan *p) {
  for (int64_t i = 0; p->ring && i < p->count; i++) {
    flr_loader_plan_done(p, i);
    flr_free(p->ring[i].rows);
    flr_free(p->ring[i].shard_first);
    flr_free(p->ring[i].shard_position);
    flr_free(p->ring[i].blocks);
  }
  flr_free(p->ring);
  flr_order_destroy(p->order);
  *p = (flr_loader_plan){0};
}

/* Shell's, with Knuth's gaps: no memory, and the rows of a batch come nearly in order. */
static void sort(int64_t *values, int64_t n) {
  int64_t gap = 1;
  while (gap < n / 3) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3)
    for (int64_t i = gap; i < n; i++) {
      const int64_t value = values[i];
      int64_t at = i;
      for (; at >= gap && values[at - gap] > value; at -= gap) values[at] = values[at - gap];
      values[at] = value;
    }
}

static void find_blocks(const flr_loader_plan *p, flr_planned *planned) {
  int64_t *blocks = planned->blocks, distinct = 0;
  for (int64_t i = 0; i < planned->count; i++)
    blocks[i] = flr_dataset_block_of(p->dataset, p->options->split, planned->rows[i]);
  sort(blocks, planned->count);
  for (int64_t i = 0; i < planned->count; i++)
    if (distinct == 0 || blocks[distinct - 1] != blocks[i]) blocks[distinct++] = blocks[i];
  planned->block_count = distinct;
}

flr_planned *flr_loader_plan_make(flr_loader_plan *p, int64_t index) {
  const flr_loader_options *o = p->options;
  flr_planned *planned = &p->ring[index % p->count];
  int64_t filled = 0;
  planned->step = o->first_step + index;
  planned->global_count = flr_sampler_batch_size(&o->sampler, planned->step);
  flr_order_prepare(p->order, planned->step);
  for (int64_t k = 0; k < o->shard_count; k++) {
    int64_t first, count;
    flr_partition(planned->global_count, o->shards, o->first_shard + k, &first, &count);
    planned->shard_first[k] = filled;
    planned->shard_position[k] = first;
    for (int64_t i = 0; i < count; i++) planned->rows[filled++] = flr_order_row(p->order, planned->step, first + i);
  }
  planned->shard_first[o->shard_count] = filled;
  planned->count = filled;
  planned->block_count = 0;
  if (p->dataset->cache) find_blocks(p, planned);
  return planned;
}

flr_planned *flr_loader_plan_at(flr_loader_plan *p, int64_t index) { return &p->ring[index % p->count]; }

int flr_loader_plan_want(flr_loader_plan *p, int64_t index) {
  flr_planned *planned = &p->ring[index % p->count];
  planned->wanted = flr_block_cache_want(p->dataset->cache, planned->blocks, planned->block_count, p->spare);
  return planned->wanted;
}

int flr_loader_plan_ready(const flr_loader_plan *p, int64_t index) {
  const flr_planned *planned = &p->ring[index % p->count];
  return !planned->wanted || flr_block_cache_ready(p->dataset->cache, planned->blocks, planned->block_count);
}

void flr_loader_plan_done(flr_loader_plan *p, int64_t index) {
  flr_planned *planned = &p->ring[index % p->count];
  if (planned->wanted) flr_block_cache_forgo(p->dataset->cache, planned->blocks, planned->block_count);
  planned->wanted = 0;
}
