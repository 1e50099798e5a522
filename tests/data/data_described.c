/* Data sets opened from another process's description: the same in every respect, and no wrong bytes or files get through. */
#include "datasets/dataset.h"

#include <errno.h>
#include <fcntl.h>

#include "core/hash.h"
#include "core/memory.h"
#include "h5_filtered.h"
#include "h5_fixture.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"

enum { ROWS = 29, MOST_BYTES = 4096, FORM_AT = 8, LENGTH_AT = 16, HASH_AT = 24, HEAD = 32 };

typedef struct description {
  unsigned char *bytes;
  size_t count;
} description;

static description describe(const flr_dataset_options *options) {
  flr_dataset *d;
  description out;
  CHECK_OK(flr_dataset_open(&d, options));
  CHECK_OK(flr_dataset_describe(d, &out.bytes, &out.count));
  flr_dataset_destroy(d);
  return out;
}

static flr_status reopen(flr_dataset **out, const flr_dataset_options *options, const description *told) {
  return flr_dataset_open_described(out, options, told->bytes, told->count);
}

/* ---- the same ---- */

static void check_floats(const float *a, const float *b, int64_t n) {
  assert_int_equal(a != NULL, b != NULL);
  if (a) assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

static void check_head(const flr_dataset *a, const flr_dataset *b) {
  assert_string_equal(a->source, b->source);
  assert_true(a->height == b->height && a->width == b->width && a->channels == b->channels && a->features == b->features);
  assert_true(a->dtype == b->dtype && a->sample_bytes == b->sample_bytes && a->encoded == b->encoded);
  assert_int_equal(a->classes, b->classes);
  assert_int_equal(a->class_names != NULL, b->class_names != NULL);
  for (int64_t i = 0; a->class_names && i < a->classes; i++) assert_string_equal(a->class_names[i], b->class_names[i]);
  check_floats(a->mean, b->mean, a->channels);
  check_floats(a->std, b->std, a->channels);
  assert_int_equal(a->moments_differ, b->moments_differ);
  assert_string_equal(a->reading, b->reading);
  assert_string_equal(a->slow, b->slow);
}

static void check_split(flr_dataset *a, flr_dataset *b, flr_split split) {
  unsigned char x[MOST_BYTES], y[MOST_BYTES];
  assert_int_equal(a->samples[split], b->samples[split]);
  for (int64_t i = 0; i < a->samples[split]; i++) {
    const int64_t row = i * 11 % a->samples[split];
    CHECK_OK(flr_dataset_read(a, split, &row, 1, x));
    CHECK_OK(flr_dataset_read(b, split, &row, 1, y));
    assert_memory_equal(x, y, a->sample_bytes);
    assert_int_equal(a->labels[split][row], b->labels[split][row]);
    assert_int_equal(flr_dataset_block_of(a, split, row), flr_dataset_block_of(b, split, row));
  }
}

/* Opened by itself and from its description, which is the same again when it is taken from that. */
static void check_same(const flr_dataset_options *options) {
  const description told = describe(options);
  flr_dataset *a, *b;
  description again;
  assert_non_null(told.bytes);
  CHECK_OK(flr_dataset_open(&a, options));
  CHECK_OK(reopen(&b, options, &told));
  check_head(a, b);
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) check_split(a, b, (flr_split)split);
  CHECK_OK(flr_dataset_check(b));
  CHECK_OK(flr_dataset_describe(b, &again.bytes, &again.count));
  assert_int_equal(again.count, told.count);
  assert_memory_equal(again.bytes, told.bytes, told.count);
  flr_dataset_destroy(a);
  flr_dataset_destroy(b);
  flr_free(told.bytes);
  flr_free(again.bytes);
}

static void check_file(const char *path, double valid_fraction) {
  flr_dataset_options options = {.source = path, .valid_fraction = valid_fraction, .seed = 3};
  check_same(&options);
  options.in_memory = 1;
  check_same(&options);
}

static void test_described__rows_of_every_layout(void **state) {
  const h5_fixture fixtures[] = {{.rows = ROWS, .height = 5, .width = 4, .channels = 3},
                                 {.rows = ROWS, .channels = 7, .x_type = H5T_IEEE_F64BE},
                                 {.rows = ROWS, .channels = 7, .compact = 1},
                                 {.rows = ROWS, .height = 5, .width = 4, .channels = 3, .chunk_rows = 6}};
  for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
    const char *path = scratch_at(state, "data.h5");
    h5_fixture_write(path, &fixtures[i]);
    check_file(path, 0);
    check_file(path, 0.25);
    (void)unlink(path);
  }
}

