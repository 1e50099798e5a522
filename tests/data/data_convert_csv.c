/* Tables become data sets with the same values and classes, or are refused with the line that is wrong. */
#include "datasets/convert/convert.h"

#include <zlib.h>

#include "datasets/dataset.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"

static void write_text(void **state, const char *name, const char *text) {
  char path[SCRATCH_PATH + 64];
  FILE *file = fopen(scratch_path(path, state, name), "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

/* `name` NULL: the folder. */
static flr_status convert(void **state, const char *name, const char *label) {
  char out[SCRATCH_PATH + 64], source[SCRATCH_PATH + 64];
  const flr_convert_options options = {.kind = "csv",
                                       .source = name ? scratch_path(source, state, name) : *state,
                                       .label = label,
                                       .out = scratch_path(out, state, "out.h5")};
  flr_convert_result result;
  const flr_status status = flr_convert(&options, &result);
  flr_convert_result_clear(&result);
  return status;
}

static flr_dataset *open_out(void **state) {
  char out[SCRATCH_PATH + 64];
  const flr_dataset_options options = {.source = scratch_path(out, state, "out.h5"), .valid_fraction = 0, .seed = 1};
  flr_dataset *d;
  CHECK_OK(flr_dataset_open(&d, &options));
  return d;
}

static void check_row(flr_dataset *d, flr_split split, int64_t row, const float *values, int32_t label) {
  float found[8];
  assert_true(d->channels <= 8);
  CHECK_OK(flr_dataset_read(d, split, &row, 1, found));
  for (int64_t i = 0; i < d->channels; i++)
    if (found[i] != values[i])
      fail_msg("row %lld, value %lld: %g, wanted %g", (long long)row, (long long)i, found[i], values[i]);
  assert_int_equal(d->labels[split][row], label);
}

static void refuse(void **state, const char *text, flr_status wanted, const char *part) {
  write_text(state, "bad.csv", text);
  CHECK_FAILS(convert(state, "bad.csv", "kind"), wanted, part);
  assert_int_equal(scratch_files(state, 0), 1);
}

static void test_convert_csv__names_in_a_folder_of_splits(void **state) {
  write_text(state, "train.csv",
             "\xef\xbb\xbf"
             "length,kind,\"width, in cm\"\r\n1.5,pear,2\r\n\r\n-3e2,apple,0.25\r\n4,\"a \"\"big\"\" fig, ripe\",1");
  write_text(state, "test.csv", "length,kind,\"width, in cm\"\n9,pear,8\n");
  CHECK_OK(convert(state, NULL, "kind"));
  flr_dataset *d = open_out(state);
  assert_true(d->features);
  assert_int_equal(d->channels, 2);
  assert_int_equal(d->classes, 3);
  assert_string_equal(d->class_names[0], "a \"big\" fig, ripe");
  assert_string_equal(d->class_names[1], "apple");
  assert_string_equal(d->class_names[2], "pear");
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN], 3);
  assert_int_equal(d->samples[FLR_SPLIT_TEST], 1);
  check_row(d, FLR_SPLIT_TRAIN, 0, (const float[]){1.5F, 2}, 2);
  check_row(d, FLR_SPLIT_TRAIN, 1, (const float[]){-300, 0.25F}, 1);
  check_row(d, FLR_SPLIT_TRAIN, 2, (const float[]){4, 1}, 0);
  check_row(d, FLR_SPLIT_TEST, 0, (const float[]){9, 8}, 2);
  CHECK_NEAR(d->mean[0], (1.5 - 300 + 4) / 3, 1e-6, 1);
  CHECK_NEAR(d->std[1], sqrt((4 + 0.0625 + 1) / 3 - pow(3.25 / 3, 2)), 1e-6, 1);
  flr_dataset_destroy(d);
}

static void test_convert_csv__numbers_packed_over_many_blocks(void **state) {
  enum { ROWS = 400000 };
  char path[SCRATCH_PATH + 64];
  const gzFile file = gzopen(scratch_path(path, state, "rows.csv.gz"), "wb1");
  gzprintf(file, "a,b,c,d,label\n");
  for (int i = 0; i < ROWS; i++) gzprintf(file, "%d,%d,%d,0.5,%d\n", i, i % 7, -i, i % 5 == 4 ? 6 : i % 5);
  assert_int_equal(gzclose(file), Z_OK);
  CHECK_OK(convert(state, "rows.csv.gz", NULL));
  flr_dataset *d = open_out(state);
  assert_int_equal(d->classes, 7); /* nobody is in 4 and 5 */
  assert_int_equal(d->samples[FLR_SPLIT_TRAIN], ROWS);
  for (int i = 0; i < ROWS; i++)
    check_row(d, FLR_SPLIT_TRAIN, i, (const float[]){(float)i, (float)(i % 7), (float)-i, 0.5F}, i % 5 == 4 ? 6 : i % 5);
  CHECK_NEAR(d->mean[0], (ROWS - 1) / 2.0, 1e-6, 1);
  CHECK_NEAR(d->std[2], sqrt(((double)ROWS * ROWS - 1) / 12), 1e-6, 1);
  assert_true(d->std[3] == 1);
  flr_dataset_destroy(d);
}

