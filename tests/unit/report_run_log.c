/* The run log's lines are JSON that another parser reads back. */
#include "harness/harness.h"

#include <cjson/cJSON.h>
#include <float.h>

#include "harness/scratch_dir.h"
#include "report/run_log.h"

enum { PATH_ROOM = SCRATCH_PATH + 64 };

static flr_run_log *create(const char *path) {
  flr_run_log *log = NULL;
  CHECK_OK(flr_run_log_create(&log, path));
  return log;
}

static flr_run_log *go_on(const char *path, int64_t keep, double seconds) {
  flr_run_log *log = NULL;
  CHECK_OK(flr_run_log_continue(&log, path, keep, seconds));
  return log;
}

/* The i-th line of the file, parsed; the caller deletes it. */
static cJSON *read_line(const char *path, int i) {
  size_t bytes = 0;
  char *text = scratch_read(path, &bytes), *line = text;
  assert_non_null(text);
  while (i-- > 0) {
    line = strchr(line, '\n');
    assert_non_null(line);
    ++line;
  }
  char *end = strchr(line, '\n');
  assert_non_null(end);
  *end = '\0';
  cJSON *json = cJSON_ParseWithOpts(line, NULL, 1);
  if (!json) fail_msg("not JSON: %s", line);
  free(text);
  return json;
}

static int count_lines(const char *path) {
  size_t bytes = 0;
  char *text = scratch_read(path, &bytes);
  int count = 0;
  for (size_t i = 0; i < bytes; ++i) count += text[i] == '\n';
  free(text);
  return count;
}

static void test_event__all_kinds_of_fields(void **state) {
  char path[PATH_ROOM];
  flr_run_log *log = create(scratch_path(path, state, "kinds.jsonl"));
  const double one[] = {0.1}, three[] = {1e-5, 1e-4, NAN};
  const flr_field fields[] = {{.name = "loss", .kind = FLR_FIELD_NUMBER, .number = 1. / 3},
                              {.name = "bad", .kind = FLR_FIELD_NUMBER, .number = INFINITY},
                              {.name = "step", .kind = FLR_FIELD_INTEGER, .integer = INT64_C(9007199254740991)},
                              {.name = "file", .kind = FLR_FIELD_STRING, .text = "a\"b\\c\nd\x01é/\x80"},
                              {.name = "none", .kind = FLR_FIELD_STRING},
                              {.name = "lr", .kind = FLR_FIELD_NUMBERS, .numbers = one, .integer = 1},
                              {.name = "lrs", .kind = FLR_FIELD_NUMBERS, .numbers = three, .integer = 3},
                              {.name = "raw", .kind = FLR_FIELD_RAW, .text = "{\"lr\": 1}"}};
  CHECK_OK(flr_run_log_event(log, "step", fields, 8));
  cJSON *line = read_line(path, 0); /* read before the log is closed: it was flushed */
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "event")), "step");
  assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(line, "time")) >= 0);
  assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(line, "loss")) == 1. / 3);
  assert_true(cJSON_IsNull(cJSON_GetObjectItem(line, "bad")));
  assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(line, "step")) == 9007199254740991.);
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "file")), "a\"b\\c\nd\x01é/\xef\xbf\xbd");
  assert_true(cJSON_IsNull(cJSON_GetObjectItem(line, "none")));
  assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(line, "lr")) == 0.1);
  const cJSON *lrs = cJSON_GetObjectItem(line, "lrs");
  assert_int_equal(cJSON_GetArraySize(lrs), 3);
  assert_true(cJSON_GetNumberValue(cJSON_GetArrayItem(lrs, 1)) == 1e-4);
  assert_true(cJSON_IsNull(cJSON_GetArrayItem(lrs, 2)));
  assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(line, "raw"), "lr")) == 1);
  cJSON_Delete(line);
  flr_run_log_destroy(log);
}

static void test_event__long_lines_are_whole(void **state) {
  enum { LONG = 100000 };
  char path[PATH_ROOM];
  flr_run_log *log = create(scratch_path(path, state, "long.jsonl"));
  char *text = calloc(LONG + 1, 1);
  memset(text, 'x', LONG);
  const flr_field field = {.name = "config", .kind = FLR_FIELD_STRING, .text = text};
  CHECK_OK(flr_run_log_event(log, "start", &field, 1));
  CHECK_OK(flr_run_log_event(log, "end", NULL, 0));
  assert_int_equal(count_lines(path), 2);
  cJSON *line = read_line(path, 0);
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "config")), text);
  cJSON_Delete(line);
  free(text);
  flr_run_log_destroy(log);
}