static void test_described__chunks_of_every_kind(void **state) {
  static const h5_filtered kinds[] = {
      {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 5, 4, 3}, .pipeline = "d"},
      {.dims = {ROWS, 7}, .chunk = {8, 7}, .pipeline = "sdf"},
      {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 2, 4, 3}, .pipeline = "sd"},
      {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 5, 4, 3}, .pipeline = "z", .skip_every = 2},
      {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 5, 4, 3}, .pipeline = "d", .bare_edges = 1, .latest = 1},
      {.dims = {ROWS, 5, 4, 3}, .chunk = {3, 5, 4, 3}, .pipeline = "", .user_block = 512},
      {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 5, 4, 3}, .pipeline = "s4"},
      {.dims = {ROWS, 5, 4, 3}, .chunk = {8, 5, 4, 3}, .pipeline = "z"}};
  const char *path = scratch_at(state, "data.h5");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!h5_filtered_can_write(kinds[i].pipeline)) continue;
    h5_filtered_write(path, &kinds[i]);
    check_file(path, 0);
    check_file(path, NAN);
  }
}

static void write_named(const char *path, int64_t first_row, const char *const *names) {
  const h5_fixture images = {.rows = 10, .height = 5, .width = 4, .channels = 3, .first_row = first_row, .nchw = 1};
  h5_fixture valid = images;
  valid.rows = 4;
  valid.x = "valid/images";
  valid.y = "valid/labels";
  h5_fixture_write(path, &images);
  h5_fixture_write(path, &valid);
  h5_fixture_put_class_names(path, names, 10);
}

static void test_described__several_files_with_names_of_classes(void **state) {
  static const char *const names[] = {"ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay"};
  static const char *const others[] = {"jay", "ibex", "hen", "gnu", "fox", "eel", "dog", "cat", "bee", "ant"};
  char both[2 * (SCRATCH_PATH + 64) + 1];
  write_named(scratch_at(state, "a.h5"), 0, names);
  write_named(scratch_at(state, "b.h5"), 40, others);
  (void)snprintf(both, sizeof both, "%s,%s", scratch_at(state, "a.h5"), scratch_at(state, "b.h5"));
  const flr_dataset_options options = {.source = both, .valid_fraction = NAN, .axis_order = "nchw", .seed = 3};
  check_same(&options);
}

static void test_described__embedded_digits(void **state) {
  (void)state;
  const flr_dataset_options options = {.source = "digits", .valid_fraction = NAN, .seed = 3};
  check_same(&options);
}

static void test_described__not_where_there_is_no_file(void **state) {
  (void)state;
  const flr_dataset_options options = {.source = "synthetic:20,4,4,3,5", .valid_fraction = NAN, .seed = 3};
  const description told = describe(&options);
  assert_null(told.bytes);
  assert_int_equal(told.count, 0);
}

/* ---- other files ---- */

static void write_simple(const char *path) {
  const h5_fixture images = {.rows = ROWS, .height = 5, .width = 4, .channels = 3};
  h5_fixture_write(path, &images);
}

static flr_status reopen_once(const flr_dataset_options *options, const description *told) {
  flr_dataset *d;
  const flr_status status = reopen(&d, options, told);
  if (status == FLR_OK) flr_dataset_destroy(d);
  return status;
}

static void copy_file(const char *from, const char *to) {
  size_t bytes = 0;
  char *content = scratch_read(from, &bytes);
  assert_non_null(content);
  FILE *file = fopen(to, "wb");
  assert_int_equal(fwrite(content, 1, bytes, file), bytes);
  (void)fclose(file);
  free(content);
}

/* Another file of the same length and age, then one that is longer, then one written to, then none, then a folder. */
static void test_described__another_file_is_refused(void **state) {
  const char *path = scratch_at(state, "data.h5"), *copy = scratch_at(state, "copy.h5");
  const flr_dataset_options options = {.source = path, .valid_fraction = 0, .seed = 1};
  struct stat info;
  write_simple(path);
  const description told = describe(&options);
  CHECK_OK(reopen_once(&options, &told));
  assert_int_equal(stat(path, &info), 0);
  const struct timespec times[] = {info.st_mtim, info.st_mtim}, later[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  copy_file(path, copy);
  assert_int_equal(utimensat(AT_FDCWD, copy, times, 0), 0);
  assert_int_equal(rename(copy, path), 0);
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_DATA, "its inode differs");
  assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_DATA, "its time of writing differs");
  assert_int_equal(truncate(path, info.st_size + 1), 0);
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_DATA, "its length differs");
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_DATA, path);
  assert_int_equal(unlink(path), 0);
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_NO_INPUT, strerror(ENOENT));
  assert_int_equal(mkdir(path, 0700), 0);
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_NO_INPUT, "is a folder");
  assert_int_equal(rmdir(path), 0);
  flr_free(told.bytes);
}

/* ---- other bytes ---- */

