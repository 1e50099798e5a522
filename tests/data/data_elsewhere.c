/* Data that HDF5 itself must put together: virtual data sets, external files, filters of its own; what is missing there; and
   files that change or are none. */
#include <fcntl.h>

#include "datasets/dataset.h"
#include "datasets/loader.h"

#include "h5_filtered.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"
#include "open_data.h"

enum { ROWS = 29, WIDTH = 7, PART = 10 };

static const h5_fixture features = {.rows = ROWS, .channels = WIDTH};

/* x: NULL, or where the samples are instead. */
static flr_dataset_options options_of(const char *path, const char *x) {
  flr_dataset_options options = data_options(path);
  options.x_path = x;
  options.y_path = x ? "train/labels" : NULL;
  return options;
}

static flr_status open_at(flr_dataset **out, const char *path, const char *x) {
  const flr_dataset_options options = options_of(path, x);
  return flr_dataset_open(out, &options);
}

static void check_all(flr_dataset *d, int64_t first) {
  float values[WIDTH];
  for (int64_t i = d->samples[FLR_SPLIT_TRAIN] - 1; i >= 0; i--) {
    const int64_t row = i * 11 % d->samples[FLR_SPLIT_TRAIN];
    CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, values));
    for (int64_t at = 0; at < WIDTH; at++) assert_true(values[at] == h5_fixture_float(first + row, at));
  }
}

/* ---- virtual ---- */

/* "virtual" of `path`: rows 0..9 of part0.h5 and 0..9 of part1.h5, `gap` rows that nobody has behind. */
static void write_virtual(void **state, const char *path, int gap) {
  const hsize_t all[] = {(hsize_t)(2 * PART + gap), WIDTH}, part[] = {PART, WIDTH};
  h5_fixture labels = features, piece = features;
  labels.rows = 2 * PART + gap;
  (void)unlink(path);
  h5_fixture_write(path, &labels);
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, all, NULL),
              source = H5Screate_simple(2, part, NULL);
  for (int i = 0; i < 2; i++) {
    char name[32];
    const hsize_t first[] = {(hsize_t)(i * PART), 0};
    (void)snprintf(name, sizeof name, "part%d.h5", i);
    piece.rows = PART;
    piece.first_row = i * PART;
    (void)unlink(scratch_at(state, name));
    h5_fixture_write(scratch_at(state, name), &piece);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, first, NULL, part, NULL);
    assert_true(H5Pset_virtual(list, space, name, "train/features", source) >= 0);
  }
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  H5Sselect_all(space);
  const hid_t set = H5Dcreate2(file, "virtual", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(set >= 0);
  H5Dclose(set);
  H5Fclose(file);
  H5Sclose(source);
  H5Sclose(space);
  H5Pclose(list);
}

static void test_elsewhere__virtual(void **state) {
  const char *path = scratch_at(state, "data.h5");
  flr_dataset *d;
  write_virtual(state, path, 0);
  CHECK_OK(open_at(&d, path, "virtual"));
  assert_non_null(strstr(d->slow, "virtual is virtual"));
  check_all(d, 0);
  flr_dataset_destroy(d);
}

static void test_elsewhere__virtual_with_gaps(void **state) {
  const char *path = scratch_at(state, "data.h5");
  flr_dataset *d;
  write_virtual(state, path, 3);
  CHECK_FAILS(open_at(&d, path, "virtual"), FLR_ERROR_DATA, "its sources have 140 of its 161 values");
  write_virtual(state, path, 0);
  assert_int_equal(unlink(scratch_at(state, "part1.h5")), 0);
  CHECK_FAILS(open_at(&d, path, "virtual"), FLR_ERROR_DATA, "its source part1.h5 is missing");
  h5_fixture shorter = features;
  shorter.rows = PART - 1;
  h5_fixture_write(scratch_at(state, "part1.h5"), &shorter);
  CHECK_FAILS(open_at(&d, path, "virtual"), FLR_ERROR_DATA, "takes other values of train/features");
  assert_int_equal(truncate(scratch_at(state, "part1.h5"), 300), 0);
  CHECK_FAILS(open_at(&d, path, "virtual"), FLR_ERROR_DATA, "part1.h5");
}

/* ---- external ---- */