static void test_continue__keeps_whole_lines(void **state) {
  char path[PATH_ROOM];
  scratch_path(path, state, "append.jsonl");
  flr_run_log *log = go_on(path, INT64_MAX, 0); /* none there yet */
  CHECK_OK(flr_run_log_event(log, "start", NULL, 0));
  flr_run_log_destroy(log);
  FILE *file = fopen(path, "ab");
  fputs("{\"event\": \"st", file); /* a crash in the middle of a line */
  fclose(file);
  log = go_on(path, INT64_MAX, 1000);
  CHECK_OK(flr_run_log_event(log, "resume", NULL, 0));
  flr_run_log_destroy(log);
  assert_int_equal(count_lines(path), 2);
  cJSON *line = read_line(path, 1);
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "event")), "resume");
  assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(line, "time")) >= 1000); /* the run's time goes on */
  cJSON_Delete(line);
  log = create(path); /* it starts over */
  flr_run_log_destroy(log);
  assert_int_equal(count_lines(path), 0);
}

static void test_continue__cuts_back_to_what_is_kept(void **state) {
  char path[PATH_ROOM];
  flr_run_log *log = create(scratch_path(path, state, "cut.jsonl"));
  CHECK_OK(flr_run_log_event(log, "start", NULL, 0));
  const int64_t kept = flr_run_log_bytes(log);
  assert_true(kept > 0);
  for (int i = 0; i < 3; i++) CHECK_OK(flr_run_log_event(log, "step", NULL, 0));
  flr_run_log_destroy(log);
  log = go_on(path, kept + 5, 0); /* (in the middle of a line: that one goes too) */
  assert_int_equal(flr_run_log_bytes(log), kept);
  flr_run_log_destroy(log);
  assert_int_equal(count_lines(path), 1);
}

static void test_create__tells_where_it_cannot_write(void **state) {
  char path[PATH_ROOM];
  flr_run_log *log = NULL;
  scratch_path(path, state, "missing/metrics.jsonl");
  CHECK_FAILS(flr_run_log_create(&log, path), FLR_ERROR_IO, "missing/metrics.jsonl");
  CHECK_FAILS(flr_run_log_continue(&log, path, 0, 0), FLR_ERROR_IO, "No such file");
  assert_null(log);
}

static void test_event__a_full_disk_is_told(void **state) {
  (void)state;
  flr_run_log *log = create("/dev/full");
  CHECK_FAILS(flr_run_log_event(log, "step", NULL, 0), FLR_ERROR_IO, "No space left");
  flr_run_log_destroy(log);
}

static void test_event__null_log_does_nothing(void **state) {
  (void)state;
  CHECK_OK(flr_run_log_event(NULL, "step", NULL, 0));
  flr_run_log_destroy(NULL);
}

static void test_format_number__reads_back_the_same(void **state) {
  (void)state;
  static const double values[] = {0, 0.1, 1. / 3, 1e-300, DBL_MAX, DBL_MIN, -2.5, 8.317637711026709};
  char text[32];
  for (size_t i = 0; i < sizeof values / sizeof values[0]; ++i)
    assert_true(strtod(flr_format_number(text, values[i], "null"), NULL) == values[i]);
  assert_string_equal(flr_format_number(text, NAN, "null"), "null");
  assert_string_equal(flr_format_number(text, -INFINITY, "nan"), "nan");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_event__all_kinds_of_fields),          cmocka_unit_test(test_event__long_lines_are_whole),
      cmocka_unit_test(test_continue__keeps_whole_lines),         cmocka_unit_test(test_continue__cuts_back_to_what_is_kept),
      cmocka_unit_test(test_create__tells_where_it_cannot_write), cmocka_unit_test(test_event__a_full_disk_is_told),
      cmocka_unit_test(test_event__null_log_does_nothing),        cmocka_unit_test(test_format_number__reads_back_the_same),
  };
  return cmocka_run_group_tests_name("report.run_log", tests, scratch_make, scratch_remove);
}
