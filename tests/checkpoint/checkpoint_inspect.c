/* What inspecting finds: everything that is whole, and by name what is not. */
#include "harness/harness.h"

#include <hdf5.h>
#include <math.h>

#include "checkpoint/checkpoint_fixture.h"
#include "checkpoint/h5.h"
#include "checkpoint/inspect.h"
#include "checkpoint/seal.h"
#include "core/hash.h"
#include "harness/scratch_dir.h"

enum { PATH_ROOM = SCRATCH_PATH + 64, ROWS = 3000, WIDE = 2000 };

static void write_checkpoint(char path[PATH_ROOM], void **state, int sweeps) {
  flr_graph *graph = fixture_graph("cnn");
  flr_checkpoint c = fixture_make(graph, sweeps);
  CHECK_OK(flr_checkpoint_write(scratch_path(path, state, "checkpoint.h5"), &c));
  flr_checkpoint_clear(&c);
  flr_graph_destroy(graph);
}

static const flr_inspect_set *find(const flr_inspect *file, const char *name) {
  for (int64_t i = 0; i < file->count; i++)
    if (strcmp(file->sets[i].name, name) == 0) return &file->sets[i];
  fail_msg("%s is not listed", name);
  return NULL;
}

static void expect_damage(const char *path, const char *item, const char *reason) {
  flr_inspect file;
  CHECK_OK(flr_inspect_file(&file, path, NULL));
  if (file.whole || strcmp(file.item, item) != 0 || !strstr(file.reason, reason) || !strstr(file.reason, path))
    fail_msg("whole %d, item '%s', reason '%s'; wanted '%s' and '%s'", file.whole, file.item, file.reason, item, reason);
  flr_inspect_clear(&file);
}

static void expect_whole(const char *path, int checked) {
  flr_inspect file;
  CHECK_OK(flr_inspect_file(&file, path, NULL));
  if (!file.whole) fail_msg("%s", file.reason);
  for (int64_t i = 0; i < file.count; i++)
    if (file.sets[i].damaged || file.sets[i].checked != checked) fail_msg("%s: checked %d", file.sets[i].name, !checked);
  flr_inspect_clear(&file);
}

static void test_whole__says_what_it_holds(void **state) {
  char path[PATH_ROOM];
  for (int sweeps = 0; sweeps < 2; sweeps++) {
    flr_inspect file;
    write_checkpoint(path, state, sweeps);
    expect_whole(path, 1);
    CHECK_OK(flr_inspect_file(&file, path, NULL));
    assert_int_equal(file.has_facts, 1);
    assert_int_equal(file.facts.progress.phase, sweeps ? FLR_CHECKPOINT_SWEEP : FLR_CHECKPOINT_TRAIN);
    assert_int_equal(file.facts.progress.step, 120);
    assert_int_equal(file.facts.progress.shards, FIXTURE_SHARDS);
    assert_int_equal(file.facts.groups, 2);
    assert_string_equal(file.facts.dataset, "source = digits\nclasses = 3\n");
    assert_string_equal(file.facts.slot_names[1], "exp_avg_sq");
    assert_string_equal(file.model, "cnn");
    assert_string_equal(file.state, "full");
    flr_inspect_clear(&file);
  }
}

/* The values of one data set, changed where they lie in the file. */
static void damage_values(const char *path, const char *name) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, name, H5P_DEFAULT);
  const haddr_t offset = H5Dget_offset(set);
  assert_true(offset != HADDR_UNDEF);
  H5Dclose(set);
  H5Fclose(file);
  FILE *bytes = fopen(path, "r+b");
  assert_non_null(bytes);
  assert_int_equal(fseek(bytes, (long)offset + 1, SEEK_SET), 0);
  const int old = fgetc(bytes);
  assert_int_equal(fseek(bytes, (long)offset + 1, SEEK_SET), 0);
  assert_true(fputc(old ^ 4, bytes) != EOF);
  assert_int_equal(fclose(bytes), 0);
}

