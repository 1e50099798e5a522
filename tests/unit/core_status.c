/* Status values, texts, and the message of each thread. */
#include <pthread.h>

#include "harness/harness.h"

static void test_status__values_are_the_exit_codes(void **state) {
  (void)state;
  static const int codes[] = {0, 3, 64, 65, 66, 69, 70, 74, 75, 76};
  static const flr_status statuses[] = {FLR_OK,
                                        FLR_ERROR_DIVERGED,
                                        FLR_ERROR_USAGE,
                                        FLR_ERROR_DATA,
                                        FLR_ERROR_NO_INPUT,
                                        FLR_ERROR_UNAVAILABLE,
                                        FLR_ERROR_INTERNAL,
                                        FLR_ERROR_IO,
                                        FLR_STOPPED,
                                        FLR_ERROR_PEER};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) assert_int_equal((int)statuses[i], codes[i]);
}

static void test_status__every_status_has_its_own_text(void **state) {
  (void)state;
  static const flr_status all[] = {
#define VALUE(name, value, text) name,
      FLR_STATUS_LIST(VALUE)
#undef VALUE
  };
  const int count = sizeof all / sizeof *all;
  for (int i = 0; i < count; i++)
    for (int j = 0; j < i; j++) assert_string_not_equal(flr_status_text(all[i]), flr_status_text(all[j]));
  assert_string_equal(flr_status_text((flr_status)1), "unknown status");
}

static void test_status__a_failure_formats_its_message(void **state) {
  (void)state;
  assert_int_equal(flr_fail(FLR_ERROR_USAGE, "batch %d is smaller than the %d ranks", 250, 256), FLR_ERROR_USAGE);
  assert_string_equal(flr_status_message(), "batch 250 is smaller than the 256 ranks");
}

static void test_status__the_old_message_may_be_part_of_the_new(void **state) {
  (void)state;
  flr_status_set_message("no such file");
  (void)flr_fail(FLR_ERROR_DATA, "reading weights: %s", flr_status_message());
  assert_string_equal(flr_status_message(), "reading weights: no such file");
  flr_status_set_message(NULL);
  assert_string_equal(flr_status_message(), "");
}

static void test_status__a_long_message_is_cut(void **state) {
  (void)state;
  char text[5000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  (void)flr_fail(FLR_ERROR_IO, "%s", text);
  const size_t length = strlen(flr_status_message());
  assert_true(length > 500 && length < sizeof text - 1);
}

static void *fail_elsewhere(void *argument) {
  (void)flr_fail(FLR_ERROR_IO, "of the other thread");
  return strcmp(flr_status_message(), "of the other thread") == 0 ? argument : NULL;
}

static void test_status__each_thread_has_its_message(void **state) {
  (void)state;
  pthread_t thread;
  void *answer;
  int token;
  flr_status_set_message("of this thread");
  assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &token), 0);
  assert_int_equal(pthread_join(thread, &answer), 0);
  assert_ptr_equal(answer, &token);
  assert_string_equal(flr_status_message(), "of this thread");
}

static flr_status tries(flr_status first, int *went_on) {
  FLR_TRY(first);
  *went_on = 1;
  return FLR_OK;
}

static flr_status tries_goto(flr_status first, int *cleaned) {
  flr_status status;
  FLR_TRY_GOTO(status, first, fail);
  return FLR_OK;
fail:
  *cleaned = 1;
  return status;
}

static void test_status__try_returns_the_first_failure(void **state) {
  (void)state;
  int went_on = 0, cleaned = 0;
  assert_int_equal(tries(FLR_ERROR_DATA, &went_on), FLR_ERROR_DATA);
  assert_int_equal(went_on, 0);
  assert_int_equal(tries(FLR_OK, &went_on), FLR_OK);
  assert_int_equal(went_on, 1);
  assert_int_equal(tries_goto(FLR_OK, &cleaned), FLR_OK);
  assert_int_equal(cleaned, 0);
  assert_int_equal(tries_goto(FLR_ERROR_PEER, &cleaned), FLR_ERROR_PEER);
  assert_int_equal(cleaned, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_status__values_are_the_exit_codes),
                                     cmocka_unit_test(test_status__every_status_has_its_own_text),
                                     cmocka_unit_test(test_status__a_failure_formats_its_message),
                                     cmocka_unit_test(test_status__the_old_message_may_be_part_of_the_new),
                                     cmocka_unit_test(test_status__a_long_message_is_cut),
                                     cmocka_unit_test(test_status__each_thread_has_its_message),
                                     cmocka_unit_test(test_status__try_returns_the_first_failure)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
