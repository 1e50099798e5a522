/* The shuffle within a window of blocks: what order it gives, and what loaders deliver of it. */
#include "datasets/order.h"

#include "core/hash.h"
#include "datasets/loader.h"
#include "h5_filtered.h"
#include "h5_fixture.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"

enum { MOST_BLOCKS = 64 };

/* ---- the order alone ---- */

typedef struct blocks {
  flr_block_map map;
  int64_t first[MOST_BLOCKS + 1];
} blocks;

/* Blocks of 13 rows, or of 5 to 20. */
static flr_sampler sampler_of(blocks *b, int64_t count, int even, int64_t batch, int64_t window, int drop_last) {
  b->first[0] = 0;
  for (int64_t i = 0; i < count; i++) b->first[i + 1] = b->first[i] + (even ? 13 : 5 + i * 7 % 16);
  b->map = (flr_block_map){.count = count, .first = b->first};
  return (flr_sampler){.seed = 3,
                       .stream = FLR_STREAM_SHUFFLE,
                       .samples = b->first[count],
                       .batch = batch,
                       .shuffled = 1,
                       .drop_last = drop_last,
                       .window = window,
                       .map = &b->map};
}

static flr_order *order_of(const flr_sampler *sampler) {
  flr_order *order;
  CHECK_OK(flr_order_create(&order, sampler, 1));
  return order;
}

static int64_t row_at(flr_order *order, int64_t step, int64_t position) {
  flr_order_prepare(order, step);
  return flr_order_row(order, step, position);
}

static void check_epochs(const flr_sampler *s) {
  flr_order *order = order_of(s);
  const int64_t steps = flr_sampler_steps(s);
  for (int64_t epoch = 0; epoch < 3; epoch++) {
    int seen[MOST_BLOCKS * 20] = {0};
    int64_t given = 0;
    for (int64_t step = epoch * steps; step < (epoch + 1) * steps; step++)
      for (int64_t i = 0; i < flr_sampler_batch_size(s, step); i++, given++) {
        const int64_t row = row_at(order, step, i);
        CHECK_RANGE(row, 0, s->samples - 1);
        seen[row]++;
      }
    for (int64_t row = 0; row < s->samples; row++) assert_true(seen[row] <= 1);
    assert_int_equal(given, s->drop_last ? steps * s->batch : s->samples);
  }
  flr_order_destroy(order);
}

static void test_order__every_row_at_most_once_an_epoch(void **state) {
  (void)state;
  static const int64_t batches[] = {1, 2, 7, 16, 61, 200}, windows[] = {1, 2, 5, 16, 40}, counts[] = {2, 3, 17, 41, 64};
  for (int i = 0; i < 6 * 5 * 5 * 4; i++) {
    blocks b;
    const flr_sampler s = sampler_of(&b, counts[i / 30 % 5], i / 150 % 2, batches[i % 6], windows[i / 6 % 5], i / 300);
    if (s.batch <= s.samples) check_epochs(&s);
  }
}

/* What a run that starts there would get. */
static void test_order__is_the_same_from_any_step_on(void **state) {
  (void)state;
  blocks b;
  const flr_sampler s = sampler_of(&b, 41, 0, 16, 5, 0);
  flr_order *from_start = order_of(&s);
  for (int64_t step = 0; step < 100; step++) {
    flr_order *here = order_of(&s);
    for (int64_t i = 0; i < flr_sampler_batch_size(&s, step); i++)
      assert_int_equal(row_at(from_start, step, i), row_at(here, step, i));
    flr_order_destroy(here);
  }
  flr_order_destroy(from_start);
}

static void test_order__is_the_samplers_where_there_are_no_blocks(void **state) {
  (void)state;
  for (int shuffled = 0; shuffled < 2; shuffled++) {
    const flr_sampler s = {
        .seed = 3, .stream = FLR_STREAM_SHUFFLE, .samples = 1437, .batch = 75, .shuffled = shuffled, .drop_last = 0};
    flr_order *order = order_of(&s);
    for (int64_t step = 0; step < 100; step++)
      for (int64_t i = 0; i < flr_sampler_batch_size(&s, step); i++)
        assert_int_equal(row_at(order, step, i), flr_sampler_row(&s, step, i));
    flr_order_destroy(order);
  }
}

