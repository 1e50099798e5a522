/* Files of the MNIST and CIFAR families become data sets with the same pixels and labels, or are refused and nothing is left.
 */
#include "datasets/convert/convert.h"

#include <zlib.h>

#include "datasets/dataset.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"
#include "open_data.h"

enum { TRAIN = 1500, TEST = 7, HEIGHT = 75, WIDTH = 60, AREA = HEIGHT * WIDTH, CIFAR_PIXELS = 3072 };

/* What sample `row` holds at place `at`; `salt` tells the splits apart. TRAIN * AREA is more than a block of the converter. */
static unsigned char value_at(int64_t row, int64_t at, int salt) {
  return (unsigned char)((row * 131 + at * 7 + row * at % 253 + salt * 89) % 256);
}
static unsigned char label_at(int64_t row) { return (unsigned char)((row * 7 + 3) % 10); }

/* ---- writing ---- */

static gzFile create(void **state, const char *name) {
  const size_t length = strlen(name);
  const gzFile file = gzopen(scratch_at(state, name), length > 3 && strcmp(name + length - 3, ".gz") == 0 ? "wb1" : "wbT");
  assert_non_null(file);
  return file;
}

static void put(gzFile file, const void *data, size_t n) { assert_int_equal(gzwrite(file, data, (unsigned)n), (int)n); }

static void put_sizes(gzFile file, int axes, const int64_t *dims) {
  const unsigned char magic[4] = {0, 0, 8, (unsigned char)axes};
  put(file, magic, 4);
  for (int i = 0; i < axes; i++) {
    const unsigned char size[4] = {(unsigned char)(dims[i] >> 24), (unsigned char)(dims[i] >> 16),
                                   (unsigned char)(dims[i] >> 8), (unsigned char)dims[i]};
    put(file, size, 4);
  }
}

static void write_idx(void **state, const char *images, const char *labels, int64_t n, int salt) {
  const int64_t dims[] = {n, HEIGHT, WIDTH};
  unsigned char sample[AREA];
  gzFile file = create(state, images);
  put_sizes(file, 3, dims);
  for (int64_t i = 0; i < n; i++) {
    for (int at = 0; at < AREA; at++) sample[at] = value_at(i, at, salt);
    put(file, sample, sizeof sample);
  }
  assert_int_equal(gzclose(file), Z_OK);
  file = create(state, labels);
  put_sizes(file, 1, dims);
  for (int64_t i = 0; i < n; i++) {
    const unsigned char label = label_at(i);
    put(file, &label, 1);
  }
  assert_int_equal(gzclose(file), Z_OK);
}

/* One batch of n records; coarse 1: CIFAR-100's, with another label in front. Pixels lie in planes. */
static void write_cifar(void **state, const char *name, int64_t first, int64_t n, int coarse, int salt) {
  unsigned char record[2 + CIFAR_PIXELS];
  const gzFile file = create(state, name);
  for (int64_t i = first; i < first + n; i++) {
    record[0] = (unsigned char)(coarse ? 19 - label_at(i) : label_at(i));
    record[coarse] = label_at(i);
    for (int at = 0; at < CIFAR_PIXELS; at++) record[1 + coarse + at] = value_at(i, at, salt);
    put(file, record, (size_t)(1 + coarse + CIFAR_PIXELS));
  }
  assert_int_equal(gzclose(file), Z_OK);
}

static void write_text(void **state, const char *name, const char *text) {
  const gzFile file = create(state, name);
  put(file, text, strlen(text));
  assert_int_equal(gzclose(file), Z_OK);
}

/* ---- checking ---- */

static flr_status convert(void **state, const char *kind) {
  char out[SCRATCH_PATH + 64];
  const flr_convert_options options = {.kind = kind, .source = *state, .out = scratch_path(out, state, "out.h5")};
  flr_convert_result result;
  const flr_status status = flr_convert(&options, &result);
  flr_convert_result_clear(&result);
  return status;
}

static flr_dataset *open_out(void **state) { return data_open_at(scratch_at(state, "out.h5")); }