static void write_external(const char *path, const char *raw) {
  const hsize_t dims[] = {ROWS, WIDTH};
  float values[ROWS * WIDTH];
  for (int i = 0; i < ROWS * WIDTH; i++) values[i] = h5_fixture_float(i / WIDTH, i % WIDTH);
  (void)unlink(path);
  h5_fixture_write(path, &features);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE),
              space = H5Screate_simple(2, dims, NULL), access = H5Pcreate(H5P_DATASET_ACCESS);
  assert_true(H5Pset_external(list, raw, 0, sizeof values) >= 0);
  H5Pset_efile_prefix(access, "${ORIGIN}");
  const hid_t set = H5Dcreate2(file, "external", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, access);
  assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(set);
  H5Pclose(access);
  H5Pclose(list);
  H5Sclose(space);
  H5Fclose(file);
}

static void test_elsewhere__external(void **state) {
  const char *path = scratch_at(state, "data.h5"), *raw = scratch_at(state, "raw.bin");
  flr_dataset *d;
  const char *const names[] = {"raw.bin", raw}; /* beside the file, or anywhere */
  for (int i = 0; i < 2; i++) {
    write_external(path, names[i]);
    CHECK_OK(open_at(&d, path, "external"));
    assert_non_null(strstr(d->slow, "external is kept in other files"));
    check_all(d, 0);
    flr_dataset_destroy(d);
  }
  assert_int_equal(truncate(raw, 100), 0);
  CHECK_FAILS(open_at(&d, path, "external"), FLR_ERROR_DATA, "which has 100 of its 812 bytes");
  assert_int_equal(unlink(raw), 0);
  CHECK_FAILS(open_at(&d, path, "external"), FLR_ERROR_DATA, "which is missing: bring it back");
}

/* ---- HDF5's own filters ---- */

static void test_elsewhere__filters_of_hdf5(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const h5_filtered x = {.dims = {ROWS, WIDTH}, .chunk = {8, WIDTH}, .pipeline = "n"};
  flr_dataset *d;
  h5_filtered_write(path, &x);
  CHECK_OK(open_at(&d, path, NULL));
  assert_non_null(strstr(d->slow, "train/features is stored through a filter that only HDF5 undoes"));
  check_all(d, 0);
  flr_dataset_destroy(d);
}

/* ---- several threads ---- */

static void test_elsewhere__loader_threads(void **state) {
  const char *path = scratch_at(state, "data.h5");
  flr_dataset *d;
  flr_loader *loader;
  flr_batch batch;
  write_virtual(state, path, 0);
  CHECK_OK(open_at(&d, path, "virtual"));
  const flr_loader_options options = {
      .split = FLR_SPLIT_TRAIN,
      .sampler = {.seed = 3, .stream = FLR_STREAM_SHUFFLE, .samples = 2 * PART, .batch = 4, .shuffled = 1, .drop_last = 1},
      .shards = 1,
      .shard_count = 1,
      .steps = 50,
      .workers = 4,
      .prefetch = 3};
  CHECK_OK(flr_loader_create(&loader, d, &options));
  for (int step = 0; step < 50; step++) {
    CHECK_OK(flr_loader_next(loader, &batch));
    const float *values = batch.samples;
    for (int64_t i = 0; i < batch.count; i++)
      for (int64_t at = 0; at < WIDTH; at++) assert_true(values[i * WIDTH + at] == h5_fixture_float(batch.rows[i], at));
  }
  flr_loader_destroy(loader);
  flr_dataset_destroy(d);
}

/* ---- files that change ---- */

static flr_status run_epochs(flr_dataset *d, const char *path, void (*change)(const char *)) {
  flr_loader *loader;
  flr_batch batch;
  flr_status status = FLR_OK;
  const flr_loader_options options = {
      .split = FLR_SPLIT_TRAIN,
      .sampler = {.seed = 3, .stream = FLR_STREAM_SHUFFLE, .samples = ROWS, .batch = 5, .shuffled = 1, .drop_last = 1},
      .shards = 1,
      .shard_count = 1,
      .steps = 15,
      .workers = 1,
      .prefetch = 1};
  CHECK_OK(flr_loader_create(&loader, d, &options));
  for (int step = 0; step < 15 && status == FLR_OK; step++) {
    if (step == 2) change(path);
    status = flr_loader_next(loader, &batch);
  }
  flr_loader_destroy(loader);
  return status;
}

static void grow(const char *path) {
  FILE *file = fopen(path, "a");
  fputs("more", file);
  fclose(file);
}

