/* cmocka with what every test here needs. Include it first. */
#ifndef FLR_TESTS_HARNESS_H
#define FLR_TESTS_HARNESS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/status.h"

/* Fails printing status and message when the call fails. */
#define CHECK_OK(call)                                                                                   \
  do {                                                                                                   \
    const flr_status check_ok_ = (call);                                                                 \
    if (check_ok_ != FLR_OK) fail_msg("%s: status %d: %s", #call, (int)check_ok_, flr_status_message()); \
  } while (0)

/* The call must fail with this status and a message containing `part`. */
#define CHECK_FAILS(call, status, part)                                                                        \
  do {                                                                                                         \
    flr_status_set_message(NULL);                                                                              \
    const flr_status check_fails_ = (call);                                                                    \
    if (check_fails_ != (status))                                                                              \
      fail_msg("%s: status %d, wanted %d: %s", #call, (int)check_fails_, (int)(status), flr_status_message()); \
    if (!strstr(flr_status_message(), (part)))                                                                 \
      fail_msg("%s: message \"%s\" lacks \"%s\"", #call, flr_status_message(), (part));                        \
  } while (0)

/* |a - b| <= tolerance * max(|b|, floor), printing both. NaN never passes. */
#define CHECK_NEAR(a, b, tolerance, floor)                                               \
  do {                                                                                   \
    const double near_a_ = (a), near_b_ = (b);                                           \
    const double near_limit_ = (tolerance)*fmax(fabs(near_b_), (floor));                 \
    if (!(fabs(near_a_ - near_b_) <= near_limit_))                                       \
      fail_msg("%s = %.17g, wanted %.17g within %g", #a, near_a_, near_b_, near_limit_); \
  } while (0)

/* An integer from `low` to `high`. */
#define CHECK_RANGE(value, low, high)                                                                  \
  do {                                                                                                 \
    const long long range_ = (long long)(value);                                                       \
    if (range_ < (long long)(low) || range_ > (long long)(high))                                       \
      fail_msg("%s = %lld, wanted %lld to %lld", #value, range_, (long long)(low), (long long)(high)); \
  } while (0)

/* Ends the test program as skipped (ctest's code 77) with the reason. */
#define SKIP_ALL(...)    \
  do {                   \
    printf("skipped: "); \
    printf(__VA_ARGS__); \
    printf("\n");        \
    exit(77);            \
  } while (0)

#endif
