/* HDF5 files as people have them: storage, types, axis orders, names, several files; and how wrong ones are refused. */
#include "datasets/dataset.h"

#include "harness/harness.h"
#include "harness/scratch_dir.h"
#include "open_data.h"

#include <sys/stat.h>

static const h5_fixture images = {.rows = 29, .height = 5, .width = 4, .channels = 3};
static const h5_fixture features = {.rows = 29, .channels = 7};

static void check_all(flr_dataset *d, flr_split split, int64_t rows, int64_t first) {
  assert_int_equal(d->samples[split], rows);
  for (int64_t i = rows - 1; i >= 0; i--) data_check_row(d, split, i, first + i);
}

static void check_file(void **state, const h5_fixture *fixture, const char *axis_order) {
  const char *path = scratch_at(state, "data.h5");
  (void)unlink(path);
  h5_fixture_write(path, fixture);
  flr_dataset_options options = data_options(path);
  options.axis_order = axis_order;
  flr_dataset *d = data_open(&options);
  assert_int_equal(d->classes, 3);
  assert_int_equal(d->channels, fixture->channels);
  check_all(d, FLR_SPLIT_TRAIN, fixture->rows, 0);
  flr_dataset_destroy(d);
}

static void test_h5__storage(void **state) {
  const int64_t chunks[] = {0, 1, 8, 29, 64};
  for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
    h5_fixture x = images, f = features;
    x.chunk_rows = f.chunk_rows = chunks[i];
    if (chunks[i] > 29) x.chunk_rows = f.chunk_rows = 10;
    check_file(state, &x, NULL);
    check_file(state, &f, NULL);
  }
  h5_fixture compact = images;
  compact.compact = 1;
  check_file(state, &compact, NULL);
}

static void test_h5__axis_order(void **state) {
  h5_fixture x = images;
  x.nchw = 1;
  check_file(state, &x, "nchw");
  x.chunk_rows = 6;
  check_file(state, &x, "nchw");
  h5_fixture large = {.rows = 3, .height = 36, .width = 36, .channels = 3, .nchw = 1};
  check_file(state, &large, "nchw");
}

static void test_h5__label_types(void **state) {
  const hid_t types[] = {H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I16BE, H5T_STD_U16LE,
                         H5T_STD_I32LE, H5T_STD_U32BE, H5T_STD_I64LE, H5T_STD_U64LE};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    h5_fixture x = images;
    x.y_type = types[i];
    check_file(state, &x, NULL);
  }
}

static void test_h5__splits_of_the_file(void **state) {
  const char *path = scratch_at(state, "data.h5");
  h5_fixture valid = images, test = images;
  valid.x = "valid/images";
  valid.y = "valid/labels";
  valid.rows = 7;
  valid.first_row = 100;
  test.x = "test/images";
  test.y = "test/labels";
  test.rows = 4;
  test.first_row = 200;
  h5_fixture_write(path, &images);
  h5_fixture_write(path, &valid);
  h5_fixture_write(path, &test);
  flr_dataset_options options = data_options(path);
  options.valid_fraction = NAN;
  flr_dataset *d = data_open(&options);
  check_all(d, FLR_SPLIT_TRAIN, 29, 0);
  check_all(d, FLR_SPLIT_VALID, 7, 100);
  check_all(d, FLR_SPLIT_TEST, 4, 200);
  flr_dataset_destroy(d);
}

/* Without a validation split a fifth is taken: the two parts are a partition of the file, each in file order. */
static void test_h5__validation_taken_from_training(void **state) {
  const char *path = scratch_at(state, "data.h5");
  int seen[29] = {0};
  h5_fixture_write(path, &features);
  flr_dataset_options options = data_options(path);
  options.valid_fraction = NAN;
  flr_dataset *d = data_open(&options);
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN] + d->samples[FLR_SPLIT_VALID], 29);
  assert_int_equal(d->samples[FLR_SPLIT_VALID], 6);
  for (int split = 0; split < 2; split++) {
    int64_t last = -1;
    for (int64_t i = 0; i < d->samples[split]; i++) {
      float row[7];
      CHECK_OK(flr_dataset_read(d, (flr_split)split, &i, 1, row));
      const int64_t origin = (int64_t)(row[0] / 25);
      assert_true(origin > last);
      last = origin;
      seen[origin]++;
      assert_int_equal(d->labels[split][i], h5_fixture_label(origin));
    }
  }
  for (int i = 0; i < 29; i++) assert_int_equal(seen[i], 1);
  flr_dataset_destroy(d);
}

static void test_h5__other_peoples_names(void **state) {
  const char *path = scratch_at(state, "data.h5"), *labels = scratch_at(state, "labels.h5");
  char y[2 * SCRATCH_PATH];
  h5_fixture x = images, elsewhere = images;
  x.x = "deep/down/pictures";
  x.y = "deep/classes";
  elsewhere.y = "only/these";
  h5_fixture_write(path, &x);
  h5_fixture_write(labels, &elsewhere);
  flr_dataset_options options = data_options(path);
  options.x_path = "deep/down/pictures";
  options.y_path = "deep/classes";
  flr_dataset *d = data_open(&options);
  check_all(d, FLR_SPLIT_TRAIN, 29, 0);
  flr_dataset_destroy(d);
  (void)snprintf(y, sizeof y, "%s:only/these", labels);
  options.y_path = y;
  d = data_open(&options);
  check_all(d, FLR_SPLIT_TRAIN, 29, 0);
  flr_dataset_destroy(d);
}

