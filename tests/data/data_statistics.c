/* What statistics say of data sets whose samples are known, and the warnings that follow. */
#include "datasets/statistics.h"

#include <math.h>

#include "core/memory.h"
#include "harness/harness.h"

enum { MOST_SAMPLES = 40, VALUES = 6 };

/* A data set in memory: 2x1 images of 3 bytes each, or 6 features. */
typedef struct memory_set {
  flr_dataset head;
  int32_t labels[FLR_SPLIT_COUNT][MOST_SAMPLES];
  unsigned char bytes[FLR_SPLIT_COUNT][MOST_SAMPLES][VALUES];
  float floats[FLR_SPLIT_COUNT][MOST_SAMPLES][VALUES];
} memory_set;

static flr_status read_rows(flr_dataset *dataset, flr_split split, const int64_t *rows, int64_t n, void *out) {
  const memory_set *m = (const memory_set *)dataset;
  for (int64_t i = 0; i < n; i++)
    memcpy((char *)out + (size_t)i * dataset->sample_bytes,
           dataset->dtype == FLR_F32 ? (const void *)m->floats[split][rows[i]] : m->bytes[split][rows[i]],
           dataset->sample_bytes);
  return FLR_OK;
}

static const flr_dataset_ops memory_ops = {.name = "memory", .read = read_rows};

/* All samples differ; labels go round through `classes`. */
static void make(memory_set *m, int features, int64_t train, int64_t valid, int64_t classes) {
  *m = (memory_set){.head = {.ops = &memory_ops,
                             .samples = {train, valid, 0},
                             .height = features ? 1 : 2,
                             .width = 1,
                             .channels = features ? VALUES : 3,
                             .features = features,
                             .dtype = features ? FLR_F32 : FLR_U8,
                             .sample_bytes = features ? VALUES * sizeof(float) : VALUES,
                             .classes = classes}};
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    m->head.labels[split] = m->labels[split];
    for (int i = 0; i < MOST_SAMPLES; i++) {
      m->labels[split][i] = (int32_t)(i % classes);
      for (int v = 0; v < VALUES; v++) m->bytes[split][i][v] = (unsigned char)(100 * split + 2 * i + v % 2);
      for (int v = 0; v < VALUES; v++) m->floats[split][i][v] = (float)m->bytes[split][i][v] / 4;
    }
  }
}

typedef struct findings {
  flr_dataset_statistics statistics;
  char warnings[FLR_DATASET_MOST_WARNINGS][FLR_DATASET_WARNING_BYTES];
  int count;
} findings;

static void look(findings *f, memory_set *m) {
  CHECK_OK(flr_dataset_statistics_make(&f->statistics, &m->head));
  f->count = flr_dataset_warnings(f->warnings, &m->head, &f->statistics);
}

/* The data set must lead to this warning alone. */
static void check_warning(memory_set *m, const char *wanted) {
  findings f;
  look(&f, m);
  if (f.count != 1 || strcmp(f.warnings[0], wanted) != 0)
    fail_msg("%d warnings, the first \"%s\", wanted \"%s\"", f.count, f.count ? f.warnings[0] : "", wanted);
  flr_dataset_statistics_clear(&f.statistics);
}

static void test_statistics__of_bytes(void **state) {
  (void)state;
  static memory_set m;
  findings f;
  make(&m, 0, 11, 5, 4);
  look(&f, &m);
  const flr_split_statistics *train = &f.statistics.splits[FLR_SPLIT_TRAIN], *valid = &f.statistics.splits[FLR_SPLIT_VALID];
  static const int64_t counts[] = {3, 3, 3, 2};
  assert_memory_equal(train->counts, counts, sizeof counts);
  assert_int_equal(train->present, 4);
  assert_int_equal(train->rarest, 2);
  assert_int_equal(train->commonest, 3);
  assert_false(train->sorted);
  assert_true(train->least == 0 && train->most == 21);
  assert_true(valid->least == 100 && valid->most == 109);
  assert_int_equal(train->repeated + valid->repeated + valid->in_train, 0);
  assert_null(f.statistics.splits[FLR_SPLIT_TEST].counts);
  assert_int_equal(f.count, 0);
  flr_dataset_statistics_clear(&f.statistics);
}

static void test_statistics__of_features(void **state) {
  (void)state;
  static memory_set m;
  findings f;
  make(&m, 1, 11, 5, 4);
  m.floats[FLR_SPLIT_TRAIN][0][0] = NAN;
  m.floats[FLR_SPLIT_TRAIN][1][1] = INFINITY;
  m.floats[FLR_SPLIT_TRAIN][2][2] = -3.5F;
  look(&f, &m);
  const flr_split_statistics *train = &f.statistics.splits[FLR_SPLIT_TRAIN];
  assert_true(train->least == -3.5 && train->most == 5.25);
  assert_int_equal(train->nonfinite, 2);
  assert_int_equal(f.count, 1);
  assert_string_equal(f.warnings[0], "2 training values are not finite: a run ends where it meets one");
  flr_dataset_statistics_clear(&f.statistics);
}

