/* Chunked and filtered HDF5 data: every filter and pipeline against HDF5's own writer, chunks that cut samples, damaged ones.
 */
#include "datasets/block_cache.h"
#include "datasets/codec.h"
#include "datasets/dataset.h"

#include "h5_filtered.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"
#include "open_data.h"

#include <fcntl.h>

enum { ROWS = 29 };

static const h5_filtered images = {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 5, 4, 3}, .pipeline = "d"};
static const h5_filtered features = {.dims = {ROWS, 7}, .chunk = {8, 7}, .pipeline = "d"};

static const char *path_of(void **state) { return scratch_at(state, "data.h5"); }

static void check_row(flr_dataset *d, int64_t row) { data_check_row(d, FLR_SPLIT_TRAIN, row, row); }

static void check_read(void **state, const h5_filtered *spec) {
  const char *path = path_of(state);
  flr_dataset *d;
  if (!h5_filtered_can_write(spec->pipeline)) return;
  h5_filtered_write(path, spec);
  d = data_open_at(path);
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN], spec->dims[0]);
  for (int64_t row = spec->dims[0] - 1; row >= 0; row--) check_row(d, row * 11 % spec->dims[0]);
  flr_dataset_destroy(d);
}

static void test_chunks__every_filter_and_pipeline(void **state) {
  static const char *const pipelines[] = {"",   "d",   "sd", "f",  "s", "sf", "sdf", "fd", "fsd",
                                          "dd", "dfs", "4",  "s4", "z", "sz", "sfd", "ffd"};
  for (size_t i = 0; i < sizeof pipelines / sizeof pipelines[0]; i++)
    for (int64_t rows = 1; rows <= 64; rows = 3 * rows + 1) {
      h5_filtered x = images, f = features;
      x.pipeline = f.pipeline = pipelines[i];
      x.chunk[0] = f.chunk[0] = rows;
      x.unlimited = f.unlimited = rows > ROWS;
      check_read(state, &x);
      check_read(state, &f);
    }
}

static void test_chunks__that_cut_samples(void **state) {
  static const int64_t cuts[][4] = {{8, 2, 4, 3}, {29, 3, 3, 1}, {7, 5, 1, 2}, {1, 1, 1, 1}, {4, 5, 4, 1}, {3, 2, 2, 2}};
  static const char *const pipelines[] = {"", "d", "sdf", "4", "z"};
  for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
    for (size_t k = 0; k < sizeof pipelines / sizeof pipelines[0]; k++) {
      h5_filtered x = images;
      memcpy(x.chunk, cuts[i], sizeof x.chunk);
      x.pipeline = pipelines[k];
      check_read(state, &x);
    }
  h5_filtered f = features;
  f.chunk[1] = 3;
  f.pipeline = "sd";
  check_read(state, &f);
}

static void test_chunks__some_stored_without_filters(void **state) {
  h5_filtered x = images, f = features;
  x.pipeline = "z";
  f.pipeline = "s4";
  x.skip_every = f.skip_every = 2;
  check_read(state, &x);
  check_read(state, &f);
  x.chunk[2] = 3;
  check_read(state, &x);
}

/* Chunk lists of every kind that HDF5 keeps, and a file that does not begin with HDF5's own bytes. */
static void test_chunks__in_every_kind_of_file(void **state) {
  for (int i = 0; i < 16; i++) {
    h5_filtered x = images;
    x.latest = i & 1;
    x.unlimited = i >> 1 & 1;
    x.user_block = i >> 2 & 1 ? 1024 : 0;
    x.pipeline = i >> 3 & 1 ? "sd" : "";
    check_read(state, &x);
    x.chunk[1] = 2;
    check_read(state, &x);
    x.bare_edges = 1;
    check_read(state, &x);
  }
  h5_filtered one = images;
  one.chunk[0] = ROWS;
  one.latest = 1;
  check_read(state, &one);
}

static void test_chunks__many(void **state) {
  const h5_filtered x = {.dims = {3000, 4, 4, 1}, .chunk = {1, 2, 4, 1}, .pipeline = "d"};
  check_read(state, &x);
}

/* ---- what is wrong ---- */

static void damage(const char *path, int64_t offset, int bytes) {
  unsigned char byte;
  const int fd = open(path, O_RDWR);
  assert_true(fd >= 0);
  for (int i = 0; i < bytes; i++) {
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset + i), 1);
    byte ^= 0x55;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset + i), 1);
  }
  close(fd);
}

