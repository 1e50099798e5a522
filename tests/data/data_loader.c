/* The embedded digits, the synthetic data set, and the loader over them. */
#include "datasets/loader.h"

#include "core/hash.h"
#include "harness/harness.h"

static flr_dataset *open_set(const char *source, double valid_fraction) {
  const flr_dataset_options options = {.source = source, .valid_fraction = valid_fraction, .seed = 1};
  flr_dataset *dataset;
  CHECK_OK(flr_dataset_open(&dataset, &options));
  return dataset;
}

static void test_digits__are_what_the_readme_says(void **state) {
  (void)state;
  static const int counts[] = {142, 146, 142, 146, 145, 146, 145, 143, 139, 143};
  flr_dataset *d = open_set("digits", NAN);
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN], 1437);
  assert_int_equal(d->samples[FLR_SPLIT_VALID], 360);
  assert_true(d->height == 8 && d->width == 8 && d->channels == 1 && d->classes == 10 && d->dtype == FLR_U8);
  assert_non_null(d->mean);
  int seen[10] = {0};
  for (int64_t i = 0; i < 1437; i++) seen[d->labels[FLR_SPLIT_TRAIN][i]]++;
  int all = 0;
  for (int k = 0; k < 10; k++) all += seen[k] > 100 && seen[k] <= counts[k] + 40;
  assert_int_equal(all, 10);
  float mean, std;
  CHECK_OK(flr_dataset_measure(d, 1, &mean, &std));
  CHECK_NEAR((double)mean, (double)d->mean[0], 1e-3, 0);
  CHECK_NEAR((double)std, (double)d->std[0], 1e-3, 0);
  flr_dataset_destroy(d);
}

static void test_split__takes_a_fraction_and_loses_no_sample(void **state) {
  (void)state;
  flr_dataset *d = open_set("synthetic:1000,4,4,3,5", NAN);
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN], 800);
  assert_int_equal(d->samples[FLR_SPLIT_VALID], 200);
  flr_dataset_destroy(d);
  d = open_set("digits", 0.1);
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN] + d->samples[FLR_SPLIT_VALID], 1437);
  assert_int_equal(d->samples[FLR_SPLIT_VALID], 144);
  flr_dataset_destroy(d);
  const flr_dataset_options whole = {.source = "digits", .valid_fraction = 1.0};
  CHECK_FAILS(flr_dataset_open(&d, &whole), FLR_ERROR_USAGE, "--valid-fraction");
  const flr_dataset_options odd = {.source = "synthetic:10,4,4", .valid_fraction = NAN};
  CHECK_FAILS(flr_dataset_open(&d, &odd), FLR_ERROR_USAGE, "synthetic:N,H,W,C,K");
}

/* A fingerprint of all batches that this rank gets. */
static uint64_t run(flr_dataset *d, int64_t ranks, int64_t rank, int64_t shards, int workers, int64_t *samples) {
  flr_loader_options o = {
      .split = FLR_SPLIT_TRAIN,
      .sampler = {.seed = 3, .stream = FLR_STREAM_SHUFFLE, .samples = d->samples[FLR_SPLIT_TRAIN], .batch = 50, .shuffled = 1},
      .shards = shards,
      .steps = 40,
      .workers = workers,
      .prefetch = 3};
  flr_partition(shards, ranks, rank, &o.first_shard, &o.shard_count);
  flr_loader *loader;
  uint64_t hash = FLR_HASH_START;
  CHECK_OK(flr_loader_create(&loader, d, &o));
  for (int64_t step = 0; step < o.steps; step++) {
    flr_batch b;
    CHECK_OK(flr_loader_next(loader, &b));
    assert_int_equal(b.step, step);
    assert_int_equal(b.shard_first[o.shard_count], b.count);
    for (int64_t i = 0; i < b.count; i++) {
      assert_int_equal(b.labels[i], d->labels[FLR_SPLIT_TRAIN][b.rows[i]]);
      hash = flr_hash(hash, (const char *)b.samples + (size_t)i * d->sample_bytes, d->sample_bytes);
    }
    *samples += b.count;
  }
  flr_batch none;
  CHECK_FAILS(flr_loader_next(loader, &none), FLR_ERROR_INTERNAL, "40");
  flr_loader_destroy(loader);
  return hash;
}

static void test_loader__batches_do_not_depend_on_the_number_of_workers(void **state) {
  (void)state;
  static const char *const sources[] = {"digits", "synthetic:333,6,5,3,4"};
  for (int i = 0; i < 2; i++) {
    flr_dataset *d = open_set(sources[i], NAN);
    for (int64_t rank = 0; rank < 3; rank++) {
      int64_t one = 0, four = 0;
      const uint64_t hash = run(d, 3, rank, 4, 1, &one);
      assert_true(hash == run(d, 3, rank, 4, 4, &four));
      assert_int_equal(one, four);
    }
    flr_dataset_destroy(d);
  }
}

static void test_loader__ranks_together_get_every_sample(void **state) {
  (void)state;
  flr_dataset *d = open_set("digits", NAN);
  int64_t alone = 0, together = 0;
  (void)run(d, 1, 0, 7, 2, &alone);
  for (int64_t rank = 0; rank < 7; rank++) (void)run(d, 7, rank, 7, 2, &together);
  assert_int_equal(alone, together);
  flr_dataset_destroy(d);
}

static void test_loader__ends_in_the_middle(void **state) {
  (void)state;
  flr_dataset *d = open_set("synthetic:5000,32,32,3,10", NAN);
  for (int i = 0; i < 20; i++) {
    const flr_loader_options o = {.sampler = {.stream = FLR_STREAM_SHUFFLE, .samples = 4000, .batch = 64, .shuffled = 1},
                                  .shards = 1,
                                  .shard_count = 1,
                                  .steps = 1000,
                                  .workers = 3,
                                  .prefetch = 4};
    flr_loader *loader;
    flr_batch b;
    CHECK_OK(flr_loader_create(&loader, d, &o));
    for (int k = 0; k < i; k++) CHECK_OK(flr_loader_next(loader, &b));
    flr_loader_destroy(loader);
  }
  flr_dataset_destroy(d);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_digits__are_what_the_readme_says),
      cmocka_unit_test(test_split__takes_a_fraction_and_loses_no_sample),
      cmocka_unit_test(test_loader__batches_do_not_depend_on_the_number_of_workers),
      cmocka_unit_test(test_loader__ranks_together_get_every_sample),
      cmocka_unit_test(test_loader__ends_in_the_middle),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
