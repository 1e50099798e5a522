/* Files that h5py wrote must be read as NumPy says: tests/data/fixtures/make.py writes both. usage: FOLDER [LEAST] */
#include "datasets/dataset.h"

#include "harness/harness.h"

enum { LINE = 4096, MOST_VALUES = 1024 };

typedef struct expected {
  char file[128], options[128], kind[16];
  long long height, width, channels, classes;
  const char *rows; /* label:hash of each */
} expected;

static const char *folder;
static int least_files = 31; /* of the list: a short one is a mistake */

static uint64_t fnv(const unsigned char *bytes, size_t n) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (size_t i = 0; i < n; i++) hash = (hash ^ bytes[i]) * 0x100000001B3u;
  return hash;
}

static flr_status open_file(flr_dataset **out, const char *file, const char *options) {
  char path[1024], x[64] = "", y[64] = "";
  (void)snprintf(path, sizeof path, "%s/%s", folder, file);
  const int named = sscanf(options, "x=%63[^,],y=%63s", x, y) == 2;
  const flr_dataset_options o = {.source = path,
                                 .valid_fraction = 0,
                                 .seed = 1,
                                 .x_path = named ? x : NULL,
                                 .y_path = named ? y : NULL,
                                 .axis_order = strcmp(options, "nchw") == 0 ? "nchw" : NULL};
  return flr_dataset_open(out, &o);
}

static void check_refused(const char *file, const char *part) {
  flr_dataset *d = NULL;
  const flr_status status = open_file(&d, file, "-");
  if (status != FLR_ERROR_DATA || !strstr(flr_status_message(), part))
    fail_msg("%s: status %d, wanted 65 and \"%s\": %s", file, (int)status, part, flr_status_message());
}

static void check_rows(flr_dataset *d, const expected *e) {
  _Alignas(8) unsigned char sample[MOST_VALUES * sizeof(float)];
  const char *at = e->rows;
  int label, used;
  unsigned long long hash;
  int64_t row = 0;
  for (; sscanf(at, "%d:%llx%n", &label, &hash, &used) == 2; at += used, row++) {
    assert_true(row < d->samples[FLR_SPLIT_TRAIN]);
    CHECK_OK(flr_dataset_read(d, FLR_SPLIT_TRAIN, &row, 1, sample));
    if (d->labels[FLR_SPLIT_TRAIN][row] != label)
      fail_msg("%s: label of row %lld is %d, wanted %d", e->file, (long long)row, d->labels[FLR_SPLIT_TRAIN][row], label);
    if (fnv(sample, d->sample_bytes) != hash) fail_msg("%s: row %lld has other values", e->file, (long long)row);
  }
  assert_int_equal(row, d->samples[FLR_SPLIT_TRAIN]);
  assert_true(row > 0);
}

static void check_file(const expected *e) {
  flr_dataset *d;
  if (open_file(&d, e->file, e->options) != FLR_OK) fail_msg("%s: %s", e->file, flr_status_message());
  assert_string_equal(flr_dtype_name(d->dtype), e->kind);
  assert_true(d->sample_bytes <= MOST_VALUES * sizeof(float));
  assert_int_equal(d->height, e->height);
  assert_int_equal(d->width, e->width);
  assert_int_equal(d->channels, e->channels);
  assert_int_equal(d->classes, e->classes);
  check_rows(d, e);
  flr_dataset_destroy(d);
}

static void test_fixtures__as_numpy_says(void **state) {
  char path[1024], line[LINE];
  int files = 0;
  (void)state;
  (void)snprintf(path, sizeof path, "%s/expected.txt", folder);
  FILE *list = fopen(path, "r");
  assert_non_null(list);
  for (; fgets(line, sizeof line, list); files++) {
    expected e;
    int used = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%127s refused %n", e.file, &used) == 1 && used > 0) {
      check_refused(e.file, line + used);
      continue;
    }
    assert_int_equal(sscanf(line, "%127s %127s %15s %lld %lld %lld %lld %n", e.file, e.options, e.kind, &e.height, &e.width,
                            &e.channels, &e.classes, &used),
                     7);
    e.rows = line + used;
    check_file(&e);
  }
  fclose(list);
  assert_true(files >= least_files);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixtures__as_numpy_says)};
  if (argc < 2) return 2;
  folder = argv[1];
  if (argc > 2) least_files = (int)strtol(argv[2], NULL, 10);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
