/* However converted data are stored, the same samples are read back: by our own reader, and by HDF5. */
#include "datasets/convert/convert.h"

#include <hdf5.h>

#include "datasets/codec.h"
#include "datasets/dataset.h"
#include "datasets/h5_filters.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"

enum { TRAIN = 900, TEST = 11, SIDE = 40, AREA = SIDE * SIDE, COLUMNS = 5 };

/* Half of each picture can be compressed; the last chunk's rows cannot. */
static unsigned char value_at(int64_t row, int64_t at) {
  uint64_t x = (uint64_t)(row * AREA + at) * 0x9E3779B97F4A7C15ull;
  x ^= x >> 29;
  return (unsigned char)(at < AREA / 2 && row < TRAIN - 100 ? row : (int64_t)(x >> 13 & 255));
}

static void put32(FILE *file, uint32_t value) {
  for (int i = 0; i < 4; i++) assert_true(fputc((int)(value >> (24 - 8 * i) & 255), file) != EOF);
}

static FILE *create(void **state, const char *name) {
  char path[SCRATCH_PATH + 64];
  FILE *file = fopen(scratch_path(path, state, name), "wb");
  assert_non_null(file);
  return file;
}

static void write_idx(void **state, const char *stem, int64_t n) {
  char name[64];
  (void)snprintf(name, sizeof name, "%s-images-idx3-ubyte", stem);
  FILE *file = create(state, name);
  put32(file, 0x803);
  put32(file, (uint32_t)n);
  put32(file, SIDE);
  put32(file, SIDE);
  for (int64_t i = 0; i < n * AREA; i++) assert_true(fputc(value_at(i / AREA, i % AREA), file) != EOF);
  assert_int_equal(fclose(file), 0);
  (void)snprintf(name, sizeof name, "%s-labels-idx1-ubyte", stem);
  file = create(state, name);
  put32(file, 0x801);
  put32(file, (uint32_t)n);
  for (int64_t i = 0; i < n; i++) assert_true(fputc((int)(i % 7), file) != EOF);
  assert_int_equal(fclose(file), 0);
}

static void write_csv(void **state) {
  FILE *file = create(state, "table.csv");
  fputs("a,b,c,d,e,label\n", file);
  for (int64_t i = 0; i < TRAIN; i++)
    fprintf(file, "%g,%g,%g,%g,%g,%d\n", 0.25 * (double)i, 1.0, (double)(i % 9), (double)-i, 1e-3 * (double)i, (int)(i % 3));
  assert_int_equal(fclose(file), 0);
}

/* ---- reading back ---- */

/* All samples of a split as HDF5 reads them. */
static void check_by_hdf5(const char *path, const char *set_name, const void *wanted, size_t bytes, hid_t type) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, set_name, H5P_DEFAULT);
  char *found = malloc(bytes);
  assert_non_null(found);
  assert_true(set >= 0);
  if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) < 0) fail_msg("HDF5 cannot read %s", set_name);
  assert_memory_equal(found, wanted, bytes);
  free(found);
  assert_true(H5Dclose(set) >= 0);
  assert_true(H5Fclose(file) >= 0);
}

static char *read_split(const char *path, flr_split split, size_t *bytes) {
  const flr_dataset_options options = {.source = path, .valid_fraction = 0, .seed = 1};
  flr_dataset *d;
  CHECK_OK(flr_dataset_open(&d, &options));
  *bytes = (size_t)d->samples[split] * d->sample_bytes;
  char *data = malloc(*bytes);
  assert_non_null(data);
  for (int64_t row = 0; row < d->samples[split]; row++)
    CHECK_OK(flr_dataset_read(d, split, &row, 1, data + (size_t)row * d->sample_bytes));
  flr_dataset_destroy(d);
  return data;
}

typedef struct storage {
  const char *compress;
  int64_t level, chunk_rows;
  int checksum;
} storage;

static flr_status convert(void **state, const char *kind, const char *source, const storage *s, int workers, const char *out,
                          char path[SCRATCH_PATH + 64]) {
  char from[SCRATCH_PATH + 64];
  flr_convert_options options;
  flr_convert_result result;
  flr_convert_options_defaults(&options);
  options.kind = kind;
  options.source = source ? scratch_path(from, state, source) : *state;
  options.out = scratch_path(path, state, out);
  options.workers = workers;
  options.compress = s->compress;
  options.level = s->level;
  options.chunk_rows = s->chunk_rows;
  options.checksum = s->checksum;
  const flr_status status = flr_convert(&options, &result);
  flr_convert_result_clear(&result);
  return status;
}

