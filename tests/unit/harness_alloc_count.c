/* The counter of allocations sees every way to take memory, from every library and thread. */
#include <malloc.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>

#include "core/memory.h"
#include "harness/alloc_count.h"
#include "harness/harness.h"

static void *volatile kept; /* the compiler may not leave an allocation out */

static int64_t since(alloc_count before) { return alloc_count_now().process - before.process; }

static void test_alloc_count__every_function_counts_once(void **state) {
  (void)state;
  alloc_count before = alloc_count_now();
  kept = malloc(10);
  assert_int_equal(since(before), 1);
  kept = realloc(kept, 4000);
  assert_int_equal(since(before), 2);
  free(kept);
  kept = calloc(3, 5);
  assert_int_equal(since(before), 3);
  free(kept);
  kept = aligned_alloc(64, 128);
  assert_int_equal(since(before), 4);
  assert_int_equal((uintptr_t)kept % 64, 0);
  free(kept);
  void *aligned = NULL;
  assert_int_equal(posix_memalign(&aligned, 256, 3), 0);
  assert_int_equal((uintptr_t)aligned % 256, 0);
  assert_int_equal(since(before), 5);
  free(aligned);
  kept = memalign(32, 8);
  assert_int_equal(since(before), 6);
  free(kept);
  assert_int_equal(alloc_count_now().thread - before.thread, 6);
  if (before.own >= 0) assert_int_equal(alloc_count_now().own - before.own, 6);
}

static void test_alloc_count__libraries_count_too(void **state) {
  (void)state;
  float *values;
  alloc_count before = alloc_count_now();
  CHECK_OK(flr_alloc(&values, 100, sizeof(float)));
  assert_int_equal(since(before), 1);
  kept = strdup("by the C library");
  assert_int_equal(since(before), 2);
  free(kept);
  flr_free(values);
}

/* oneDNN packs matrices into memory that it takes for the call. */
static void test_alloc_count__foreign_libraries_are_told_apart(void **state) {
  (void)state;
  enum { N = 256 };
  static float a[N * N], b[N * N], c[N * N];
  if (alloc_count_now().own < 0) skip();
  assert_int_equal(dnnl_sgemm('N', 'N', N, N, N, 1, a, N, b, N, 0, c, N), dnnl_success);
  alloc_count before = alloc_count_now();
  assert_int_equal(dnnl_sgemm('N', 'N', N, N, N, 1, a, N, b, N, 0, c, N), dnnl_success);
  kept = malloc(1);
  free(kept);
  const alloc_count after = alloc_count_now();
  assert_int_equal(after.own - before.own, 1);
  if (after.process - before.process < 2) fail_msg("oneDNN took no memory of its own: this test shows nothing");
}

static void test_alloc_count__nothing_is_nothing(void **state) {
  (void)state;
  char text[64];
  alloc_count before = alloc_count_now();
  (void)snprintf(text, sizeof text, "%d %g", (int)before.thread, 0.1);
  assert_int_equal(since(before), 0);
}

static void *allocate(void *argument) {
  (void)argument;
  for (int i = 0; i < 1000; i++) {
    void *volatile own = malloc(16 + (size_t)i);
    free(own);
  }
  return NULL;
}

static void test_alloc_count__threads_are_told_apart(void **state) {
  (void)state;
  pthread_t threads[2];
  alloc_count before = alloc_count_now();
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, allocate, NULL), 0);
  const int64_t own = alloc_count_now().thread - before.thread; /* starting a thread may take some */
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_true(since(before) >= 2000);
  assert_true(own < 100);
  assert_int_equal(alloc_count_now().thread - before.thread, own);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_alloc_count__every_function_counts_once),
                                     cmocka_unit_test(test_alloc_count__libraries_count_too),
                                     cmocka_unit_test(test_alloc_count__nothing_is_nothing),
                                     cmocka_unit_test(test_alloc_count__foreign_libraries_are_told_apart),
                                     cmocka_unit_test(test_alloc_count__threads_are_told_apart)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
