/* The plan cache: what comes back, what is ignored, and several processes that write at once. */
#include "harness/harness.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cuda/plan_cache.h"
#include "harness/scratch_dir.h"

#define GPU "NVIDIA H200, sm_90, cuDNN 9.28.1"

static plan_cache *open_cache(void **state, const char *environment) {
  plan_cache *cache;
  CHECK_OK(plan_cache_open(&cache, *state, environment));
  assert_non_null(cache);
  return cache;
}

static void check_plan(const plan_cache *cache, const char *problem, const char *wanted) {
  const char *plan = plan_cache_find(cache, problem);
  if (!wanted) {
    if (plan) fail_msg("%s: found \"%s\", wanted nothing", problem, plan);
  } else if (!plan || strcmp(plan, wanted) != 0) {
    fail_msg("%s: found \"%s\", wanted \"%s\"", problem, plan ? plan : "(nothing)", wanted);
  }
}

/* A cache of three entries, closed; its path comes back. */
static char *write_three(void **state, char path[SCRATCH_PATH + 64]) {
  plan_cache *cache = open_cache(state, GPU);
  CHECK_OK(plan_cache_put(cache, "conv forward a", "engine 1 knobs"));
  CHECK_OK(plan_cache_put(cache, "conv forward b", "engine 2 knobs 3:4"));
  CHECK_OK(plan_cache_put(cache, "conv forward c", "engine 3 knobs 5:6 7:-1"));
  (void)snprintf(path, SCRATCH_PATH + 64, "%s", plan_cache_path(cache));
  plan_cache_close(cache);
  return path;
}

static void test_plan_cache__gives_back_what_was_put(void **state) {
  char path[SCRATCH_PATH + 64];
  (void)write_three(state, path);
  assert_int_equal(scratch_files(state, 0), 1); /* and no temporary one */
  plan_cache *cache = open_cache(state, GPU);
  check_plan(cache, "conv forward a", "engine 1 knobs");
  check_plan(cache, "conv forward b", "engine 2 knobs 3:4");
  check_plan(cache, "conv forward c", "engine 3 knobs 5:6 7:-1");
  check_plan(cache, "conv forward", NULL);
  CHECK_OK(plan_cache_put(cache, "conv forward b", "engine 9 knobs"));
  check_plan(cache, "conv forward b", "engine 9 knobs");
  plan_cache_close(cache);
  cache = open_cache(state, GPU);
  check_plan(cache, "conv forward a", "engine 1 knobs");
  check_plan(cache, "conv forward b", "engine 9 knobs");
  plan_cache_close(cache);
  scratch_files(state, 1);
}

static void test_plan_cache__many_entries(void **state) {
  enum { MANY = 1000 };
  char problem[64], plan[64];
  plan_cache *cache = open_cache(state, GPU);
  for (int i = 0; i < MANY; i++) {
    (void)snprintf(problem, sizeof problem, "problem %d", i);
    (void)snprintf(plan, sizeof plan, "engine %d knobs", 7 * i);
    CHECK_OK(plan_cache_put(cache, problem, plan));
  }
  plan_cache_close(cache);
  cache = open_cache(state, GPU);
  for (int i = 0; i < MANY; i++) {
    (void)snprintf(problem, sizeof problem, "problem %d", i);
    (void)snprintf(plan, sizeof plan, "engine %d knobs", 7 * i);
    check_plan(cache, problem, plan);
  }
  plan_cache_close(cache);
  scratch_files(state, 1);
}

static void test_plan_cache__another_environment_is_another_cache(void **state) {
  char path[SCRATCH_PATH + 64];
  (void)write_three(state, path);
  plan_cache *other = open_cache(state, GPU " and another driver");
  assert_string_not_equal(plan_cache_path(other), path);
  check_plan(other, "conv forward a", NULL);
  CHECK_OK(plan_cache_put(other, "conv forward a", "engine 50 knobs"));
  plan_cache_close(other);
  plan_cache *first = open_cache(state, GPU);
  check_plan(first, "conv forward a", "engine 1 knobs");
  plan_cache_close(first);
  scratch_files(state, 1);
}

static void rewrite(const char *path, const char *text, size_t bytes) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, bytes, file), bytes);
  fclose(file);
}

/* Damages the text after `where` by writing `with` over it. */
static void damage(const char *path, const char *where, const char *with) {
  size_t bytes = 0;
  char *text = scratch_read(path, &bytes);
  char *at = strstr(text, where);
  assert_non_null(at);
  memcpy(at, with, strlen(with));
  rewrite(path, text, bytes);
  free(text);
}

