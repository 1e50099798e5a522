/* The order of samples: every index once an epoch, and the same global order at any rank count. */
#include "datasets/sampler.h"

#include "harness/harness.h"

static flr_sampler make(int64_t samples, int64_t batch, int shuffled, int drop_last) {
  return (flr_sampler){.seed = 7,
                       .stream = FLR_STREAM_SHUFFLE,
                       .samples = samples,
                       .batch = batch,
                       .shuffled = shuffled,
                       .drop_last = drop_last};
}

static void test_sampler__every_index_once_per_epoch(void **state) {
  (void)state;
  static const int64_t sizes[] = {1, 2, 64, 1437, 5000};
  for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++)
    for (int shuffled = 0; shuffled < 2; shuffled++) {
      const flr_sampler s = make(sizes[n], 64, shuffled, 0);
      const int64_t steps = flr_sampler_steps(&s);
      unsigned char *seen = calloc((size_t)sizes[n], 1);
      for (int64_t step = 2 * steps; step < 3 * steps; step++)
        for (int64_t i = 0; i < flr_sampler_batch_size(&s, step); i++) seen[flr_sampler_row(&s, step, i)]++;
      for (int64_t i = 0; i < sizes[n]; i++)
        if (seen[i] != 1) fail_msg("%lld samples: row %lld came %d times", (long long)sizes[n], (long long)i, seen[i]);
      free(seen);
    }
}

static void test_sampler__drop_last_keeps_batches_full(void **state) {
  (void)state;
  const flr_sampler dropped = make(1437, 75, 1, 1), whole = make(1437, 75, 1, 0);
  assert_int_equal(flr_sampler_steps(&dropped), 19);
  assert_int_equal(flr_sampler_steps(&whole), 20);
  for (int64_t step = 0; step < 40; step++) assert_int_equal(flr_sampler_batch_size(&dropped, step), 75);
  assert_int_equal(flr_sampler_batch_size(&whole, 19), 1437 - 19 * 75);
  assert_int_equal(flr_sampler_batch_size(&whole, 39), 1437 - 19 * 75);
}

/* The ranks' shards one after the other are the global batch, whatever the numbers of ranks and shards. */
static void test_sampler__global_order_is_the_same_at_any_rank_count(void **state) {
  (void)state;
  static const int64_t ranks[] = {1, 2, 3, 4, 7};
  const flr_sampler s = make(1437, 75, 1, 0);
  for (int64_t step = 0; step < 21; step++)
    for (size_t r = 0; r < sizeof ranks / sizeof ranks[0]; r++)
      for (int64_t shards = ranks[r]; shards <= 9; shards += 4) {
        const int64_t total = flr_sampler_batch_size(&s, step);
        int64_t position = 0;
        for (int64_t rank = 0; rank < ranks[r]; rank++) {
          int64_t first_shard, shard_count, first, count;
          flr_partition(shards, ranks[r], rank, &first_shard, &shard_count);
          for (int64_t shard = first_shard; shard < first_shard + shard_count; shard++) {
            flr_partition(total, shards, shard, &first, &count);
            assert_int_equal(first, position);
            position += count;
          }
        }
        assert_int_equal(position, total);
      }
}

static void test_sampler__streams_epochs_and_seeds_differ(void **state) {
  (void)state;
  const flr_sampler train = make(1000, 100, 1, 1);
  flr_sampler sweep = train, seed = train;
  sweep.stream = FLR_STREAM_SWEEP;
  seed.seed = 8;
  int same[3] = {0};
  for (int64_t i = 0; i < 100; i++) {
    const int64_t row = flr_sampler_row(&train, 0, i);
    same[0] += row == flr_sampler_row(&sweep, 0, i);
    same[1] += row == flr_sampler_row(&seed, 0, i);
    same[2] += row == flr_sampler_row(&train, 10, i);
  }
  for (int k = 0; k < 3; k++) assert_true(same[k] < 10);
  const flr_sampler sequential = make(1000, 100, 0, 1);
  for (int64_t i = 0; i < 100; i++) assert_int_equal(flr_sampler_row(&sequential, 13, i), 300 + i);
}

static void test_partition__parts_tile_and_differ_by_one(void **state) {
  (void)state;
  for (int64_t total = 0; total < 40; total++)
    for (int64_t parts = 1; parts < 9; parts++) {
      int64_t end = 0, first, count, largest = 0, least = total + 1;
      for (int64_t part = 0; part < parts; part++) {
        flr_partition(total, parts, part, &first, &count);
        assert_int_equal(first, end);
        end += count;
        largest = count > largest ? count : largest;
        least = count < least ? count : least;
      }
      assert_int_equal(end, total);
      assert_true(largest - least <= 1);
    }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sampler__every_index_once_per_epoch),
      cmocka_unit_test(test_sampler__drop_last_keeps_batches_full),
      cmocka_unit_test(test_sampler__global_order_is_the_same_at_any_rank_count),
      cmocka_unit_test(test_sampler__streams_epochs_and_seeds_differ),
      cmocka_unit_test(test_partition__parts_tile_and_differ_by_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