static void test_order__depends_on_seed_stream_and_epoch(void **state) {
  (void)state;
  blocks b;
  const flr_sampler s = sampler_of(&b, 41, 1, 16, 8, 1);
  flr_sampler seed = s, stream = s;
  seed.seed = 4;
  stream.stream = FLR_STREAM_SWEEP;
  flr_order *orders[] = {order_of(&s), order_of(&seed), order_of(&stream)};
  const int64_t next_epoch = flr_sampler_steps(&s);
  int same[3] = {0};
  for (int64_t i = 0; i < 16; i++) {
    same[0] += row_at(orders[0], 0, i) == row_at(orders[1], 0, i);
    same[1] += row_at(orders[0], 0, i) == row_at(orders[2], 0, i);
    same[2] += row_at(orders[0], 0, i) == row_at(orders[0], next_epoch, i);
  }
  for (int i = 0; i < 3; i++) CHECK_RANGE(same[i], 0, 3);
  for (int i = 0; i < 3; i++) flr_order_destroy(orders[i]);
}

static int64_t block_of(const flr_block_map *map, int64_t row) {
  int64_t block = 0;
  while (row >= map->first[block + 1]) block++;
  return block;
}

/* Distinct blocks of the positions [first, end) over the steps. */
static int64_t count_blocks(const flr_sampler *s, flr_order *order, int64_t step, int64_t steps, int64_t first, int64_t end) {
  int seen[MOST_BLOCKS] = {0};
  int64_t count = 0;
  for (; steps > 0; step++, steps--)
    for (int64_t i = first; i < end; i++) {
      int *block = &seen[block_of(s->map, row_at(order, step, i))];
      count += !*block;
      *block = 1;
    }
  return count;
}

static void test_order__a_batch_draws_from_as_many_blocks_as_the_window(void **state) {
  (void)state;
  static const int64_t windows[] = {4, 8, 16, 24};
  for (int i = 0; i < 4; i++) {
    blocks b;
    const flr_sampler s = sampler_of(&b, 64, 1, 16, windows[i], 1);
    flr_order *order = order_of(&s);
    int64_t sum = 0, steps = flr_sampler_steps(&s);
    for (int64_t step = 0; step < steps; step++) {
      const int64_t drawn = count_blocks(&s, order, step, 1, 0, s.batch);
      assert_true(drawn <= 16);
      sum += drawn;
    }
    const int64_t most = windows[i] < 16 ? windows[i] : 16; /* two lanes may share a block, or one change it within a batch */
    print_message("window %d: %.2f blocks a batch\n", (int)windows[i], (double)sum / (double)steps);
    assert_true((double)sum >= 0.8 * (double)(most * steps));
    flr_order_destroy(order);
  }
}

/* Four ranks together take each block once, but for those at the two ends of their parts. */
static void test_order__ranks_need_their_own_blocks_alone(void **state) {
  (void)state;
  for (int even = 0; even < 2; even++) {
    blocks b;
    const flr_sampler s = sampler_of(&b, 64, even, 16, 16, 1);
    flr_order *order = order_of(&s);
    int64_t taken = 0;
    for (int64_t rank = 0; rank < 4; rank++) taken += count_blocks(&s, order, 0, flr_sampler_steps(&s), 4 * rank, 4 * rank + 4);
    CHECK_RANGE(taken, 60, 64 + 2 * 4);
    flr_order_destroy(order);
  }
}

/* Small data are shuffled as a whole; large ones within what takes a gigabyte at most. */
static void test_order__default_window(void **state) {
  (void)state;
  assert_int_equal(flr_window_default(100, 1 << 20, 64), 100);
  assert_int_equal(flr_window_default(1000, 1 << 20, 64), 64);
  assert_int_equal(flr_window_default(1000, 1 << 20, 48), 48);
  assert_int_equal(flr_window_default(1000, 1 << 26, 64), 16);
  assert_int_equal(flr_window_default(1000, 1 << 30, 64), 1);
}

/* ---- loaders ---- */

enum { ROWS = 400, BATCH = 24, STEPS = 40 };

typedef struct run {
  int64_t shards, rank, ranks;
  int workers;
  int64_t first_step;
} run;

static flr_dataset *open_compressed(void **state, const char *pipeline, double valid_fraction) {
  char path[SCRATCH_PATH + 64];
  const h5_filtered spec = {.dims = {ROWS, 4, 5, 1}, .chunk = {10, 2, 5, 1}, .pipeline = pipeline};
  scratch_path(path, state, "data.h5");
  h5_filtered_write(path, &spec);
  const flr_dataset_options options = {.source = path, .valid_fraction = valid_fraction, .seed = 1};
  flr_dataset *d;
  CHECK_OK(flr_dataset_open(&d, &options));
  return d;
}

