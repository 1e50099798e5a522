/* The clock goes forward, in seconds, in small steps. */
#include <time.h>

#include "core/clock.h"
#include "harness/harness.h"

static void test_clock__never_goes_back_and_moves_by_microseconds(void **state) {
  (void)state;
  double last = flr_clock_seconds(), smallest = 1;
  for (int i = 0; i < 100000; i++) {
    const double now = flr_clock_seconds();
    assert_true(now >= last);
    if (now > last && now - last < smallest) smallest = now - last;
    last = now;
  }
  if (smallest > 1e-6) fail_msg("the smallest step is %g s", smallest);
}

static void test_clock__counts_seconds(void **state) {
  (void)state;
  const struct timespec pause = {.tv_nsec = 50000000};
  const double began = flr_clock_seconds();
  nanosleep(&pause, NULL);
  const double passed = flr_clock_seconds() - began;
  if (!(passed >= 0.05 && passed < 20)) fail_msg("50 ms took %g s", passed); /* a busy machine may be late, never early */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_clock__never_goes_back_and_moves_by_microseconds),
                                     cmocka_unit_test(test_clock__counts_seconds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