/* Samples 4 and 7 of the training split are sample 1, and so are two of validation, one of which differs in its label. */
static void test_statistics__equal_samples(void **state) {
  (void)state;
  static memory_set m;
  findings f;
  make(&m, 0, 30, 5, 4);
  memcpy(m.bytes[FLR_SPLIT_TRAIN][4], m.bytes[FLR_SPLIT_TRAIN][1], VALUES);
  memcpy(m.bytes[FLR_SPLIT_TRAIN][7], m.bytes[FLR_SPLIT_TRAIN][1], VALUES);
  memcpy(m.bytes[FLR_SPLIT_VALID][0], m.bytes[FLR_SPLIT_TRAIN][1], VALUES);
  memcpy(m.bytes[FLR_SPLIT_VALID][3], m.bytes[FLR_SPLIT_TRAIN][1], VALUES);
  look(&f, &m);
  assert_int_equal(f.statistics.splits[FLR_SPLIT_TRAIN].repeated, 2);
  assert_int_equal(f.statistics.splits[FLR_SPLIT_TRAIN].in_train, 0);
  assert_int_equal(f.statistics.splits[FLR_SPLIT_VALID].repeated, 1);
  assert_int_equal(f.statistics.splits[FLR_SPLIT_VALID].in_train, 2);
  assert_int_equal(f.count, 1);
  assert_string_equal(f.warnings[0],
                      "2 of 5 valid samples are in the training split too: the error rate on them is no measure");
  flr_dataset_statistics_clear(&f.statistics);
  memcpy(m.bytes[FLR_SPLIT_TRAIN][9], m.bytes[FLR_SPLIT_TRAIN][1], VALUES);
  memcpy(m.bytes[FLR_SPLIT_TRAIN][12], m.bytes[FLR_SPLIT_TRAIN][1], VALUES);
  m.head.samples[FLR_SPLIT_VALID] = 0;
  check_warning(&m, "4 of 30 training samples repeat an earlier one");
}

static void test_warnings__about_classes(void **state) {
  (void)state;
  static memory_set m;
  make(&m, 0, 30, 0, 3);
  for (int i = 0; i < 30; i++) m.labels[FLR_SPLIT_TRAIN][i] = 1;
  check_warning(&m, "all training samples are of one class: there is nothing to learn");
  make(&m, 0, 30, 0, 3);
  for (int i = 0; i < 30; i++) m.labels[FLR_SPLIT_TRAIN][i] = 2 * (i % 2);
  check_warning(&m, "1 of 3 classes have no training sample: labels should be 0 to K-1 without gaps");
  for (int i = 0; i < 30; i++) m.labels[FLR_SPLIT_TRAIN][i] = i == 3 ? 0 : i == 5 || i == 6 ? 1 : 2;
  check_warning(&m, "classes are unbalanced: the commonest has 27 times as many training samples as the rarest");
  for (int i = 0; i < 30; i++) m.labels[FLR_SPLIT_TRAIN][i] = i / 10;
  check_warning(&m, "training labels are sorted in the file: --order sequential would train on one class after the other");
}

static void test_warnings__about_values(void **state) {
  (void)state;
  static memory_set m;
  make(&m, 0, 1, 0, 1);
  memset(m.bytes[FLR_SPLIT_TRAIN], 7, sizeof m.bytes[FLR_SPLIT_TRAIN]);
  findings f;
  look(&f, &m);
  assert_int_equal(f.count, 2);
  assert_string_equal(f.warnings[1], "all training values are 7");
  flr_dataset_statistics_clear(&f.statistics);
  make(&m, 0, 30, 0, 3);
  for (int i = 0; i < 30; i++)
    for (int v = 0; v < VALUES; v++) m.bytes[FLR_SPLIT_TRAIN][i][v] = (unsigned char)((i >> v) & 1);
  check_warning(&m, "bytes go from 0 to 1 only: was it meant to be 0 to 255?");
  make(&m, 1, 30, 0, 3);
  for (int i = 0; i < 30; i++) m.floats[FLR_SPLIT_TRAIN][i][1] = m.floats[FLR_SPLIT_TRAIN][i][4] = 9;
  check_warning(&m, "2 of 6 features have the same value in all training samples");
  make(&m, 1, 30, 0, 3);
  m.head.features = 0; /* the same numbers as images */
  check_warning(&m, "values of images go from 0 to 14.75: they are not scaled, and --normalize imagenet would refuse them");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_statistics__of_bytes),      cmocka_unit_test(test_statistics__of_features),
      cmocka_unit_test(test_statistics__equal_samples), cmocka_unit_test(test_warnings__about_classes),
      cmocka_unit_test(test_warnings__about_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