/* Hashes of samples and rows, one for each position of each batch, into out [STEPS, BATCH]. */
static void deliver(flr_dataset *d, const flr_block_map *map, int64_t window, const run *r, uint64_t *out) {
  flr_loader_options o = {.split = FLR_SPLIT_TRAIN,
                          .sampler = {.seed = 3,
                                      .stream = FLR_STREAM_SHUFFLE,
                                      .samples = d->samples[FLR_SPLIT_TRAIN],
                                      .batch = BATCH,
                                      .shuffled = 1,
                                      .window = window,
                                      .map = map},
                          .shards = r->shards,
                          .first_step = r->first_step,
                          .steps = STEPS - r->first_step,
                          .workers = r->workers,
                          .prefetch = 3};
  flr_loader *loader;
  flr_partition(r->shards, r->ranks, r->rank, &o.first_shard, &o.shard_count);
  CHECK_OK(flr_loader_create(&loader, d, &o));
  for (int64_t step = r->first_step; step < STEPS; step++) {
    flr_batch b;
    CHECK_OK(flr_loader_next(loader, &b));
    assert_int_equal(b.step, step);
    for (int64_t k = 0; k < o.shard_count; k++)
      for (int64_t i = b.shard_first[k]; i < b.shard_first[k + 1]; i++) {
        const uint64_t hash = flr_hash(FLR_HASH_START, (const char *)b.samples + (size_t)i * d->sample_bytes, d->sample_bytes);
        out[step * BATCH + b.shard_position[k] + i - b.shard_first[k]] = flr_hash(hash, &b.rows[i], sizeof b.rows[i]);
        assert_int_equal(b.labels[i], d->labels[FLR_SPLIT_TRAIN][b.rows[i]]);
      }
  }
  flr_loader_destroy(loader);
}

static void check_same(flr_dataset *d, const flr_block_map *map, int64_t window) {
  static uint64_t truth[STEPS * BATCH], found[STEPS * BATCH];
  static const int64_t slots[] = {1, 2, 5, 12, 40};
  const run alone = {.shards = 1, .ranks = 1, .workers = 1};
  memset(truth, 0, sizeof truth);
  deliver(d, map, window, &alone, truth);
  for (int64_t ranks = 1; ranks <= 4; ranks++)
    for (int workers = 1; workers <= 4; workers += 3)
      for (int k = 0; k < 5; k++) {
        memset(found, 0, sizeof found);
        CHECK_OK(d->ops->reserve(d, slots[k], workers));
        for (int64_t rank = 0; rank < ranks; rank++) {
          const run r = {.shards = ranks, .rank = rank, .ranks = ranks, .workers = workers, .first_step = k == 3 ? 17 : 0};
          deliver(d, map, window, &r, found);
        }
        const size_t from = k == 3 ? (size_t)17 * BATCH : 0;
        assert_memory_equal(found + from, truth + from, sizeof truth - from * sizeof *truth);
      }
}

/* At 1 to 4 ranks, with 1 and 4 threads, from the start and from the middle, with hardly any memory and with enough. */
static void test_loader__delivers_the_same_from_compressed_data(void **state) {
  for (int i = 0; i < 4; i++) {
    flr_dataset *d = open_compressed(state, i % 2 ? "sdf" : "d", i / 2 ? 0.2 : 0);
    flr_block_map map;
    CHECK_OK(flr_block_map_init(&map, d, FLR_SPLIT_TRAIN));
    assert_int_equal(map.count, 40);
    check_same(d, &map, i % 2 ? 6 : 0);
    flr_block_map_clear(&map);
    flr_dataset_destroy(d);
  }
}

/* With room for the window each block is decoded once an epoch, and twice where two threads would. */
static void test_loader__decodes_each_block_once_an_epoch(void **state) {
  static uint64_t found[STEPS * BATCH];
  flr_dataset *d = open_compressed(state, "d", 0);
  flr_block_map map;
  CHECK_OK(flr_block_map_init(&map, d, FLR_SPLIT_TRAIN));
  CHECK_OK(d->ops->reserve(d, 20, 4));
  const run r = {.shards = 1, .ranks = 1, .workers = 4};
  deliver(d, &map, 6, &r, found);
  const int64_t epochs = (STEPS * BATCH + ROWS - 1) / ROWS;
  print_message("%d loads of %d blocks in %d epochs\n", (int)flr_block_cache_loads(d->cache), (int)map.count, (int)epochs);
  CHECK_RANGE(flr_block_cache_loads(d->cache), 2 * map.count, (epochs + 1) * map.count);
  flr_block_map_clear(&map);
  flr_dataset_destroy(d);
}