static void test_damage__is_named(void **state) {
  static const char *const names[] = {"/params/conv1.weight", "/config",       "/optimizer/exp_avg_sq/fc.bias", "/schedule/lr",
                                      "/sweep/state/norms",   "/sweep/samples"};
  char path[PATH_ROOM];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    write_checkpoint(path, state, 1);
    damage_values(path, names[i]);
    expect_damage(path, names[i], "are not those that were written");
  }
}

static void test_damage__does_not_hide_the_rest(void **state) {
  char path[PATH_ROOM];
  flr_inspect file;
  write_checkpoint(path, state, 0);
  damage_values(path, "/params/fc.weight");
  damage_values(path, "/buffers/bn1.running_mean");
  CHECK_OK(flr_inspect_file(&file, path, NULL));
  assert_int_equal(file.whole, 0);
  assert_int_equal(file.has_facts, 1);
  int64_t damaged = 0;
  for (int64_t i = 0; i < file.count; i++) damaged += file.sets[i].damaged;
  assert_int_equal(damaged, 2);
  assert_true(find(&file, "/params/fc.weight")->damaged && find(&file, "/buffers/bn1.running_mean")->damaged);
  flr_inspect_clear(&file);
}

static void change_number(const char *path, const char *group, const char *name, int64_t value) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), id = H5Gopen2(file, group, H5P_DEFAULT),
              attribute = H5Aopen(id, name, H5P_DEFAULT);
  assert_true(H5Awrite(attribute, H5T_NATIVE_INT64, &value) >= 0);
  H5Aclose(attribute);
  H5Gclose(id);
  H5Fclose(file);
}

static void test_structure__counts_too(void **state) {
  char path[PATH_ROOM];
  write_checkpoint(path, state, 0);
  change_number(path, "/progress", "step", 121);
  expect_damage(path, "/", "names, shapes or attributes are not those that were written");
  write_checkpoint(path, state, 0);
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(H5Adelete(file, "digest") >= 0);
  H5Fclose(file);
  expect_damage(path, "/", "it was not written to its end");
  write_checkpoint(path, state, 0);
  file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(H5Ldelete(file, "/params/fc.bias", H5P_DEFAULT) >= 0);
  H5Fclose(file);
  expect_damage(path, "/", "names, shapes or attributes");
}

static void test_file__that_does_not_open(void **state) {
  char path[PATH_ROOM];
  write_checkpoint(path, state, 0);
  assert_int_equal(truncate(path, 3000), 0);
  expect_damage(path, "", "damaged or cut off (3000 bytes)");
  flr_inspect file;
  CHECK_FAILS(flr_inspect_file(&file, scratch_path(path, state, "none.h5"), NULL), FLR_ERROR_NO_INPUT, "none.h5");
  flr_inspect_clear(&file);
}

/* A data set that says it has 2^40 numbers, in chunks of which none was written, with a digest that fits. */
static void claim_numbers(const char *path, const char *name) {
  const hsize_t dims = (hsize_t)1 << 40, chunk = 1 << 16;
  const uint64_t checksum = 1;
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), list = H5Pcreate(H5P_DATASET_CREATE),
              space = H5Screate_simple(1, &dims, NULL);
  assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0 && H5Pset_chunk(list, 1, &chunk) >= 0);
  const hid_t set = H5Dcreate2(file, name, H5T_NATIVE_FLOAT, space, H5P_DEFAULT, list, H5P_DEFAULT);
  CHECK_OK(flr_h5_write_attribute(set, "checksum", H5T_NATIVE_UINT64, &checksum));
  assert_true(H5Adelete(file, "digest") >= 0);
  CHECK_OK(flr_h5_seal(file));
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
}

static void test_claims__are_not_believed(void **state) {
  char path[PATH_ROOM];
  flr_checkpoint c;
  write_checkpoint(path, state, 0);
  claim_numbers(path, "/params/fc.bias");
  expect_damage(path, "/params/fc.bias", "was never written whole");
  CHECK_FAILS(flr_checkpoint_open(&c, path), FLR_ERROR_DATA, "params/fc.bias was never written whole");
  flr_checkpoint_clear(&c);
}

static void test_other_versions__are_whole(void **state) {
  (void)state;
  expect_whole(FLR_SOURCE_DIR "/tests/checkpoint/fixtures/rewritten.h5", 1);
  expect_whole(FLR_SOURCE_DIR "/tests/checkpoint/fixtures/version-1.h5", 0);
}