/* Flips bytes in the third chunk: its rows are refused with the place, all others are read. */
static void check_damaged(void **state, const char *pipeline, const char *part) {
  const char *path = path_of(state);
  const hsize_t third[] = {16, 0, 0, 0};
  unsigned char row[DATA_MOST_BYTES];
  hsize_t bytes;
  flr_dataset *d;
  h5_filtered x = images;
  x.pipeline = pipeline;
  if (!h5_filtered_can_write(pipeline)) return;
  h5_filtered_write(path, &x);
  const int64_t place = h5_filtered_place(path, third, &bytes);
  damage(path, place, (int)bytes < 24 ? (int)bytes : 24);
  d = data_open_at(path);
  for (int64_t i = 0; i < 2 * ROWS; i++) {
    const int64_t at = i % ROWS;
    if (at / 8 != 2) {
      check_row(d, at);
      continue;
    }
    CHECK_FAILS(flr_dataset_read(d, FLR_SPLIT_TRAIN, &at, 1, row), FLR_ERROR_DATA,
                "data.h5: train/images: chunk 2 (rows 16 to 23) is damaged");
    assert_non_null(strstr(flr_status_message(), part));
  }
  flr_dataset_destroy(d);
}

static void test_chunks__damaged_ones_are_named(void **state) {
  check_damaged(state, "d", "deflate");
  check_damaged(state, "f", "wrong checksum");
  check_damaged(state, "df", "wrong checksum");
  check_damaged(state, "4", "LZ4");
  check_damaged(state, "z", "zstd");
}

/* A chunk that decodes, but to another size than the data set's. */
static void test_chunks__of_a_wrong_size(void **state) {
  const char *path = path_of(state);
  unsigned char row[DATA_MOST_BYTES], stored[DATA_MOST_BYTES];
  const hsize_t first[] = {0, 0, 0, 0};
  hsize_t bytes;
  flr_dataset *d;
  h5_filtered x = images, smaller = images;
  smaller.chunk[0] = 7;
  h5_filtered_write(path, &smaller);
  const int64_t place = h5_filtered_place(path, first, &bytes);
  const int fd = open(path, O_RDONLY);
  assert_int_equal(pread(fd, stored, (size_t)bytes, (off_t)place), (ssize_t)bytes);
  close(fd);
  h5_filtered_write(path, &x);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "train/images", H5P_DEFAULT);
  assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, 0, first, bytes, stored) >= 0);
  H5Dclose(set);
  H5Fclose(file);
  d = data_open_at(path);
  const int64_t at = 3;
  CHECK_FAILS(flr_dataset_read(d, FLR_SPLIT_TRAIN, &at, 1, row), FLR_ERROR_DATA, "it holds 420 bytes, not the chunk's 480");
  flr_dataset_destroy(d);
}

static void test_chunks__filters_that_are_not_read(void **state) {
  const char *path = path_of(state);
  h5_filtered x = images;
  x.pipeline = "b";
  h5_filtered_write(path, &x);
  data_check_bad(path, "(number 32001), which is not read here: set HDF5_PLUGIN_PATH");
  CHECK_FAILS(flr_filter_check(32001, ""), FLR_ERROR_DATA, "without a name (number 32001)");
  if (flr_codec_missing(FLR_FILTER_LZ4))
    CHECK_FAILS(flr_filter_check(FLR_FILTER_LZ4, ""), FLR_ERROR_UNAVAILABLE, "install liblz4-dev");
  else
    CHECK_OK(flr_filter_check(FLR_FILTER_LZ4, ""));
}

/* A row that nobody wrote is no row of zeros. */
static void test_chunks__never_written(void **state) {
  const char *path = path_of(state);
  h5_filtered x = images;
  x.unlimited = 1;
  h5_filtered_write(path, &x);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "train/images", H5P_DEFAULT);
  const hsize_t longer[] = {40, 5, 4, 3};
  assert_true(H5Dset_extent(set, longer) >= 0);
  H5Dclose(set);
  H5Fclose(file);
  data_check_bad(path, "train/images has 4 of its 5 chunks: it was never written whole");
}

/* ---- the cache ---- */

typedef struct counted {
  int loads[20], fail;
} counted;