static void rewrite(const char *path) {
  const struct timespec times[] = {{0, UTIME_OMIT}, {1000000000, 0}};
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Another file under the name leaves the open one as it is. */
static void replace(const char *path) {
  (void)unlink(path);
  h5_fixture other = features;
  other.first_row = 50;
  h5_fixture_write(path, &other);
}

static void nothing(const char *path) { (void)path; }

static void check_change(void **state, void (*change)(const char *), const char *part) {
  const char *path = scratch_at(state, "data.h5");
  flr_dataset *d;
  (void)unlink(path);
  h5_fixture_write(path, &features);
  CHECK_OK(open_at(&d, path, NULL));
  const flr_status status = run_epochs(d, path, change);
  assert_int_equal(status, part ? FLR_ERROR_DATA : FLR_OK);
  if (part) assert_non_null(strstr(flr_status_message(), part));
  if (part) assert_non_null(strstr(flr_status_message(), path));
  flr_dataset_destroy(d);
}

static void test_elsewhere__files_that_change(void **state) {
  check_change(state, nothing, NULL);
  check_change(state, replace, NULL);
  check_change(state, grow, "changed while it was read: it had");
  check_change(state, rewrite, "was written to while it was read");
}

/* ---- paths ---- */

static void check_refused(const char *path, const char *x, flr_status status, const char *part) {
  const flr_dataset_options options = options_of(path, x);
  data_check_refused(&options, status, part);
}

static void test_elsewhere__files_that_are_none(void **state) {
  const char *pipe = scratch_at(state, "pipe.h5"), *loop = scratch_at(state, "loop.h5"), *long_name = scratch_at(state, "long");
  assert_int_equal(mkfifo(pipe, 0600), 0);
  check_refused(pipe, NULL, FLR_ERROR_NO_INPUT, "is a pipe or a device");
  check_refused("/dev/null", NULL, FLR_ERROR_NO_INPUT, "is a pipe or a device");
  assert_int_equal(symlink("loop.h5", loop), 0);
  check_refused(loop, NULL, FLR_ERROR_NO_INPUT, "symbolic links");
  char far_away[3000];
  (void)snprintf(far_away, sizeof far_away, "%s%02500d", long_name, 0);
  check_refused(far_away, NULL, FLR_ERROR_USAGE, "is too long");
}

static void test_elsewhere__names_of_all_kinds(void **state) {
  const char *const names[] = {"with space.h5", "größe 数据.h5", "a:b.h5", "new\nline.h5"};
  flr_dataset *d;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *path = scratch_at(state, names[i]);
    h5_fixture_write(path, &features);
    CHECK_OK(open_at(&d, path, NULL));
    check_all(d, 0);
    flr_dataset_destroy(d);
  }
  char list[2 * SCRATCH_PATH + 200];
  h5_fixture second = features;
  second.first_row = ROWS;
  h5_fixture_write(scratch_at(state, "one,two.h5"), &features);
  h5_fixture_write(scratch_at(state, "three.h5"), &second);
  (void)snprintf(list, sizeof list, "%s,,%s", scratch_at(state, "one\\,two.h5"), scratch_at(state, "three.h5"));
  CHECK_OK(open_at(&d, list, NULL));
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN], 2 * ROWS);
  check_all(d, 0);
  flr_dataset_destroy(d);
  check_refused(",", NULL, FLR_ERROR_USAGE, "no file is named");
}

static void test_elsewhere__links(void **state) {
  const char *path = scratch_at(state, "data.h5");
  flr_dataset *d;
  h5_fixture_write(path, &features);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  H5Lcreate_soft("/train/features", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("gone.h5", "/x", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/round", file, "round", H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(H5Gcreate2(file, "single", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Lcreate_hard(file, "train/features", file, "single/a", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(file);
  CHECK_OK(open_at(&d, path, "soft"));
  check_all(d, 0);
  flr_dataset_destroy(d);
  check_refused(path, "dangling", FLR_ERROR_DATA, "dangling is a link to /nowhere, which is not there");
  check_refused(path, "outside", FLR_ERROR_DATA, "outside is a link to gone.h5:/x, which is not there");
  check_refused(path, "round", FLR_ERROR_DATA, "round is a link to /round, which is not there");
  check_refused(path, "single", FLR_ERROR_DATA, "single is a group of 1, not a data set");
  check_refused(path, "single/a/b", FLR_ERROR_DATA, "no data set single/a/b");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_elsewhere__virtual, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__virtual_with_gaps, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__external, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__filters_of_hdf5, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__loader_threads, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__files_that_change, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__files_that_are_none, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__names_of_all_kinds, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_elsewhere__links, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