/* Contiguous data in memory: read once, in large pieces, however often they are delivered; and given up where there is no room.
 */
static void test_loader__keeps_contiguous_data_in_memory(void **state) {
  static uint64_t truth[STEPS * BATCH], found[STEPS * BATCH];
  char path[SCRATCH_PATH + 64];
  const h5_fixture spec = {.rows = ROWS, .height = 64, .width = 64, .channels = 3};
  scratch_path(path, state, "data.h5");
  h5_fixture_write(path, &spec);
  flr_dataset_options options = {.source = path, .valid_fraction = 0.2, .seed = 1};
  const run r = {.shards = 1, .ranks = 1, .workers = 2};
  flr_dataset *d;
  CHECK_OK(flr_dataset_open(&d, &options));
  assert_null(d->cache);
  deliver(d, NULL, 0, &r, truth);
  flr_dataset_destroy(d);
  options.in_memory = 1;
  CHECK_OK(flr_dataset_open(&d, &options));
  assert_non_null(d->cache);
  assert_false(d->encoded);
  const int64_t all = flr_block_cache_blocks(d->cache);
  CHECK_OK(d->ops->reserve(d, all, 2));
  for (int i = 0; i < 2; i++) deliver(d, NULL, 0, &r, found);
  assert_int_equal(flr_block_cache_loads(d->cache), all);
  assert_memory_equal(found, truth, sizeof truth);
  CHECK_OK(d->ops->reserve(d, 0, 1));
  assert_null(d->cache);
  memset(found, 0, sizeof found);
  deliver(d, NULL, 0, &r, found);
  assert_memory_equal(found, truth, sizeof truth);
  flr_dataset_destroy(d);
}

/* Evaluation beside training that is stopped halfway, as at the end of an epoch. */
static void test_loader__two_share_the_memory(void **state) {
  flr_dataset *d = open_compressed(state, "d", 0.2);
  CHECK_OK(d->ops->reserve(d, 12, 2));
  flr_loader_options o = {.split = FLR_SPLIT_TRAIN,
                          .sampler = {.seed = 3, .stream = FLR_STREAM_SHUFFLE, .samples = 320, .batch = 8, .shuffled = 1},
                          .shards = 1,
                          .shard_count = 1,
                          .steps = 200,
                          .workers = 2,
                          .prefetch = 4};
  flr_loader_options e = o;
  flr_loader *train, *valid;
  flr_batch b;
  e.split = FLR_SPLIT_VALID;
  e.sampler = (flr_sampler){.samples = d->samples[FLR_SPLIT_VALID], .batch = 8};
  e.steps = flr_sampler_steps(&e.sampler);
  CHECK_OK(flr_loader_create(&train, d, &o));
  for (int epoch = 0; epoch < 5; epoch++) {
    for (int i = 0; i < 30; i++) CHECK_OK(flr_loader_next(train, &b));
    CHECK_OK(flr_loader_create(&valid, d, &e));
    for (int64_t i = 0; i < e.steps; i++) CHECK_OK(flr_loader_next(valid, &b));
    flr_loader_destroy(valid);
  }
  flr_loader_destroy(train);
  const int64_t row = 5;
  unsigned char sample[20];
  CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, sample));
  flr_dataset_destroy(d);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order__every_row_at_most_once_an_epoch),
      cmocka_unit_test(test_order__is_the_same_from_any_step_on),
      cmocka_unit_test(test_order__is_the_samplers_where_there_are_no_blocks),
      cmocka_unit_test(test_order__depends_on_seed_stream_and_epoch),
      cmocka_unit_test(test_order__a_batch_draws_from_as_many_blocks_as_the_window),
      cmocka_unit_test(test_order__ranks_need_their_own_blocks_alone),
      cmocka_unit_test(test_order__default_window),
      cmocka_unit_test_setup_teardown(test_loader__delivers_the_same_from_compressed_data, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_loader__decodes_each_block_once_an_epoch, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_loader__keeps_contiguous_data_in_memory, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_loader__two_share_the_memory, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