static flr_status load_number(void *context, int loader, int64_t block, void *out) {
  counted *c = context;
  (void)loader;
  c->loads[block]++;
  if (c->fail == (int)block) return flr_fail(FLR_ERROR_DATA, "block %d", (int)block);
  memcpy(out, &block, sizeof block);
  return FLR_OK;
}

static flr_block_cache *cache_of(counted *c, int64_t slots) {
  flr_block_cache *cache;
  const flr_block_cache_options options = {.blocks = 20, .block_bytes = sizeof(int64_t), .load = load_number, .context = c};
  CHECK_OK(flr_block_cache_create(&cache, &options));
  CHECK_OK(flr_block_cache_resize(cache, slots, 1));
  return cache;
}

static void take(flr_block_cache *cache, int64_t block) {
  const void *data;
  int64_t found;
  CHECK_OK(flr_block_cache_get(cache, block, &data));
  memcpy(&found, data, sizeof found);
  assert_int_equal(found, block);
  flr_block_cache_release(cache, block);
}

static void test_cache__drops_what_was_used_longest_ago(void **state) {
  (void)state;
  counted c = {.fail = -1};
  flr_block_cache *cache = cache_of(&c, 3);
  const int64_t order[] = {0, 1, 2, 0, 3, 0, 2, 1};
  const int loads[] = {1, 1, 1, 1, 1};
  for (int i = 0; i < 7; i++) take(cache, order[i]);
  for (int i = 0; i < 4; i++) assert_int_equal(c.loads[i], loads[i]);
  take(cache, 1);
  assert_int_equal(c.loads[1], 2);
  assert_int_equal(flr_block_cache_loads(cache), 5);
  flr_block_cache_destroy(cache);
}

static void test_cache__keeps_what_is_wanted(void **state) {
  (void)state;
  counted c = {.fail = -1};
  flr_block_cache *cache = cache_of(&c, 5);
  const int64_t a[] = {4, 7, 9}, b[] = {9, 11};
  assert_true(flr_block_cache_want(cache, a, 3, 1));
  assert_false(flr_block_cache_ready(cache, a, 3));
  while (flr_block_cache_load_next(cache)) continue;
  assert_true(flr_block_cache_ready(cache, a, 3));
  assert_true(flr_block_cache_want(cache, b, 2, 1));
  const int64_t more[] = {12};
  assert_false(flr_block_cache_want(cache, more, 1, 1));
  for (int64_t i = 0; i < 4; i++) take(cache, i);
  for (int i = 0; i < 3; i++) take(cache, a[i]);
  for (int i = 0; i < 3; i++) assert_int_equal(c.loads[a[i]], 1);
  flr_block_cache_forgo(cache, a, 3);
  assert_true(flr_block_cache_want(cache, more, 1, 1));
  flr_block_cache_forgo(cache, b, 2);
  flr_block_cache_forgo(cache, more, 1);
  for (int64_t i = 0; i < 20; i++) take(cache, i);
  flr_block_cache_destroy(cache);
}

static void test_cache__failures_reach_who_asks(void **state) {
  (void)state;
  counted c = {.fail = 5};
  flr_block_cache *cache = cache_of(&c, 3);
  const int64_t wanted[] = {5};
  const void *data;
  assert_true(flr_block_cache_want(cache, wanted, 1, 1));
  assert_true(flr_block_cache_load_next(cache));
  assert_true(flr_block_cache_ready(cache, wanted, 1));
  CHECK_FAILS(flr_block_cache_get(cache, 5, &data), FLR_ERROR_DATA, "block 5");
  flr_block_cache_forgo(cache, wanted, 1);
  CHECK_FAILS(flr_block_cache_get(cache, 5, &data), FLR_ERROR_DATA, "block 5");
  c.fail = -1;
  take(cache, 5);
  for (int64_t i = 0; i < 20; i++) take(cache, i);
  flr_block_cache_destroy(cache);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_chunks__every_filter_and_pipeline, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__that_cut_samples, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__some_stored_without_filters, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__in_every_kind_of_file, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__many, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__damaged_ones_are_named, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__of_a_wrong_size, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__filters_that_are_not_read, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_chunks__never_written, scratch_make, scratch_remove),
      cmocka_unit_test(test_cache__drops_what_was_used_longest_ago),
      cmocka_unit_test(test_cache__keeps_what_is_wanted),
      cmocka_unit_test(test_cache__failures_reach_who_asks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