static void test_plan_cache__damaged_lines_are_ignored_alone(void **state) {
  char path[SCRATCH_PATH + 64];
  damage(write_three(state, path), "engine 2", "engine 8");
  plan_cache *cache = open_cache(state, GPU);
  check_plan(cache, "conv forward a", "engine 1 knobs");
  check_plan(cache, "conv forward b", NULL);
  check_plan(cache, "conv forward c", "engine 3 knobs 5:6 7:-1");
  CHECK_OK(plan_cache_put(cache, "conv forward b", "engine 2 knobs 3:4"));
  plan_cache_close(cache); /* and mended */
  cache = open_cache(state, GPU);
  check_plan(cache, "conv forward b", "engine 2 knobs 3:4");
  plan_cache_close(cache);
  scratch_files(state, 1);
}

/* Whatever the file holds, opening works and nothing wrong comes out. */
static void test_plan_cache__any_cut_of_the_file_is_safe(void **state) {
  char path[SCRATCH_PATH + 64];
  size_t bytes = 0;
  char *text = scratch_read(write_three(state, path), &bytes);
  for (size_t cut = 0; cut < bytes; cut++) {
    rewrite(path, text, cut);
    plan_cache *cache = open_cache(state, GPU);
    const char *plan = plan_cache_find(cache, "conv forward c");
    if (plan) assert_string_equal(plan, "engine 3 knobs 5:6 7:-1");
    if (cut < bytes - 1) assert_null(plan);
    plan_cache_close(cache);
  }
  free(text);
  scratch_files(state, 1);
}

static void test_plan_cache__other_files_in_its_place_are_ignored(void **state) {
  static const char garbage[] = "\0\n\t\n 12 \xff\xfe\nfastlr_dist plans 1\n\n\t\t\t\n0000 x\ty\n";
  char path[SCRATCH_PATH + 64];
  rewrite(write_three(state, path), garbage, sizeof garbage);
  plan_cache *cache = open_cache(state, GPU);
  check_plan(cache, "conv forward a", NULL);
  plan_cache_close(cache);
  (void)write_three(state, path);
  damage(path, "plans 1", "plans 2"); /* of another version of this program */
  cache = open_cache(state, GPU);
  check_plan(cache, "conv forward a", NULL);
  CHECK_OK(plan_cache_put(cache, "conv forward d", "engine 4 knobs"));
  plan_cache_close(cache);
  cache = open_cache(state, GPU);
  check_plan(cache, "conv forward d", "engine 4 knobs");
  plan_cache_close(cache);
  scratch_files(state, 1);
}

static void test_plan_cache__entries_of_others_are_kept(void **state) {
  plan_cache *a = open_cache(state, GPU), *b = open_cache(state, GPU);
  CHECK_OK(plan_cache_put(a, "mine", "engine 1 knobs"));
  CHECK_OK(plan_cache_put(a, "both", "engine 2 knobs"));
  CHECK_OK(plan_cache_put(b, "yours", "engine 3 knobs"));
  CHECK_OK(plan_cache_put(b, "both", "engine 4 knobs"));
  plan_cache_save(a);
  plan_cache_close(b);
  check_plan(a, "both", "engine 2 knobs");
  plan_cache_close(a);
  plan_cache *all = open_cache(state, GPU);
  check_plan(all, "mine", "engine 1 knobs");
  check_plan(all, "yours", "engine 3 knobs");
  check_plan(all, "both", "engine 4 knobs");
  plan_cache_close(all);
  scratch_files(state, 1);
}

/* Child process number `rank`: writes its own entries and one that all write, many times. */
static int write_much(const char *folder, int rank) {
  for (int round = 0; round < 40; round++) {
    plan_cache *cache;
    char problem[64];
    if (plan_cache_open(&cache, folder, GPU) != FLR_OK) return 1;
    const char *common = plan_cache_find(cache, "common");
    if (common && strncmp(common, "engine 77 knobs ", 16) != 0) return 2; /* half a line would show here */
    (void)snprintf(problem, sizeof problem, "rank %d round %d", rank, round);
    if (plan_cache_put(cache, problem, "engine 5 knobs") != FLR_OK) return 3;
    (void)snprintf(problem, sizeof problem, "engine 77 knobs 1:%d", rank);
    if (plan_cache_put(cache, "common", problem) != FLR_OK) return 3;
    plan_cache_close(cache);
  }
  return 0;
}