static void test_h5__several_files(void **state) {
  const char *a = scratch_at(state, "a.h5"), *b = scratch_at(state, "b.h5");
  char both[2 * SCRATCH_PATH];
  h5_fixture second = images;
  second.first_row = 29;
  second.rows = 13;
  second.chunk_rows = 4;
  h5_fixture_write(a, &images);
  h5_fixture_write(b, &second);
  (void)snprintf(both, sizeof both, "%s,%s", a, b);
  const flr_dataset_options options = data_options(both);
  flr_dataset *d = data_open(&options);
  check_all(d, FLR_SPLIT_TRAIN, 42, 0);
  flr_dataset_destroy(d);
  second.width = 6;
  (void)unlink(b);
  h5_fixture_write(b, &second);
  CHECK_FAILS(flr_dataset_open(&d, &options), FLR_ERROR_DATA, "all must have one shape");
}

/* ---- refusals ---- */

static void check_fixture_refused(void **state, const h5_fixture *fixture, const char *part) {
  const char *path = scratch_at(state, "data.h5");
  (void)unlink(path);
  h5_fixture_write(path, fixture);
  data_check_bad(path, part);
}

static void test_h5__what_is_refused(void **state) {
  h5_fixture x = images;
  x.rows = 0;
  check_fixture_refused(state, &x, "no samples");
  x = images;
  x.x = "train/pictures";
  check_fixture_refused(state, &x, "it holds train/labels, train/pictures");
}

/* Of row 5. */
static void write_label(const char *path, int32_t label) {
  int32_t labels[29] = {0};
  labels[5] = label;
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), set = H5Dopen2(file, "train/labels", H5P_DEFAULT);
  assert_true(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels) >= 0);
  H5Dclose(set);
  H5Fclose(file);
}

static void test_h5__lengths_and_labels(void **state) {
  const char *path = scratch_at(state, "data.h5");
  h5_fixture longer = images;
  longer.rows = 31;
  longer.x = "other/x";
  longer.y = "other/y";
  h5_fixture_write(path, &images);
  h5_fixture_write(path, &longer);
  flr_dataset_options options = data_options(path);
  options.x_path = "train/images";
  options.y_path = "other/y";
  data_check_refused(&options, FLR_ERROR_DATA, "31 labels for 29 samples");
  const flr_dataset_options own = data_options(path);
  write_label(path, -1);
  data_check_refused(&own, FLR_ERROR_DATA, "the label of row 5 is -1");
  write_label(path, 2000000000);
  data_check_refused(&own, FLR_ERROR_DATA, "the label of row 5 is 2000000000");
}

static void test_h5__files_that_are_none(void **state) {
  const char *path = scratch_at(state, "data.h5");
  flr_dataset_options options = data_options(path);
  data_check_refused(&options, FLR_ERROR_NO_INPUT, "No such file");
  options.source = "/";
  data_check_refused(&options, FLR_ERROR_NO_INPUT, "folder");
  options.source = path;
  FILE *file = fopen(path, "w");
  fclose(file);
  data_check_refused(&options, FLR_ERROR_NO_INPUT, "empty");
  file = fopen(path, "w");
  fputs("not a data set at all", file);
  fclose(file);
  data_check_refused(&options, FLR_ERROR_DATA, "not an HDF5 file");
}

/* Cut anywhere, the file is refused when it is opened; cut while it is open, the row that is gone is named. */
static void test_h5__truncated_files(void **state) {
  const char *path = scratch_at(state, "data.h5");
  struct stat whole;
  h5_fixture_write(path, &images);
  assert_int_equal(stat(path, &whole), 0);
  const flr_dataset_options options = data_options(path);
  flr_dataset *d = data_open(&options);
  unsigned char row[DATA_MOST_BYTES];
  const int64_t last = 28;
  CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &last, 1, row));
  assert_int_equal(truncate(path, whole.st_size / 2), 0);
  CHECK_FAILS(flr_dataset_read(d, FLR_SPLIT_TRAIN, &last, 1, row), FLR_ERROR_IO, "the file has become shorter");
  flr_dataset_destroy(d);
  for (off_t size = whole.st_size / 2; size > 16; size -= whole.st_size / 9) {
    assert_int_equal(truncate(path, size), 0);
    data_check_refused(&options, FLR_ERROR_DATA, path);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_h5__storage, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__axis_order, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__label_types, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__splits_of_the_file, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__validation_taken_from_training, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__other_peoples_names, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__several_files, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__what_is_refused, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__lengths_and_labels, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__files_that_are_none, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_h5__truncated_files, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