static const storage storages[] = {{"none", 0, 0, 1},    {"none", 0, 0, 0},    {"none", 0, 64, 1},    {"none", 0, 5000, 0},
                                   {"deflate", 0, 0, 1}, {"deflate", 9, 7, 0}, {"lz4", 0, 0, 1},      {"lz4", 9, 13, 0},
                                   {"zstd", 0, 0, 1},    {"zstd", 19, 9, 0},   {"deflate", 1, 900, 1}};

static int is_missing(const storage *s) {
  return (strcmp(s->compress, "lz4") == 0 && flr_codec_missing(FLR_FILTER_LZ4)) ||
         (strcmp(s->compress, "zstd") == 0 && flr_codec_missing(FLR_FILTER_ZSTD));
}

static void check_same(void **state, const char *kind, const char *source, const char *set, hid_t type) {
  char plain[SCRATCH_PATH + 64], path[SCRATCH_PATH + 64];
  size_t bytes = 0, other_bytes = 0, file_bytes[2] = {0};
  CHECK_OK(convert(state, kind, source, &storages[0], 1, "plain.h5", plain));
  char *wanted = read_split(plain, FLR_SPLIT_TRAIN, &bytes);
  check_by_hdf5(plain, set, wanted, bytes, type);
  for (size_t i = 1; i < sizeof storages / sizeof storages[0]; i++) {
    if (is_missing(&storages[i])) continue;
    CHECK_OK(convert(state, kind, source, &storages[i], 1, "one.h5", path));
    char *one = scratch_read(path, &file_bytes[0]);
    CHECK_OK(convert(state, kind, source, &storages[i], 4, "out.h5", path));
    char *four = scratch_read(path, &file_bytes[1]);
    if (file_bytes[0] != file_bytes[1] || memcmp(one, four, file_bytes[0]) != 0)
      fail_msg("%s %s: four threads write another file", kind, storages[i].compress);
    free(one);
    free(four);
    char *found = read_split(path, FLR_SPLIT_TRAIN, &other_bytes);
    assert_int_equal(other_bytes, bytes);
    assert_memory_equal(found, wanted, bytes);
    free(found);
    check_by_hdf5(path, set, wanted, bytes, type);
  }
  free(wanted);
}

static void test_stored__bytes_are_read_back(void **state) {
  write_idx(state, "train", TRAIN);
  write_idx(state, "t10k", TEST);
  check_same(state, "idx", NULL, "/train/images", H5T_NATIVE_UINT8);
}

static void test_stored__floats_are_read_back(void **state) {
  write_csv(state);
  check_same(state, "csv", "table.csv", "/train/features", H5T_NATIVE_FLOAT);
}

static void test_stored__compressed_is_smaller(void **state) {
  static const storage packed = {"deflate", 0, 0, 1};
  char path[SCRATCH_PATH + 64];
  struct stat plain, small;
  write_idx(state, "train", TRAIN);
  CHECK_OK(convert(state, "idx", NULL, &storages[0], 2, "out.h5", path));
  assert_int_equal(stat(path, &plain), 0);
  CHECK_OK(convert(state, "idx", NULL, &packed, 2, "out.h5", path));
  assert_int_equal(stat(path, &small), 0);
  if (small.st_size * 10 > plain.st_size * 7)
    fail_msg("%lld of %lld bytes", (long long)small.st_size, (long long)plain.st_size);
}

/* ---- what is wrong ---- */

static void test_stored__wrong_settings_are_refused(void **state) {
  static const storage name = {"bzip2", 0, 0, 1}, level = {"deflate", 12, 0, 1}, none = {"none", 3, 0, 1},
                       rows = {"none", 0, 1000000, 1};
  char path[SCRATCH_PATH + 64];
  write_idx(state, "train", 8);
  const int before = scratch_files(state, 0);
  CHECK_FAILS(convert(state, "idx", NULL, &name, 1, "out.h5", path), FLR_ERROR_USAGE,
              "--compress: bzip2 is none of none, deflate, lz4, zstd");
  CHECK_FAILS(convert(state, "idx", NULL, &level, 1, "out.h5", path), FLR_ERROR_USAGE,
              "--compress-level: 12 is not allowed for deflate: 1 to 9");
  CHECK_FAILS(convert(state, "idx", NULL, &none, 1, "out.h5", path), FLR_ERROR_USAGE,
              "--compress-level: nothing is compressed");
  CHECK_FAILS(convert(state, "idx", NULL, &rows, 1, "out.h5", path), FLR_ERROR_USAGE,
              "--chunk-rows: 1000000 samples of 1600 bytes are more than the 1024 MiB");
  assert_int_equal(scratch_files(state, 0), before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_stored__bytes_are_read_back, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_stored__floats_are_read_back, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_stored__compressed_is_smaller, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_stored__wrong_settings_are_refused, scratch_make, scratch_remove),
  };
  flr_h5_filters_register();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