/* A data set of chunks of 64 rows with HDF5's own checksums; its images are more than one piece. */
static void write_dataset(char path[PATH_ROOM], void **state) {
  static unsigned char images[ROWS][WIDE];
  const hsize_t dims[] = {ROWS, WIDE}, chunk[] = {64, WIDE};
  for (int64_t i = 0; i < ROWS * WIDE; i++) images[i / WIDE][i % WIDE] = (unsigned char)(i * 7 % 251);
  const hid_t file = H5Fcreate(scratch_path(path, state, "data.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, dims, NULL);
  assert_true(H5Pset_chunk(list, 2, chunk) >= 0 && H5Pset_fletcher32(list) >= 0);
  const hid_t set = H5Dcreate2(file, "images", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  assert_true(H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, images) >= 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(list);
  H5Fclose(file);
}

static void damage_chunk(const char *path, hsize_t index) {
  hsize_t where[2], size;
  unsigned mask;
  haddr_t address;
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "images", H5P_DEFAULT),
              space = H5Dget_space(set);
  assert_true(H5Dget_chunk_info(set, space, index, where, &mask, &address, &size) >= 0);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  FILE *bytes = fopen(path, "r+b");
  assert_int_equal(fseek(bytes, (long)address + 5, SEEK_SET), 0);
  assert_true(fputc(255, bytes) != EOF); /* (the images end at 250) */
  assert_int_equal(fclose(bytes), 0);
}

typedef struct told {
  int64_t calls, done, total;
} told;

static void count_calls(void *context, int64_t done, int64_t total) {
  told *t = context;
  assert_true(done >= t->done && done <= total);
  *t = (told){.calls = t->calls + 1, .done = done, .total = total};
}

static void test_dataset__with_checksums_of_hdf5(void **state) {
  char path[PATH_ROOM];
  flr_inspect file;
  told progress = {0};
  write_dataset(path, state);
  expect_whole(path, 1);
  CHECK_OK(flr_inspect_file(&file, path, &(flr_inspect_progress){.show = count_calls, .context = &progress}));
  flr_inspect_clear(&file);
  assert_int_equal(progress.total, ROWS * WIDE);
  assert_int_equal(progress.done, ROWS * WIDE);
  damage_chunk(path, 40);
  expect_damage(path, "/images", "/images cannot be read to its end");
}

static void test_dataset__without_a_value(void **state) {
  char path[PATH_ROOM];
  flr_inspect file;
  const hid_t id = H5Fcreate(scratch_path(path, state, "empty.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t none = H5Screate(H5S_NULL),
              set = H5Dcreate2(id, "nothing", H5T_IEEE_F32LE, none, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(set >= 0);
  H5Dclose(set);
  H5Sclose(none);
  H5Fclose(id);
  expect_whole(path, 0);
  CHECK_OK(flr_inspect_file(&file, path, NULL));
  assert_int_equal(find(&file, "/nothing")->bytes, 0);
  flr_inspect_clear(&file);
}

static void test_hash__of_pieces(void **state) {
  (void)state;
  unsigned char data[97];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(31 * i);
  for (size_t n = 0; n <= sizeof data; n++)
    for (size_t step = 1; step < 20; step++) {
      flr_hasher h = flr_hasher_begin(FLR_HASH_START, n);
      for (size_t at = 0; at < n; at += step) flr_hasher_add(&h, data + at, n - at < step ? n - at : step);
      assert_true(flr_hasher_end(&h) == flr_hash(FLR_HASH_START, data, n));
    }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_whole__says_what_it_holds),      cmocka_unit_test(test_damage__is_named),
      cmocka_unit_test(test_damage__does_not_hide_the_rest), cmocka_unit_test(test_structure__counts_too),
      cmocka_unit_test(test_file__that_does_not_open),       cmocka_unit_test(test_claims__are_not_believed),
      cmocka_unit_test(test_other_versions__are_whole),      cmocka_unit_test(test_dataset__with_checksums_of_hdf5),
      cmocka_unit_test(test_dataset__without_a_value),       cmocka_unit_test(test_hash__of_pieces),
  };
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