static void test_plan_cache__many_writers_leave_a_whole_file(void **state) {
  enum { WRITERS = 4 };
  pid_t children[WRITERS];
  for (int rank = 0; rank < WRITERS; rank++) {
    children[rank] = fork();
    assert_true(children[rank] >= 0);
    if (children[rank] == 0) _exit(write_much(*state, rank));
  }
  for (int rank = 0; rank < WRITERS; rank++) {
    int result;
    assert_int_equal(waitpid(children[rank], &result, 0), children[rank]);
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0) fail_msg("writer %d ended with %d", rank, WEXITSTATUS(result));
  }
  assert_int_equal(scratch_files(state, 0), 1);
  plan_cache *cache = open_cache(state, GPU);
  assert_non_null(plan_cache_find(cache, "common"));
  plan_cache_close(cache);
  scratch_files(state, 1);
}

static void test_plan_cache__where_nothing_can_be_kept_it_forgets(void **state) {
  char path[SCRATCH_PATH + 64], inside[SCRATCH_PATH + 80];
  rewrite(scratch_path(path, state, "file"), "x", 1);
  (void)snprintf(inside, sizeof inside, "%s/folder", path); /* a file is in the way, for root too */
  plan_cache *cache;
  CHECK_OK(plan_cache_open(&cache, inside, GPU));
  assert_string_equal(plan_cache_path(cache), "");
  CHECK_OK(plan_cache_put(cache, "a", "engine 1 knobs"));
  check_plan(cache, "a", "engine 1 knobs");
  plan_cache_close(cache);
  scratch_files(state, 1);
}

static void check_place(const char *wanted) {
  plan_cache *cache;
  CHECK_OK(plan_cache_open(&cache, NULL, GPU));
  const char *path = plan_cache_path(cache), *slash = strrchr(path, '/');
  if (!wanted)
    assert_string_equal(path, "");
  else if (!slash || strncmp(path, wanted, (size_t)(slash - path)) != 0 || wanted[slash - path] != '\0')
    fail_msg("the cache lies at \"%s\", wanted in \"%s\"", path, wanted);
  plan_cache_close(cache);
}

static void test_plan_cache__lies_where_the_environment_says(void **state) {
  char own[SCRATCH_PATH + 64], xdg[SCRATCH_PATH + 64], home[SCRATCH_PATH + 64], wanted[SCRATCH_PATH + 128];
  setenv("FASTLR_CACHE_DIR", scratch_path(own, state, "own"), 1);
  setenv("XDG_CACHE_HOME", scratch_path(xdg, state, "xdg"), 1);
  setenv("HOME", scratch_path(home, state, "home"), 1);
  check_place(own);
  (void)rmdir(own);
  unsetenv("FASTLR_CACHE_DIR");
  (void)snprintf(wanted, sizeof wanted, "%s/fastlr_dist", xdg);
  check_place(wanted);
  (void)rmdir(wanted);
  (void)rmdir(xdg);
  setenv("XDG_CACHE_HOME", "relative", 1);
  (void)snprintf(wanted, sizeof wanted, "%s/.cache/fastlr_dist", home);
  check_place(wanted);
  (void)rmdir(wanted);
  *strrchr(wanted, '/') = '\0';
  (void)rmdir(wanted);
  (void)rmdir(home);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  check_place(NULL);
}

static void test_plan_cache__refuses_texts_of_several_lines(void **state) {
  plan_cache *cache = open_cache(state, GPU), *none;
  CHECK_FAILS(plan_cache_put(cache, "a\nb", "engine"), FLR_ERROR_USAGE, "one line");
  CHECK_FAILS(plan_cache_put(cache, "a", "engine\t1"), FLR_ERROR_USAGE, "one line");
  CHECK_FAILS(plan_cache_open(&none, *state, "two\nlines"), FLR_ERROR_USAGE, "one line");
  assert_null(none);
  check_plan(cache, "a", NULL);
  plan_cache_close(cache);
  plan_cache_close(NULL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_plan_cache__gives_back_what_was_put, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__many_entries, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__another_environment_is_another_cache, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__damaged_lines_are_ignored_alone, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__any_cut_of_the_file_is_safe, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__other_files_in_its_place_are_ignored, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__entries_of_others_are_kept, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__many_writers_leave_a_whole_file, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__where_nothing_can_be_kept_it_forgets, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__lies_where_the_environment_says, scratch_make, scratch_remove),
      cmocka_unit_test_setup_teardown(test_plan_cache__refuses_texts_of_several_lines, scratch_make, scratch_remove),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
