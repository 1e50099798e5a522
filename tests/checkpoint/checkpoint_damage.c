/* A flipped bit is found or harmless, wherever it is; a file that is cut off never loads. usage: checkpoint_damage [FLIPS] */
#include "harness/harness.h"

#include <math.h>
#include <stdlib.h>

#include "checkpoint/checkpoint_fixture.h"
#include "core/rng.h"
#include "harness/scratch_dir.h"

enum { PATH_ROOM = SCRATCH_PATH + 64, CUTS = 200 };

static int64_t flips = 1000;

typedef struct subject {
  flr_graph *graph;
  flr_checkpoint truth;
  char *bytes;
  size_t count;
  char path[PATH_ROOM]; /* of the damaged copies */
} subject;

/* (scratch_read stops at some MiB) */
static char *read_file(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *count = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*count);
  assert_int_equal(fread(bytes, 1, *count, file), *count);
  (void)fclose(file);
  return bytes;
}

static subject subject_make(void **state, int sweeps) {
  subject s = {.graph = fixture_graph("cnn")};
  char path[PATH_ROOM];
  s.truth = fixture_make(s.graph, sweeps);
  CHECK_OK(flr_checkpoint_write(scratch_path(path, state, "whole.h5"), &s.truth));
  s.bytes = read_file(path, &s.count);
  scratch_path(s.path, state, "damaged.h5");
  return s;
}

static void subject_free(subject *s, void **state) {
  free(s->bytes);
  flr_checkpoint_clear(&s->truth);
  flr_graph_destroy(s->graph);
  (void)scratch_files(state, 1);
}

static void put(const subject *s, size_t count) {
  FILE *file = fopen(s->path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(s->bytes, 1, count, file), count);
  assert_int_equal(fclose(file), 0);
}

/* 1: it loads, and then all of it is what was written; 0: it is refused, by name. */
static int loads(const subject *s, size_t where) {
  flr_checkpoint out;
  flr_status status = flr_checkpoint_open(&out, s->path);
  if (status == FLR_OK) status = flr_checkpoint_load(&out, s->path, flr_graph_params(s->graph));
  if (status == FLR_OK && !fixture_same(&s->truth, &out)) fail_msg("damage at byte %zu was loaded", where);
  if (status != FLR_OK && !strstr(flr_status_message(), "damaged.h5"))
    fail_msg("damage at byte %zu: the message does not name the file: %s", where, flr_status_message());
  flr_checkpoint_clear(&out);
  return status == FLR_OK;
}

static void flip_everywhere(void **state, int sweeps) {
  subject s = subject_make(state, sweeps);
  int64_t harmless = 0;
  for (int64_t i = 0; i < flips; i++) {
    uint32_t random[4];
    flr_philox(random, (uint64_t)sweeps, (uint64_t)i);
    const size_t bit = random[0] % (8 * s.count);
    s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ (1 << (bit % 8)));
    put(&s, s.count);
    harmless += loads(&s, bit / 8);
    s.bytes[bit / 8] = (char)(s.bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  printf("%lld flips in %zu bytes: %lld found, %lld harmless\n", (long long)flips, s.count, (long long)(flips - harmless),
         (long long)harmless);
  assert_true(harmless < flips);
  put(&s, s.count);
  assert_int_equal(loads(&s, 0), 1); /* the test itself: what is whole loads */
  subject_free(&s, state);
}

static void test_flips__of_training(void **state) { flip_everywhere(state, 0); }
static void test_flips__of_a_sweep(void **state) { flip_everywhere(state, 1); }

/* One bit in each of the structures in which HDF5 keeps what a large group holds. */
static void test_flips__of_links(void **state) {
  static const char *const marks[] = {"FRHP", "FHDB", "FHIB", "BTHD", "BTLF", "OHDR", "OCHK"};
  subject s = subject_make(state, 0);
  int found = 0;
  for (size_t at = 0; at + 64 < s.count; at++)
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
      if (memcmp(s.bytes + at, marks[i], 4) != 0) continue;
      s.bytes[at + 16] = (char)(s.bytes[at + 16] ^ 1);
      put(&s, s.count);
      if (loads(&s, at)) fail_msg("a flipped bit of %s at byte %zu was loaded", marks[i], at);
      s.bytes[at + 16] = (char)(s.bytes[at + 16] ^ 1);
      found++;
    }
  assert_true(found > 10);
  subject_free(&s, state);
}

static void test_cuts__never_load(void **state) {
  subject s = subject_make(state, 0);
  for (size_t i = 0; i < CUTS; i++) {
    const size_t length = i * s.count / CUTS;
    put(&s, length);
    if (loads(&s, length)) fail_msg("%zu of %zu bytes were loaded", length, s.count);
  }
  put(&s, s.count - 1);
  assert_int_equal(loads(&s, s.count - 1), 0);
  subject_free(&s, state);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_flips__of_training),
      cmocka_unit_test(test_flips__of_a_sweep),
      cmocka_unit_test(test_flips__of_links),
      cmocka_unit_test(test_cuts__never_load),
  };
  if (argc > 1) flips = strtoll(argv[1], NULL, 10);
  return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
