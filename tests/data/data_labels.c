/* Labels as people keep them: number types, one-hot rows, strings, names of classes over several files; and wrong ones. */
#include "datasets/dataset.h"

#include "harness/harness.h"
#include "harness/scratch_dir.h"
#include "open_data.h"

enum { ROWS = 6, CLASSES = 3 };

static const int32_t truth[ROWS] = {2, 0, 1, 1, 2, 0};

static void put_labels(const char *path, hid_t type, hid_t memory, int rank, hsize_t width, const void *labels) {
  const hsize_t images[] = {ROWS, 2}, dims[] = {ROWS, width};
  const unsigned char nothing[ROWS * 2] = {0};
  (void)unlink(path);
  h5_fixture_put(path, "train/features", H5T_STD_U8LE, H5T_STD_U8LE, 2, images, nothing, 0);
  h5_fixture_put(path, "train/labels", type, memory, rank, dims, labels, 0);
}

static void check_labels(const char *path, int64_t classes) {
  flr_dataset *d = data_open_at(path);
  assert_int_equal(d->classes, classes);
  for (int i = 0; i < ROWS; i++) assert_int_equal(d->labels[FLR_SPLIT_TRAIN][i], truth[i]);
  flr_dataset_destroy(d);
}

static void test_labels__number_types(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const hid_t types[] = {H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I16BE, H5T_STD_U16LE,  H5T_STD_I32LE,
                         H5T_STD_U32BE, H5T_STD_I64LE, H5T_STD_U64LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    for (int rank = 1; rank <= 2; rank++) {
      put_labels(path, types[i], H5T_NATIVE_INT32, rank, 1, truth);
      check_labels(path, CLASSES);
    }
}

static void test_labels__one_hot(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const hid_t types[] = {H5T_STD_U8LE, H5T_STD_I32BE, H5T_IEEE_F32LE, H5T_IEEE_F64BE};
  double rows[ROWS][CLASSES + 1] = {{0}}; /* a class without samples counts too */
  for (int i = 0; i < ROWS; i++) rows[i][truth[i]] = 1;
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    put_labels(path, types[i], H5T_NATIVE_DOUBLE, 2, CLASSES + 1, rows);
    check_labels(path, CLASSES + 1);
  }
  rows[3][0] = 1;
  put_labels(path, H5T_STD_U8LE, H5T_NATIVE_DOUBLE, 2, CLASSES + 1, rows);
  data_check_bad(path, "train/labels: row 3 has 2 ones and 0 other values that are not 0: one-hot labels have a single 1");
  rows[3][0] = rows[3][truth[3]] = 0;
  put_labels(path, H5T_STD_U8LE, H5T_NATIVE_DOUBLE, 2, CLASSES + 1, rows);
  data_check_bad(path, "row 3 has 0 ones and 0 other values");
  rows[3][1] = 0.9;
  put_labels(path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, CLASSES + 1, rows);
  data_check_bad(path, "row 3 has 0 ones and 1 other values");
}

static void test_labels__enumeration(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const hid_t type = H5Tenum_create(H5T_STD_I8LE);
  int8_t value = 0, labels[ROWS];
  H5Tenum_insert(type, "FALSE", (value = 0, &value));
  H5Tenum_insert(type, "TRUE", (value = 1, &value));
  H5Tenum_insert(type, "MAYBE", (value = 2, &value));
  for (int i = 0; i < ROWS; i++) labels[i] = (int8_t)truth[i];
  put_labels(path, type, type, 1, 1, labels);
  check_labels(path, CLASSES);
  H5Tclose(type);
}

/* ---- strings ---- */

static const char *const words[ROWS] = {"zebra", "ant", "bee", "bee", "zebra", "ant"};

static void check_words(const char *path) {
  check_labels(path, CLASSES);
  flr_dataset *d = data_open_at(path);
  assert_string_equal(d->class_names[0], "ant");
  assert_string_equal(d->class_names[1], "bee");
  assert_string_equal(d->class_names[2], "zebra");
  flr_dataset_destroy(d);
}

static void test_labels__strings(void **state) {
  const char *path = scratch_at(state, "data.h5");
  char fixed[ROWS][8];
  for (int padding = 0; padding < 2; padding++) {
    const hid_t type = H5Tcopy(padding ? H5T_FORTRAN_S1 : H5T_C_S1);
    H5Tset_size(type, 8);
    for (int i = 0; i < ROWS; i++) {
      memset(fixed[i], padding ? ' ' : '\0', 8);
      memcpy(fixed[i], words[i], strlen(words[i]));
    }
    put_labels(path, type, type, 1, 1, fixed);
    check_words(path);
    H5Tclose(type);
  }
  const hid_t variable = H5Tcopy(H5T_C_S1);
  H5Tset_size(variable, H5T_VARIABLE);
  put_labels(path, variable, variable, 1, 1, words);
  check_words(path);
  const char *const gap[ROWS] = {"zebra", "ant", "", "bee", "zebra", "ant"};
  put_labels(path, variable, variable, 1, 1, gap);
  data_check_bad(path, "train/labels: the label of row 2 is empty: label it or leave the sample out");
  H5Tclose(variable);
}

