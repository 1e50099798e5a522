/* The log: what is written, when, and that threads do not mix their lines. */
#include <pthread.h>

#include "core/log.h"
#include "harness/harness.h"

/* A log into memory: what it wrote is in text. */
typedef struct memory_log {
  flr_log *log;
  FILE *stream;
  char *text;
  size_t bytes;
} memory_log;

static void open_log(memory_log *m, flr_log_level level, int terminal) {
  m->stream = open_memstream(&m->text, &m->bytes);
  assert_non_null(m->stream);
  CHECK_OK(flr_log_create(&m->log, m->stream, level, terminal));
}

static void close_log(memory_log *m) {
  flr_log_destroy(m->log);
  assert_int_equal(fclose(m->stream), 0);
}

static void test_log__levels_decide_and_prefixes_tell(void **state) {
  (void)state;
  memory_log m;
  open_log(&m, FLR_LOG_INFO, 0);
  flr_log_write(m.log, FLR_LOG_ERROR, "rank %d is silent", 3);
  flr_log_write(m.log, FLR_LOG_WARNING, "no %s", "gnuplot");
  flr_log_write(m.log, FLR_LOG_INFO, "epoch 1");
  flr_log_write(m.log, FLR_LOG_VERBOSE, "not shown");
  assert_true(flr_log_enabled(m.log, FLR_LOG_INFO));
  assert_false(flr_log_enabled(m.log, FLR_LOG_VERBOSE));
  close_log(&m);
  assert_string_equal(m.text, "fastlr_dist: rank 3 is silent\nfastlr_dist: warning: no gnuplot\nepoch 1\n");
  free(m.text);
}

static void test_log__no_log_and_no_stream_are_silent(void **state) {
  (void)state;
  flr_log_write(NULL, FLR_LOG_ERROR, "nowhere");
  flr_log_block(NULL, FLR_LOG_ERROR, "nowhere");
  flr_log_status(NULL, "nowhere");
  flr_log_destroy(NULL);
  assert_false(flr_log_enabled(NULL, FLR_LOG_ERROR));
  assert_false(flr_log_is_terminal(NULL));
  flr_log *log;
  CHECK_OK(flr_log_create(&log, NULL, FLR_LOG_VERBOSE, 1));
  flr_log_write(log, FLR_LOG_ERROR, "nowhere");
  flr_log_status(log, "nowhere");
  assert_false(flr_log_enabled(log, FLR_LOG_ERROR));
  assert_false(flr_log_is_terminal(log));
  flr_log_destroy(log);
}

static void test_log__the_live_line_stays_below_on_a_terminal(void **state) {
  (void)state;
  memory_log m;
  open_log(&m, FLR_LOG_INFO, 1);
  flr_log_status(m.log, "50%");
  flr_log_write(m.log, FLR_LOG_INFO, "epoch 1");
  flr_log_block(m.log, FLR_LOG_INFO, "a\nb\n");
  flr_log_status(m.log, "");
  flr_log_write(m.log, FLR_LOG_INFO, "done");
  close_log(&m);
  assert_string_equal(m.text, "50%\r\033[Kepoch 1\n50%\r\033[Ka\nb\n50%\r\033[Kdone\n");
  free(m.text);
}

static void test_log__no_live_line_elsewhere_or_when_quiet(void **state) {
  (void)state;
  memory_log m;
  open_log(&m, FLR_LOG_INFO, 0);
  flr_log_status(m.log, "50%");
  close_log(&m);
  assert_string_equal(m.text, "");
  free(m.text);
  open_log(&m, FLR_LOG_WARNING, 1);
  flr_log_status(m.log, "50%");
  close_log(&m);
  assert_string_equal(m.text, "");
  free(m.text);
}

static void test_log__destroying_removes_the_live_line(void **state) {
  (void)state;
  memory_log m;
  open_log(&m, FLR_LOG_INFO, 1);
  flr_log_status(m.log, "99%");
  close_log(&m);
  assert_string_equal(m.text, "99%\r\033[K");
  free(m.text);
}

static void test_log__what_is_shown_stays_between_the_lines_and_the_live_line(void **state) {
  (void)state;
  memory_log m;
  open_log(&m, FLR_LOG_INFO, 1);
  CHECK_OK(flr_log_show(m.log, "a\nb\n"));
  flr_log_status(m.log, "50%");
  flr_log_write(m.log, FLR_LOG_INFO, "epoch 1");
  CHECK_OK(flr_log_show(m.log, "c\n"));
  flr_log_status(m.log, "60%");
  CHECK_OK(flr_log_show(m.log, ""));
  close_log(&m);
  assert_string_equal(m.text,
                      "a\nb\n50%"
                      "\r\033[K\033[2A\033[Jepoch 1\na\nb\n50%"
                      "\r\033[K\033[2A\033[Jc\n50%"
                      "\r\033[K60%"
                      "\r\033[K\033[1A\033[J60%"
                      "\r\033[K");
  free(m.text);
}

static void test_log__shows_nothing_where_it_could_not_be_replaced(void **state) {
  (void)state;
  for (int terminal = 0; terminal < 2; ++terminal) {
    memory_log m;
    open_log(&m, terminal ? FLR_LOG_WARNING : FLR_LOG_INFO, terminal);
    CHECK_OK(flr_log_show(m.log, "a\n"));
    close_log(&m);
    assert_string_equal(m.text, "");
    free(m.text);
  }
  CHECK_OK(flr_log_show(NULL, "a\n"));
}

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *argument) {
  flr_log *log = argument;
  for (int i = 0; i < LINES; i++) flr_log_write(log, FLR_LOG_INFO, "a line that must stay whole, number %d", i);
  return NULL;
}

static void test_log__lines_of_several_threads_stay_whole(void **state) {
  (void)state;
  memory_log m;
  pthread_t threads[THREADS];
  open_log(&m, FLR_LOG_INFO, 0);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_lines, m.log), 0);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  close_log(&m);
  int counts[LINES] = {0}, lines = 0;
  for (char *rest = m.text, *line; (line = strsep(&rest, "\n")) && rest; lines++) {
    static const char start[] = "a line that must stay whole, number ";
    assert_memory_equal(line, start, sizeof start - 1);
    char *end;
    const long number = strtol(line + sizeof start - 1, &end, 10);
    assert_true(*end == '\0' && number >= 0 && number < LINES);
    counts[number]++;
  }
  assert_int_equal(lines, THREADS * LINES);
  for (int i = 0; i < LINES; i++) assert_int_equal(counts[i], THREADS);
  free(m.text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_log__levels_decide_and_prefixes_tell),
                                     cmocka_unit_test(test_log__no_log_and_no_stream_are_silent),
                                     cmocka_unit_test(test_log__the_live_line_stays_below_on_a_terminal),
                                     cmocka_unit_test(test_log__no_live_line_elsewhere_or_when_quiet),
                                     cmocka_unit_test(test_log__destroying_removes_the_live_line),
                                     cmocka_unit_test(test_log__what_is_shown_stays_between_the_lines_and_the_live_line),
                                     cmocka_unit_test(test_log__shows_nothing_where_it_could_not_be_replaced),
                                     cmocka_unit_test(test_log__lines_of_several_threads_stay_whole)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
