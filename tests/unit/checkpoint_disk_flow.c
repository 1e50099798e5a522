/* Writing past the page cache: whatever comes, in whatever pieces, the file holds it; failures are told. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "checkpoint/disk_flow.h"
#include "core/memory.h"
#include "core/rng.h"
#include "harness/harness.h"
#include "harness/scratch_dir.h"

enum { FILE_BYTES = 24 << 20, WRITES = 300 };

typedef struct job {
  char path[SCRATCH_PATH + 64];
  int fd;
  flr_disk_flow *flow;
  unsigned char *wanted; /* [FILE_BYTES] */
} job;

static void begin(job *j, void **state) {
  j->fd = open(scratch_path(j->path, state, "flow"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  assert_true(j->fd >= 0);
  j->flow = flr_disk_flow_open(j->path, j->fd);
  if (!j->flow) {
    (void)close(j->fd);
    print_message("skipped: %s is on a file system without writes past the page cache\n", j->path);
    skip();
  }
  CHECK_OK(flr_alloc(&j->wanted, FILE_BYTES, 1));
}

static void end(job *j) {
  flr_disk_flow_close(j->flow);
  (void)close(j->fd);
  flr_free(j->wanted);
}

static void fill(unsigned char *bytes, size_t count, uint64_t *state) {
  for (size_t i = 0; i < count; i++) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = (unsigned char)(*state >> 56);
  }
}

static void check_file(const job *j) {
  unsigned char *found;
  CHECK_OK(flr_alloc(&found, FILE_BYTES, 1));
  assert_int_equal(pread(j->fd, found, FILE_BYTES, 0), FILE_BYTES);
  for (size_t i = 0; i < FILE_BYTES; i++)
    if (found[i] != j->wanted[i]) fail_msg("byte %zu is %d, wanted %d", i, found[i], j->wanted[i]);
  flr_free(found);
}

/* Sizes from a byte to 8 MiB anywhere, over one another; the last one to come wins. */
static void test_disk_flow__any_writes(void **state) {
  job j;
  uint64_t random = 5;
  begin(&j, state);
  flr_disk_flow_write(j.flow, 0, j.wanted, FILE_BYTES);
  for (uint64_t i = 0; i < WRITES; i++) {
    const uint64_t key = flr_rng_key(3, FLR_STREAM_SHUFFLE, i);
    const size_t bytes = 1 + (size_t)((key >> 32) % (1u << (key % 24))), at = (size_t)((key >> 8) % (FILE_BYTES - bytes));
    fill(j.wanted + at, bytes, &random);
    flr_disk_flow_write(j.flow, (int64_t)at, j.wanted + at, bytes);
  }
  assert_int_equal(flr_disk_flow_drain(j.flow), 0);
  assert_int_equal(flr_disk_flow_failure(j.flow), 0);
  check_file(&j);
  end(&j);
}

/* One after another as data sets lie in a file: large values, and between them what describes them. */
static void test_disk_flow__values_and_descriptions(void **state) {
  job j;
  uint64_t random = 9;
  begin(&j, state);
  fill(j.wanted, FILE_BYTES, &random);
  for (size_t at = 0, i = 0; at < FILE_BYTES; i++) {
    const size_t wanted = i % 2 ? 1300001 : 100 + i * 700, bytes = wanted < FILE_BYTES - at ? wanted : FILE_BYTES - at;
    flr_disk_flow_write(j.flow, (int64_t)at, j.wanted + at, bytes);
    at += bytes;
  }
  assert_int_equal(flr_disk_flow_drain(j.flow), 0);
  check_file(&j);
  end(&j);
}

/* A file may not grow beyond 4 MiB (and 5 bytes): the first failure stays, and nothing is written after it. */
static void test_disk_flow__failure(void **state) {
  enum { LIMIT = (4 << 20) + 5 };
  struct rlimit before;
  job j;
  begin(&j, state);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit limit = {.rlim_cur = LIMIT, .rlim_max = before.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  flr_disk_flow_write(j.flow, 0, j.wanted, FILE_BYTES);
  assert_int_equal(flr_disk_flow_drain(j.flow), EFBIG);
  assert_int_equal(flr_disk_flow_failure(j.flow), EFBIG);
  flr_disk_flow_write(j.flow, 0, "after", 5);
  assert_int_equal(flr_disk_flow_drain(j.flow), EFBIG);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)signal(SIGXFSZ, handler);
  char first;
  assert_int_equal(pread(j.fd, &first, 1, 0), 1);
  assert_int_equal(first, 0);
  assert_true(lseek(j.fd, 0, SEEK_END) <= LIMIT);
  end(&j);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_disk_flow__any_writes, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_disk_flow__values_and_descriptions, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_disk_flow__failure, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
