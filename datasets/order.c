/* A table of one epoch's blocks, and from it which row is where. */
#include "datasets/order.h"

#include <pthread.h>

#include "core/memory.h"
#include "core/permutation.h"

enum { SMALL_BYTES = 256 << 20, WINDOW_BYTES = 1 << 30, WINDOW_BLOCKS = 64 };

/* ---- blocks ---- */

flr_status flr_block_map_init(flr_block_map *out, const flr_dataset *d, flr_split split) {
  const int64_t samples = d->samples[split];
  int64_t last = -1;
  *out = (flr_block_map){0};
  for (int64_t row = 0; row < samples; row++) {
    const int64_t block = flr_dataset_block_of(d, split, row);
    out->count += block != last;
    last = block;
  }
  FLR_TRY(flr_alloc(&out->first, out->count + 1, sizeof *out->first));
  last = -1;
  for (int64_t row = 0, count = 0; row < samples; row++) {
    const int64_t block = flr_dataset_block_of(d, split, row);
    if (block != last) out->first[count++] = row;
    last = block;
  }
  out->first[out->count] = samples;
  return FLR_OK;
}

void flr_block_map_clear(flr_block_map *map) {
  flr_free(map->first);
  *map = (flr_block_map){0};
}

int64_t flr_window_default(int64_t blocks, size_t block_bytes, int64_t batch) {
  if (blocks <= SMALL_BYTES / (int64_t)block_bytes) return blocks;
  int64_t window = WINDOW_BYTES / (int64_t)block_bytes;
  if (window > WINDOW_BLOCKS) window = WINDOW_BLOCKS;
  if (window > batch) window = batch;
  return window < 1 ? 1 : window;
}

void flr_order_lanes(int64_t window, int64_t batch, int64_t *lanes, int64_t *blocks_each) {
  *lanes = window < batch ? window : batch;
  *blocks_each = (window + *lanes - 1) / *lanes;
}

/* ---- epochs ---- */

typedef struct epoch_table {
  int64_t epoch; /* -1: not made */
  uint64_t key;
  int64_t *block;       /* [blocks] in this epoch's order */
  int64_t *start;       /* [blocks + 1] position of the first row of each of these */
  flr_permutation rows; /* of all samples, where there are no blocks */
} epoch_table;

/* What a lane takes at a time and its permutation, kept until it takes the next. */
typedef struct lane_table {
  int64_t epoch;      /* -1: it has taken nothing yet */
  int64_t begin, end; /* positions of the epoch */
  int64_t from, to;   /* blocks from..to-1 of the epoch's order */
  int32_t *place;     /* [most rows taken at a time] */
} lane_table;

struct flr_order {
  flr_sampler sampler;
  int64_t steps; /* of an epoch */
  int64_t full;  /* of these with a whole batch */
  int64_t lanes, blocks_each;
  int64_t table_count;
  epoch_table *tables;
  lane_table *lane_tables; /* [lanes + 1], the last one for what is left over */
  pthread_mutex_t preparing;
};

static uint64_t derive(uint64_t key, uint64_t index) {
  uint32_t words[4];
  flr_philox(words, key, index);
  return (uint64_t)words[1] << 32 | words[0];
}

static flr_status make_table(const flr_order *o, epoch_table *t) {
  t->epoch = -1;
  if (o->sampler.window == 0) return o->sampler.shuffled ? flr_permutation_init(&t->rows, o->sampler.samples) : FLR_OK;
  FLR_TRY(flr_alloc(&t->start, o->sampler.map->count + 1, sizeof(int64_t)));
  return flr_alloc(&t->block, o->sampler.map->count, sizeof(int64_t));
}

static flr_status make_tables(flr_order *o, int64_t span) {
  o->table_count = span / o->steps + 2;
  FLR_TRY(flr_alloc(&o->tables, o->table_count, sizeof *o->tables));
  for (int64_t i = 0; i < o->table_count; i++) FLR_TRY(make_table(o, &o->tables[i]));
  return FLR_OK;
}

static flr_status make_lanes(flr_order *o) {
  const flr_block_map *map = o->sampler.map;
  int64_t largest = 0, rows;
  for (int64_t i = 0; i < map->count; i++)
    if (map->first[i + 1] - map->first[i] > largest) largest = map->first[i + 1] - map->first[i];
  FLR_TRY(flr_multiply(&rows, largest, o->blocks_each));
  FLR_TRY(flr_alloc(&o->lane_tables, o->lanes + 1, sizeof *o->lane_tables));
  for (int64_t lane = 0; lane <= o->lanes; lane++) {
    o->lane_tables[lane].epoch = -1;
    FLR_TRY(flr_alloc(&o->lane_tables[lane].place, lane < o->lanes ? rows : o->sampler.batch, sizeof(int32_t)));
  }
  return FLR_OK;
}

flr_status flr_order_create(flr_order **out, const flr_sampler *sampler, int64_t span) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  flr_order *o = *out;
  o->sampler = *sampler;
  (void)pthread_mutex_init(&o->preparing, NULL);
  o->steps = flr_sampler_steps(sampler);
  o->full = sampler->samples / sampler->batch;
  flr_status status = o->steps > 0 ? make_tables(o, span) : FLR_OK;
  if (status == FLR_OK && sampler->window > 0) {
    flr_order_lanes(sampler->window, sampler->batch, &o->lanes, &o->blocks_each);
    status = make_lanes(o);
  }
  if (status == FLR_OK) return FLR_OK;
  flr_order_destroy(o);
  *out = NULL;
  return status;
}