static void check_split(flr_dataset *d, flr_split split, int64_t n, int planes, int salt) {
  const int64_t size = d->height * d->width * d->channels, area = d->height * d->width;
  unsigned char sample[AREA];
  assert_true(size <= AREA);
  assert_int_equal(d->samples[split], n);
  for (int64_t row = 0; row < n; row++) {
    CHECK_OK(flr_dataset_read(d, split, &row, 1, sample));
    assert_int_equal(d->labels[split][row], label_at(row));
    for (int64_t at = 0; at < size; at++)
      if (sample[at] != value_at(row, planes ? at % 3 * area + at / 3 : at, salt))
        fail_msg("row %lld, place %lld: %d", (long long)row, (long long)at, sample[at]);
  }
}

/* The stored figures are those of the training split, by the plain two passes. */
static void check_statistics(flr_dataset *d) {
  unsigned char bytes[AREA];
  const int64_t area = d->height * d->width;
  for (int64_t c = 0; c < d->channels; c++) {
    double sum = 0, squares = 0, count = (double)(d->samples[0] * area);
    for (int pass = 0; pass < 2; pass++)
      for (int64_t row = 0; row < d->samples[0]; row++) {
        CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, bytes));
        for (int64_t p = 0; p < area; p++) {
          const double v = bytes[p * d->channels + c] / 255.0;
          if (pass == 0) sum += v;
          if (pass == 1) squares += (v - sum / count) * (v - sum / count);
        }
      }
    CHECK_NEAR(d->mean[c], sum / count, 1e-6, 1);
    CHECK_NEAR(d->std[c], sqrt(squares / count), 1e-6, 1);
  }
}

static void check_idx(void **state) {
  CHECK_OK(convert(state, "idx"));
  flr_dataset *d = open_out(state);
  assert_int_equal(d->height, HEIGHT);
  assert_int_equal(d->width, WIDTH);
  assert_int_equal(d->channels, 1);
  assert_int_equal(d->classes, 10);
  assert_string_equal(d->class_names[9], "9");
  check_split(d, FLR_SPLIT_TRAIN, TRAIN, 0, 0);
  check_split(d, FLR_SPLIT_TEST, TEST, 0, 1);
  assert_int_equal(d->samples[FLR_SPLIT_VALID], 0);
  check_statistics(d);
  flr_dataset_destroy(d);
}