static void test_convert_csv__what_is_wrong_is_named_with_its_line(void **state) {
  refuse(state, "a,b\n1,2\n", FLR_ERROR_DATA, "bad.csv has no column kind but a, b: name that of the labels with --label");
  refuse(state, "kind\n1\n", FLR_ERROR_DATA, "bad.csv has no column but kind");
  refuse(state, "a,kind\n", FLR_ERROR_DATA, "bad.csv has no rows");
  refuse(state, "\n\n", FLR_ERROR_DATA, "bad.csv has no line with the columns' names");
  refuse(state, "", FLR_ERROR_NO_INPUT, "bad.csv is empty");
  refuse(state, "a,kind\n1,0\n\n1,2,3\n", FLR_ERROR_DATA, "line 4 has 3 columns, the first line names 2");
  refuse(state, "a,kind\n1,0\n1\n", FLR_ERROR_DATA, "line 3 has 1 columns, the first line names 2");
  refuse(state, "a,kind\n1,0\nx1,0\n", FLR_ERROR_DATA, "line 3, column 1: \"x1\" is no finite number");
  refuse(state, "a,kind\n1,0\nnan,0\n", FLR_ERROR_DATA, "line 3, column 1: \"nan\" is no finite number");
  refuse(state, "a,kind\n1,0\n1e39,0\n", FLR_ERROR_DATA, "line 3, column 1: \"1e39\" is no finite number");
  refuse(state, "kind,a\n0,\n", FLR_ERROR_DATA, "line 2, column 2: \"\" is no finite number");
  refuse(state, "a,kind\n1,\n", FLR_ERROR_DATA, "line 2 has no label");
  refuse(state, "a,kind\n1,0\n1,-1\n", FLR_ERROR_DATA, "line 3: the label is -1: labels run from 0 to 0");
  refuse(state, "a,kind\n1,1000000\n", FLR_ERROR_DATA, "a label is 1000000: labels count classes from 0, at most 4095");
  refuse(state, "a,kind\n\"1,0\n", FLR_ERROR_DATA, "line 2, column 1: its quotes do not end");
}

static void test_convert_csv__splits_must_fit_each_other(void **state) {
  write_text(state, "train.csv", "a,kind\n1,x\n2,y\n");
  write_text(state, "valid.csv", "a,kind\n1,x\n2,z\n");
  CHECK_FAILS(convert(state, NULL, "kind"), FLR_ERROR_DATA, "valid.csv: line 3: the label z is none of the training split's");
  write_text(state, "valid.csv", "kind,a\nx,1\n");
  CHECK_FAILS(convert(state, NULL, "kind"), FLR_ERROR_DATA, "valid.csv has other columns than the training split");
  assert_int_equal(scratch_files(state, 0), 2);
}

static void test_convert_csv__a_column_that_is_no_class(void **state) {
  char path[SCRATCH_PATH + 64];
  FILE *file = fopen(scratch_path(path, state, "rows.csv"), "w");
  fprintf(file, "a,kind\n");
  for (int i = 0; i < 5000; i++) fprintf(file, "1,%d.5\n", i);
  fclose(file);
  CHECK_FAILS(convert(state, "rows.csv", "kind"), FLR_ERROR_DATA, "the column kind has more than 4096 different labels");
}

/* More than the 64 KiB that an attribute of an old file can have. */
static void test_convert_csv__many_columns(void **state) {
  enum { COLUMNS = 20000 };
  char path[SCRATCH_PATH + 64];
  float *row = calloc(COLUMNS, sizeof *row);
  FILE *file = fopen(scratch_path(path, state, "wide.csv"), "w");
  for (int i = 0; i < COLUMNS; i++) fprintf(file, "c%d,", i);
  fprintf(file, "label\n");
  for (int line = 0; line < 2; line++) {
    for (int i = 0; i < COLUMNS; i++) fprintf(file, "%d,", i + line);
    fprintf(file, "%d\n", line);
  }
  fclose(file);
  CHECK_OK(convert(state, "wide.csv", "label"));
  flr_dataset *d = open_out(state);
  const int64_t last = 1;
  assert_int_equal(d->channels, COLUMNS);
  CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &last, 1, row));
  for (int i = 0; i < COLUMNS; i++) {
    assert_true(row[i] == (float)(i + 1));
    assert_true(d->mean[i] == (float)i + 0.5F);
  }
  flr_dataset_destroy(d);
  free(row);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
  const struct CMUnitTest tests[] = {CASE(test_convert_csv__names_in_a_folder_of_splits),
                                     CASE(test_convert_csv__numbers_packed_over_many_blocks),
                                     CASE(test_convert_csv__what_is_wrong_is_named_with_its_line),
                                     CASE(test_convert_csv__splits_must_fit_each_other),
                                     CASE(test_convert_csv__a_column_that_is_no_class),
                                     CASE(test_convert_csv__many_columns)};
  return cmocka_run_group_tests_name("convert_csv", tests, NULL, NULL);
}
