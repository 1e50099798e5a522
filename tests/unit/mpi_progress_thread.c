/* The thread that moves sums along: turns while something is under way and only then, never beside who holds the lock, and what
   fails is told. */
#include <time.h>

#include "harness/harness.h"
#include "mpi/progress_thread.h"

typedef struct work {
  int turns;   /* taken; under the lock, as all here */
  int left;    /* until it is idle */
  int fails;   /* 1: the next turn does */
  int at_once; /* 1: somebody else holds the lock */
  int beside;  /* turns taken meanwhile */
} work;

static flr_status turn(void *context, int *idle) {
  work *w = context;
  w->turns++;
  w->beside += w->at_once;
  if (w->fails) return flr_fail(FLR_ERROR_PEER, "the line is cut");
  *idle = --w->left <= 0;
  return FLR_OK;
}

static void rest(int milliseconds) {
  const struct timespec nap = {.tv_nsec = milliseconds * 1000000L};
  (void)nanosleep(&nap, NULL);
}

static int turns_of(flr_progress_thread *t, const work *w) {
  flr_progress_thread_lock(t);
  const int turns = w->turns;
  flr_progress_thread_unlock(t);
  return turns;
}

static void wake(flr_progress_thread *t, work *w, int left) {
  flr_progress_thread_lock(t);
  w->left = left;
  flr_progress_thread_wake(t);
  flr_progress_thread_unlock(t);
}

/* Seconds, for a machine that is busy elsewhere. */
static void wait_for_turns(flr_progress_thread *t, const work *w, int turns) {
  for (int i = 0; i < 5000 && turns_of(t, w) < turns; i++) rest(2);
  assert_int_equal(turns_of(t, w), turns);
}

static void test_progress__takes_turns_until_it_is_idle(void **state) {
  (void)state;
  work w = {0};
  flr_progress_thread *t;
  CHECK_OK(flr_progress_thread_start(&t, turn, &w));
  rest(20);
  assert_int_equal(turns_of(t, &w), 0);
  wake(t, &w, 3);
  wait_for_turns(t, &w, 3);
  rest(20);
  assert_int_equal(turns_of(t, &w), 3);
  wake(t, &w, 2);
  wait_for_turns(t, &w, 5);
  flr_progress_thread_stop(t);
}

static void test_progress__takes_none_beside_who_holds_the_lock(void **state) {
  (void)state;
  work w = {0};
  flr_progress_thread *t;
  CHECK_OK(flr_progress_thread_start(&t, turn, &w));
  wake(t, &w, 1000000);
  for (int i = 0; i < 20; i++) {
    flr_progress_thread_lock(t);
    w.at_once = 1;
    rest(3);
    w.at_once = 0;
    flr_progress_thread_unlock(t);
    rest(1);
  }
  flr_progress_thread_stop(t); /* with work left: it ends all the same */
  assert_int_equal(w.beside, 0);
}

static void test_progress__tells_what_failed_and_stops_there(void **state) {
  (void)state;
  work w = {.fails = 1};
  flr_progress_thread *t;
  CHECK_OK(flr_progress_thread_start(&t, turn, &w));
  CHECK_OK(flr_progress_thread_failure(t));
  wake(t, &w, 5);
  wait_for_turns(t, &w, 1);
  wake(t, &w, 5);
  rest(20);
  flr_progress_thread_lock(t);
  CHECK_FAILS(flr_progress_thread_failure(t), FLR_ERROR_PEER, "the line is cut");
  flr_progress_thread_unlock(t);
  assert_int_equal(turns_of(t, &w), 1);
  flr_progress_thread_stop(t);
}

static void test_progress__may_be_absent(void **state) {
  (void)state;
  flr_progress_thread_lock(NULL);
  flr_progress_thread_wake(NULL);
  CHECK_OK(flr_progress_thread_failure(NULL));
  flr_progress_thread_unlock(NULL);
  flr_progress_thread_stop(NULL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_progress__takes_turns_until_it_is_idle),
      cmocka_unit_test(test_progress__takes_none_beside_who_holds_the_lock),
      cmocka_unit_test(test_progress__tells_what_failed_and_stops_there),
      cmocka_unit_test(test_progress__may_be_absent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