/* More different ones than the list begins with. */
static void test_labels__many_strings(void **state) {
  enum { MANY = 1000 };
  const char *path = scratch_at(state, "data.h5");
  static char fixed[MANY][8];
  static const unsigned char nothing[MANY * 2];
  const hsize_t features[] = {MANY, 2}, rows = MANY;
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 8);
  for (int i = 0; i < MANY; i++) (void)snprintf(fixed[i], 8, "c%04d", (i * 7 + 3) % MANY);
  h5_fixture_put(path, "train/features", H5T_STD_U8LE, H5T_STD_U8LE, 2, features, nothing, 0);
  h5_fixture_put(path, "train/labels", type, type, 1, &rows, fixed, 0);
  flr_dataset *d = data_open_at(path);
  assert_int_equal(d->classes, MANY);
  for (int i = 0; i < MANY; i++) assert_int_equal(d->labels[FLR_SPLIT_TRAIN][i], (i * 7 + 3) % MANY);
  assert_string_equal(d->class_names[999], "c0999");
  flr_dataset_destroy(d);
  H5Tclose(type);
}

/* ---- several files ---- */

static void join(char *out, size_t size, const char *a, const char *b) { (void)snprintf(out, size, "%s,%s", a, b); }

static void test_labels__class_names_are_merged(void **state) {
  const char *a = scratch_at(state, "a.h5"), *b = scratch_at(state, "b.h5");
  const char *const first[] = {"ant", "bee", "cat"}, *const second[] = {"cat", "dog", "ant"};
  char both[2 * SCRATCH_PATH + 200];
  put_labels(a, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, 1, truth);
  put_labels(b, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, 1, truth);
  h5_fixture_put_class_names(a, first, 3);
  h5_fixture_put_class_names(b, second, 3);
  join(both, sizeof both, a, b);
  flr_dataset *d = data_open_at(both);
  const int32_t merged[] = {2, 3, 0}; /* cat, dog, ant among ant, bee, cat, dog */
  assert_int_equal(d->classes, 4);
  assert_string_equal(d->class_names[3], "dog");
  for (int i = 0; i < ROWS; i++) assert_int_equal(d->labels[FLR_SPLIT_TRAIN][i], truth[i]);
  for (int i = 0; i < ROWS; i++) assert_int_equal(d->labels[FLR_SPLIT_TRAIN][ROWS + i], merged[truth[i]]);
  flr_dataset_destroy(d);
  const char *const twice[] = {"ant", "bee", "ant"};
  put_labels(b, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, 1, truth);
  h5_fixture_put_class_names(b, twice, 3);
  data_check_bad(both, "class_names has \"ant\" twice");
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, H5T_VARIABLE);
  put_labels(b, text, text, 1, 1, words);
  data_check_bad(both, "some labels are numbers, some are strings");
  H5Tclose(text);
}

static void put_moments(const char *path, float mean) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t two = 2;
  const float values[] = {mean, 1};
  const char *const names[] = {"mean", "std"};
  for (int i = 0; i < 2; i++) {
    const hid_t space = H5Screate_simple(1, &two, NULL),
                attribute = H5Acreate2(file, names[i], H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_FLOAT, values);
    H5Aclose(attribute);
    H5Sclose(space);
  }
  H5Fclose(file);
}

static void test_labels__moments_of_several_files(void **state) {
  const char *a = scratch_at(state, "a.h5"), *b = scratch_at(state, "b.h5");
  char both[2 * SCRATCH_PATH + 200];
  for (int same = 0; same < 2; same++) {
    put_labels(a, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, 1, truth);
    put_labels(b, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, 1, truth);
    put_moments(a, 0.5F);
    put_moments(b, same ? 0.5F : 0.25F);
    join(both, sizeof both, a, b);
    flr_dataset *d = data_open_at(both);
    assert_int_equal(d->mean != NULL, same);
    assert_int_equal(d->std != NULL, same);
    assert_int_equal(d->moments_differ, !same);
    flr_dataset_destroy(d);
  }
}

/* ---- wrong labels ---- */

static void test_labels__what_is_refused(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const double half[ROWS] = {0, 1, 1.5, 2, 0, 0}, none[ROWS] = {0, NAN, 1, -1, -1, 0}, huge[ROWS] = {0, 1, 2, 1e18, 0, 0};
  put_labels(path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, 1, half);
  data_check_bad(path, "train/labels: the label of row 2 is 1.5: labels are whole numbers");
  put_labels(path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, 1, none);
  data_check_bad(path,
                 "the label of row 1 is nan (and of 2 more it is none): labels count classes from 0: label these samples");
  put_labels(path, H5T_STD_I64LE, H5T_NATIVE_DOUBLE, 1, 1, huge);
  data_check_bad(path, "the label of row 3 is 1000000000000000000: labels count classes from 0");
  put_labels(path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, 1, huge);
  data_check_bad(path, "the label of row 3 is 1e+18: labels count classes from 0");
  const hid_t compound = H5Tcreate(H5T_COMPOUND, 8);
  const unsigned char nothing[ROWS * 8] = {0};
  H5Tinsert(compound, "a", 0, H5T_NATIVE_INT32);
  put_labels(path, compound, compound, 1, 1, nothing);
  data_check_bad(path, "train/labels must hold one number or string per sample");
  H5Tclose(compound);
  const hsize_t fewer = ROWS - 2;
  put_labels(path, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, 1, truth);
  h5_fixture_put(path, "short", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &fewer, truth, 0);
  const flr_dataset_options options = {
      .source = path, .valid_fraction = 0, .x_path = "train/features", .y_path = "short", .seed = 1};
  flr_dataset *d;
  CHECK_FAILS(flr_dataset_open(&d, &options), FLR_ERROR_DATA, "short has 4 labels for 6 samples: rows 4 to 5 have none");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_labels__number_types, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__one_hot, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__enumeration, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__strings, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__many_strings, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__class_names_are_merged, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__moments_of_several_files, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_labels__what_is_refused, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