static void seal(description *told) {
  const uint64_t hash = flr_hash(FLR_HASH_START, told->bytes + HEAD, told->count - HEAD);
  const int64_t length = (int64_t)(told->count - HEAD);
  memcpy(told->bytes + LENGTH_AT, &length, sizeof length);
  memcpy(told->bytes + HASH_AT, &hash, sizeof hash);
}

/* Opens what may be wrong, and reads from it: nothing but failing is asked for. 1: it was refused. */
static int try_it(const flr_dataset_options *options, const description *told) {
  unsigned char row[MOST_BYTES];
  flr_dataset *d;
  if (reopen(&d, options, told) != FLR_OK) {
    assert_true(strlen(flr_status_message()) > 0);
    return 1;
  }
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    const int64_t rows[] = {0, d->samples[split] - 1};
    for (int i = 0; i < 2 && d->samples[split] > 0 && d->sample_bytes <= sizeof row; i++)
      (void)flr_dataset_read(d, (flr_split)split, &rows[i], 1, row);
  }
  flr_dataset_destroy(d);
  return 0;
}

static void check_cuts(const flr_dataset_options *options, const description *whole) {
  for (size_t count = 0; count < whole->count; count++) {
    description cut = {.count = count};
    CHECK_OK(flr_alloc(&cut.bytes, (int64_t)count, 1));
    memcpy(cut.bytes, whole->bytes, count);
    assert_true(try_it(options, &cut));
    if (count >= HEAD) {
      seal(&cut);
      assert_true(try_it(options, &cut));
    }
    flr_free(cut.bytes);
  }
}

/* As they come; and where the sum over them is made to fit. */
static void check_flips(const flr_dataset_options *options, const description *whole) {
  static const unsigned char flips[] = {0x01, 0x80};
  int passed = 0;
  for (size_t at = 0; at < whole->count; at++)
    for (size_t i = 0; i < sizeof flips; i++) {
      whole->bytes[at] ^= flips[i];
      assert_true(try_it(options, whole));
      if (at >= HEAD) {
        description sealed = *whole;
        seal(&sealed);
        passed += !try_it(options, &sealed);
      }
      whole->bytes[at] ^= flips[i];
      description restored = *whole;
      seal(&restored);
    }
  CHECK_OK(reopen_once(options, whole));
  print_message("%zu bytes, %d changes of sealed ones make another data set\n", whole->count, passed);
}

static void check_damage(const char *path) {
  const flr_dataset_options options = {.source = path, .valid_fraction = 0, .seed = 1};
  description whole = describe(&options);
  check_cuts(&options, &whole);
  check_flips(&options, &whole);
  flr_free(whole.bytes);
}

/* Chunks of 8x8x8x8: with a changed side they are small or larger than any may be, none only takes much memory. */
static void test_described__damaged_bytes_are_refused_or_read(void **state) {
  static const h5_filtered kinds[] = {{.dims = {17, 8, 8, 8}, .chunk = {8, 8, 8, 8}, .pipeline = "sd"},
                                      {.dims = {17, 8, 8, 8}, .chunk = {8, 8, 8, 8}, .pipeline = ""},
                                      {.dims = {9, 16, 8, 8}, .chunk = {8, 8, 8, 8}, .pipeline = "d"}};
  static const char *const names[] = {"ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay"};
  const char *path = scratch_at(state, "data.h5");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    h5_filtered_write(path, &kinds[i]);
    check_damage(path);
  }
  (void)unlink(path);
  write_named(path, 0, names);
  check_damage(path);
  (void)unlink(path);
  const h5_fixture compact = {.rows = 9, .channels = 7, .compact = 1};
  h5_fixture_write(path, &compact);
  check_damage(path);
}

static void test_described__of_another_version_is_refused(void **state) {
  const char *path = scratch_at(state, "data.h5");
  const flr_dataset_options options = {.source = path, .valid_fraction = 0, .seed = 1};
  write_simple(path);
  description told = describe(&options);
  told.bytes[FORM_AT]++;
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_INTERNAL, "another version");
  told.bytes[FORM_AT]--;
  told.bytes[HEAD + 3] ^= 1;
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_INTERNAL, "changed on the way");
  told.bytes[0] ^= 1;
  CHECK_FAILS(reopen_once(&options, &told), FLR_ERROR_INTERNAL, "it is none");
  flr_free(told.bytes);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_described__rows_of_every_layout, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_described__chunks_of_every_kind, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_described__several_files_with_names_of_classes, scratch_make, scratch_remove),
      cmocka_unit_test(test_described__embedded_digits),
      cmocka_unit_test(test_described__not_where_there_is_no_file),
      cmocka_unit_test_setup_teardown(test_described__another_file_is_refused, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_described__damaged_bytes_are_refused_or_read, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_described__of_another_version_is_refused, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
