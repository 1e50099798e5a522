/* Options of a run that goes on. */
#include "harness/harness.h"

#include "core/memory.h"
#include "train/resume_config.h"

static const char stored[] = "data = digits\nbatch = 64\nlr = 1e-3\nthreads = 4\nkeep = 2\nlog-every = 10\n";
static const flr_checkpoint_progress progress = {.shards = 4, .threads = 2};

/* The configuration that `asked` (name, value, .., NULL) comes to; *changes as the merge leaves it. */
static flr_status merge(flr_config *out, char **changes, const char *text, const char *const *asked) {
  flr_config config;
  CHECK_OK(flr_config_init(&config));
  for (; asked[0]; asked += 2) CHECK_OK(flr_config_set(&config, asked[0], asked[1]));
  const flr_status status = flr_resume_config_merge(out, changes, &config, text, &progress, "checkpoint-5.h5");
  flr_config_clear(&config);
  return status;
}

static void refused(const char *text, const char *name, const char *value, const char *words) {
  const char *const asked[] = {name, value, NULL};
  flr_config out;
  char *changes;
  CHECK_FAILS(merge(&out, &changes, text, asked), FLR_ERROR_USAGE, words);
  flr_config_clear(&out);
  assert_null(changes);
}

static void test_merge__stored_values_stay_where_nothing_is_asked(void **state) {
  (void)state;
  const char *const asked[] = {NULL};
  flr_config out;
  char *changes;
  CHECK_OK(merge(&out, &changes, stored, asked));
  assert_int_equal(out.batch, 64);
  assert_string_equal(out.lr, "1e-3");
  assert_int_equal(out.threads, 4);
  assert_int_equal(out.shards, 4); /* as the run had them, though it did not say so */
  assert_int_equal(out.epochs, 10);
  assert_null(changes);
  flr_config_clear(&out);
}

/* A run from before images were augmented goes on without; one that says how it is done does so. */
static void test_merge__older_runs_are_not_augmented(void **state) {
  (void)state;
  const char *const asked[] = {NULL};
  flr_config out;
  char *changes;
  CHECK_OK(merge(&out, &changes, stored, asked));
  assert_string_equal(out.augment, "none");
  flr_config_clear(&out);
  CHECK_OK(merge(&out, &changes, "augment = auto\n", asked));
  assert_string_equal(out.augment, "auto");
  flr_config_clear(&out);
  assert_null(changes);
  refused(stored, "augment", "flip", "--augment: flip, but checkpoint-5.h5 was made with none");
}

static void test_merge__some_may_change_and_some_may_agree(void **state) {
  (void)state;
  const char *const asked[] = {"keep", "5",  "threads", "1",      "backend", "ref",    "log-every", "1", "batch",
                               "64",   "lr", "0.001",   "resume", "folder",  "shards", "4",         NULL};
  flr_config out;
  char *changes;
  CHECK_OK(merge(&out, &changes, stored, asked));
  assert_int_equal(out.keep, 5);
  assert_int_equal(out.threads, 1);
  assert_int_equal(out.log_every, 1);
  assert_string_equal(out.backend, "ref");
  assert_string_equal(out.lr, "1e-3"); /* the same number */
  assert_null(changes);
  flr_config_clear(&out);
}

static void test_merge__others_are_refused_with_both_values(void **state) {
  (void)state;
  refused(stored, "batch", "128", "--batch: 128, but checkpoint-5.h5 was made with 64: leave it out, or give --reschedule too");
  refused(stored, "lr", "1e-2", "--lr: 1e-2, but checkpoint-5.h5 was made with 1e-3");
  refused(stored, "epochs", "20", "--epochs: 20, but checkpoint-5.h5 was made with 10");
  refused(stored, "steps", "20", "--steps: 20, but checkpoint-5.h5 was made without it: leave it out, or");
  refused(stored, "shards", "8", "--shards: 8, but checkpoint-5.h5 was made with 4, which cannot change");
  refused("deterministic = on\n", "threads", "3", "--threads: 3, but checkpoint-5.h5 was made with 2, which cannot change");
  refused("batch = none\n", "keep", "3", "checkpoint-5.h5, line 1: --batch");
}

static void test_merge__a_data_file_may_lie_elsewhere(void **state) {
  (void)state;
  const char *const asked[] = {"data", "/scratch/food.h5", NULL};
  flr_config out;
  char *changes;
  CHECK_OK(merge(&out, &changes, "data = /data/food.h5\n", asked));
  assert_string_equal(out.data, "/scratch/food.h5");
  assert_null(changes);
  flr_config_clear(&out);
  refused("data = /data/food.h5\n", "data", "digits", "--data: digits, but checkpoint-5.h5 was made with /data/food.h5");
  refused(stored, "data", "/data/food.h5", "--data: /data/food.h5, but checkpoint-5.h5 was made with digits");
}

static void test_merge__reschedule_takes_and_records_them(void **state) {
  (void)state;
  const char *const asked[] = {"lr", "2e-3", "model", "a\"b", "resume", "", "reschedule", "on", NULL};
  flr_config out;
  char *changes;
  CHECK_OK(merge(&out, &changes, stored, asked));
  assert_string_equal(out.lr, "2e-3");
  assert_string_equal(changes, "{\"model\": [\"nothing\", \"a?b\"], \"lr\": [\"1e-3\", \"2e-3\"]}");
  flr_free(changes);
  flr_config_clear(&out);
}

static void test_copy__is_the_same_configuration(void **state) {
  (void)state;
  flr_config config, copy;
  char *a, *b;
  CHECK_OK(flr_config_init(&config));
  CHECK_OK(flr_config_set(&config, "batch", "77"));
  CHECK_OK(flr_config_set(&config, "lr", "1e-5:1e-3"));
  CHECK_OK(flr_resume_config_copy(&copy, &config));
  CHECK_OK(flr_config_text(&a, &config));
  CHECK_OK(flr_config_text(&b, &copy));
  assert_string_equal(a, b);
  assert_memory_equal(config.given, copy.given, sizeof copy.given);
  flr_config_free_text(a);
  flr_config_free_text(b);
  flr_config_clear(&config);
  flr_config_clear(&copy);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_merge__stored_values_stay_where_nothing_is_asked),
      cmocka_unit_test(test_merge__older_runs_are_not_augmented),
      cmocka_unit_test(test_merge__some_may_change_and_some_may_agree),
      cmocka_unit_test(test_merge__others_are_refused_with_both_values),
      cmocka_unit_test(test_merge__a_data_file_may_lie_elsewhere),
      cmocka_unit_test(test_merge__reschedule_takes_and_records_them),
      cmocka_unit_test(test_copy__is_the_same_configuration),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
