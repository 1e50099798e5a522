/* The memory plan: no two pieces alive at once overlap, whatever their sizes and lives. */
#include "nn/memory_plan.h"

#include "core/memory.h"
#include "core/rng.h"
#include "harness/harness.h"

enum { ITEMS = 200 };

static void check_disjoint(const flr_memory_item *items, int count, size_t peak) {
  for (int i = 0; i < count; i++) {
    assert_int_equal(items[i].offset % FLR_ALIGNMENT, 0);
    assert_true(items[i].offset + items[i].bytes <= peak);
    for (int j = 0; j < i; j++) {
      const int together = items[i].first <= items[j].last && items[j].first <= items[i].last;
      const int apart =
          items[i].offset + items[i].bytes <= items[j].offset || items[j].offset + items[j].bytes <= items[i].offset;
      if (together && !apart) fail_msg("items %d and %d overlap", i, j);
    }
  }
}

static void test_memory_plan__pieces_alive_together_are_apart(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 30; seed++) {
    flr_memory_item items[ITEMS];
    size_t peak;
    for (int i = 0; i < ITEMS; i++) {
      const double a = (double)flr_rng_uniform(seed, (uint64_t)(3 * i)),
                   b = (double)flr_rng_uniform(seed, (uint64_t)(3 * i + 1));
      const int first = (int)(a * 300);
      items[i] = (flr_memory_item){.bytes = 1 + (size_t)(b * 100000),
                                   .first = first,
                                   .last = first + (int)(40 * (double)flr_rng_uniform(seed, (uint64_t)(3 * i + 2)))};
    }
    CHECK_OK(flr_memory_plan(items, ITEMS, &peak));
    check_disjoint(items, ITEMS, peak);
  }
}

static void test_memory_plan__reuses_what_is_free(void **state) {
  (void)state;
  flr_memory_item items[] = {
      {.bytes = 1000, .first = 0, .last = 1}, {.bytes = 1000, .first = 2, .last = 3}, {.bytes = 0, .first = 0, .last = 3}};
  size_t peak;
  CHECK_OK(flr_memory_plan(items, 3, &peak));
  assert_int_equal(peak, 1024);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_memory_plan__pieces_alive_together_are_apart),
      cmocka_unit_test(test_memory_plan__reuses_what_is_free),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