void flr_order_destroy(flr_order *o) {
  if (!o) return;
  for (int64_t i = 0; o->tables && i < o->table_count; i++) {
    flr_free(o->tables[i].start);
    flr_free(o->tables[i].block);
    flr_permutation_clear(&o->tables[i].rows);
  }
  for (int64_t i = 0; o->lane_tables && i <= o->lanes; i++) flr_free(o->lane_tables[i].place);
  flr_free(o->lane_tables);
  flr_free(o->tables);
  (void)pthread_mutex_destroy(&o->preparing);
  flr_free(o);
}

static void order_blocks(const flr_order *o, epoch_table *t) {
  const flr_block_map *map = o->sampler.map;
  const uint64_t block_key = derive(t->key, UINT64_MAX);
  t->start[0] = 0;
  for (int64_t i = 0; i < map->count; i++) {
    const int64_t block = flr_permute(block_key, map->count, i);
    t->block[i] = block;
    t->start[i + 1] = t->start[i] + map->first[block + 1] - map->first[block];
  }
}

void flr_order_prepare(flr_order *o, int64_t step) {
  const int64_t epoch = step / o->steps;
  epoch_table *t = &o->tables[epoch % o->table_count];
  (void)pthread_mutex_lock(&o->preparing);
  if (t->epoch != epoch) {
    t->epoch = epoch;
    t->key = flr_rng_key(o->sampler.seed, o->sampler.stream, (uint64_t)epoch);
    if (o->sampler.window > 0) order_blocks(o, t);
    if (t->rows.size > 0) flr_permutation_set_key(&t->rows, t->key);
  }
  (void)pthread_mutex_unlock(&o->preparing);
}

/* ---- rows ---- */

/* Which block of the epoch's order, of low..high-1, a position lies in. */
static int64_t find(const epoch_table *t, int64_t low, int64_t high, int64_t position) {
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (t->start[middle] <= position)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* A lane's stretch of the epoch, and the place in it of a position of a batch. */
typedef struct stretch {
  int64_t lane, begin, end, place;
} stretch;

static stretch stretch_of(const flr_order *o, int64_t step, int64_t position) {
  const int64_t base = o->sampler.batch / o->lanes, larger = o->sampler.batch % o->lanes;
  const int64_t in_larger = larger * (base + 1);
  const int64_t lane = position < in_larger ? position / (base + 1) : larger + (position - in_larger) / base;
  int64_t first, count;
  flr_partition(o->sampler.batch, o->lanes, lane, &first, &count);
  const int64_t begin = o->full * first, end = begin + o->full * count, walked = step * count + position - first;
  return (stretch){.lane = lane, .begin = begin, .end = end, .place = lane % 2 ? end - 1 - walked : begin + walked};
}

/* Fisher and Yates' shuffle of 0..n-1 with the random words of `key`. */
static void shuffle(int32_t *out, int64_t n, uint64_t key) {
  uint32_t words[4] = {0};
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)i;
  for (int64_t i = n - 1, used = 0; i > 0; i--, used++) {
    if (used % 4 == 0) flr_philox(words, key, (uint64_t)used / 4);
    const int64_t k = (int64_t)((uint64_t)words[used % 4] * (uint64_t)(i + 1) >> 32);
    const int32_t other = out[k];
    out[k] = out[i];
    out[i] = other;
  }
}

/* Blocks number i on of the stretch that are taken together, as far as they lie in it; all of it, where it is what is left
 * over. */
static void take(const flr_order *o, const epoch_table *t, const stretch *s, lane_table *lane) {
  const int64_t blocks = o->sampler.map->count, first = find(t, 0, blocks, s->begin);
  int64_t from = first, to = blocks;
  if (s->lane < o->lanes) {
    from += (find(t, first, blocks, s->place) - first) / o->blocks_each * o->blocks_each;
    to = from + o->blocks_each < blocks ? from + o->blocks_each : blocks;
  }
  *lane = (lane_table){
      .epoch = t->epoch, .begin = t->start[from], .end = t->start[to], .from = from, .to = to, .place = lane->place};
  if (lane->begin < s->begin) lane->begin = s->begin;
  if (lane->end > s->end) lane->end = s->end;
  shuffle(lane->place, lane->end - lane->begin, derive(t->key, (uint64_t)lane->begin));
}

/* The row at a place of a stretch, where what the lane takes is permuted. */
static int64_t row_at(const flr_order *o, const epoch_table *t, const stretch *s) {
  lane_table *lane = &o->lane_tables[s->lane];
  if (lane->epoch != t->epoch || s->place < lane->begin || s->place >= lane->end) take(o, t, s, lane);
  const int64_t at = lane->begin + lane->place[s->place - lane->begin];
  const int64_t i = find(t, lane->from, lane->to, at);
  return o->sampler.map->first[t->block[i]] + at - t->start[i];
}

int64_t flr_order_row(flr_order *o, int64_t step, int64_t position) {
  const int64_t in_epoch = step % o->steps, tail = o->full * o->sampler.batch;
  const epoch_table *t = &o->tables[step / o->steps % o->table_count];
  if (t->rows.size > 0) return flr_permutation_at(&t->rows, in_epoch * o->sampler.batch + position);
  if (o->sampler.window == 0) return in_epoch * o->sampler.batch + position;
  const stretch left_over = {.lane = o->lanes, .begin = tail, .end = o->sampler.samples, .place = tail + position};
  const stretch s = in_epoch < o->full ? stretch_of(o, in_epoch, position) : left_over;
  return row_at(o, t, &s);
}