static void test_convert__idx(void **state) {
  write_idx(state, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", TRAIN, 0);
  write_idx(state, "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", TEST, 1);
  check_idx(state);
  assert_int_equal(scratch_files(state, 0), 5); /* no temporary file is left */
}

static void test_convert__idx_packed(void **state) {
  write_idx(state, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", TRAIN, 0);
  write_idx(state, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte", TEST, 1);
  check_idx(state);
}

static void test_convert__cifar10(void **state) {
  write_cifar(state, "data_batch_1.bin", 0, 700, 0, 0);
  write_cifar(state, "data_batch_2.bin", 700, 1100, 0, 0);
  write_cifar(state, "test_batch.bin", 0, TEST, 0, 1);
  write_text(state, "batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  CHECK_OK(convert(state, "cifar"));
  flr_dataset *d = open_out(state);
  assert_int_equal(d->channels, 3);
  assert_int_equal(d->classes, 10);
  assert_string_equal(d->class_names[9], "truck");
  check_split(d, FLR_SPLIT_TRAIN, 1800, 1, 0);
  check_split(d, FLR_SPLIT_TEST, TEST, 1, 1);
  check_statistics(d);
  flr_dataset_destroy(d);
}

static void test_convert__cifar100_takes_the_fine_labels(void **state) {
  write_cifar(state, "train.bin", 0, 20, 1, 0);
  CHECK_OK(convert(state, "cifar"));
  flr_dataset *d = open_out(state);
  assert_int_equal(d->classes, 100);
  check_split(d, FLR_SPLIT_TRAIN, 20, 1, 0);
  assert_int_equal(d->samples[FLR_SPLIT_TEST], 0);
  flr_dataset_destroy(d);
}

/* ---- what is wrong ---- */

static void cut(void **state, const char *name, off_t by) {
  struct stat info;
  assert_int_equal(stat(scratch_at(state, name), &info), 0);
  assert_int_equal(truncate(scratch_at(state, name), info.st_size - by), 0);
}

static void refuse(void **state, const char *kind, flr_status wanted, const char *part) {
  const int before = scratch_files(state, 0);
  CHECK_FAILS(convert(state, kind), wanted, part);
  assert_int_equal(scratch_files(state, 0), before);
}

static void test_convert__packed_files_that_are_cut_or_damaged(void **state) {
  write_idx(state, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", TRAIN, 0);
  cut(state, "train-images-idx3-ubyte.gz", 1000);
  refuse(state, "idx", FLR_ERROR_DATA, "train-images-idx3-ubyte.gz is cut off");
  write_idx(state, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", TRAIN, 0);
  FILE *file = fopen(scratch_at(state, "train-images-idx3-ubyte.gz"), "r+b");
  assert_int_equal(fseek(file, -8, SEEK_END), 0); /* the checksum */
  const int old = fgetc(file);
  assert_int_equal(fseek(file, -8, SEEK_END), 0);
  assert_true(fputc(old ^ 0x55, file) != EOF);
  fclose(file);
  refuse(state, "idx", FLR_ERROR_DATA, "train-images-idx3-ubyte.gz does not unpack");
}

static void test_convert__a_small_packed_file_that_claims_much(void **state) {
  const int64_t dims[] = {4000000000, 4000, 6000};
  const gzFile file = create(state, "train-images-idx3-ubyte.gz");
  put_sizes(file, 3, dims);
  assert_int_equal(gzclose(file), Z_OK);
  refuse(state, "idx", FLR_ERROR_DATA, "is cut off");
}

static void test_convert__cifar_labels_and_lengths(void **state) {
  write_cifar(state, "data_batch_1.bin", 0, 20, 0, 0);
  write_text(state, "batches.meta.txt", "a\nb\n");
  refuse(state, "cifar", FLR_ERROR_DATA, "batches.meta.txt has 2 names, CIFAR-10 has 10 classes");
  write_text(state, "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  write_cifar(state, "data_batch_3.bin", 0, 20, 0, 0);
  refuse(state, "cifar", FLR_ERROR_NO_INPUT, "data_batch_2.bin: No such file");
  write_cifar(state, "data_batch_2.bin", 0, 20, 0, 0);
  cut(state, "data_batch_2.bin", 1);
  refuse(state, "cifar", FLR_ERROR_DATA, "data_batch_2.bin is cut off or no CIFAR-10: its 61459 bytes are no multiple of 3073");
  FILE *file = fopen(scratch_at(state, "data_batch_2.bin"), "r+b");
  fputc(10, file);
  fclose(file);
  assert_int_equal(truncate(scratch_at(state, "data_batch_2.bin"), 20 * 3073), 0);
  refuse(state, "cifar", FLR_ERROR_DATA, "the label of row 20 of the train split is 10: labels run from 0 to 9");
}

static void test_convert__a_file_that_was_there_stays_when_it_fails(void **state) {
  static const char precious[] = "\x89HDF\r\n\x1a\nprecious"; /* a file of another kind would not be replaced anyway */
  write_text(state, "out.h5", precious);
  refuse(state, "cifar", FLR_ERROR_NO_INPUT, "has neither data_batch_1.bin");
  write_cifar(state, "train.bin", 0, 2, 1, 0);
  FILE *file = fopen(scratch_at(state, "train.bin"), "r+b");
  assert_int_equal(fseek(file, 1, SEEK_SET), 0);
  fputc(200, file);
  fclose(file);
  refuse(state, "cifar", FLR_ERROR_DATA, "the label of row 0 of the train split is 200: labels run from 0 to 99");
  size_t bytes = 0;
  char *text = scratch_read(scratch_at(state, "out.h5"), &bytes);
  assert_string_equal(text, precious);
  free(text);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
  const struct CMUnitTest tests[] = {CASE(test_convert__idx),
                                     CASE(test_convert__idx_packed),
                                     CASE(test_convert__cifar10),
                                     CASE(test_convert__cifar100_takes_the_fine_labels),
                                     CASE(test_convert__packed_files_that_are_cut_or_damaged),
                                     CASE(test_convert__a_small_packed_file_that_claims_much),
                                     CASE(test_convert__cifar_labels_and_lengths),
                                     CASE(test_convert__a_file_that_was_there_stays_when_it_fails)};
  return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
