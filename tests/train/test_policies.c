/* One schedule over several runs, and lengths that cycles give. */
#include "train/train_harness.h"

enum { PATH = 1200 };

#define NET "model", "mlp", "hidden", "24,12", "batch", "96", "log-every", "1", "plot", "none"

static flr_status run(const char *directory, const char *const *pairs, flr_fit_result *result) {
  flr_config config;
  flr_session *session = NULL;
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "out", directory));
  flr_status status = flr_session_create(&session, &config, NULL, NULL);
  if (status == FLR_OK) status = flr_session_fit(session, result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_barrier();
  return status;
}

/* The steps of `part` are those of `whole` from `first` on. */
static void check_steps(const char *whole, const char *part, int first, const char *const *names) {
  cJSON *a = train_events(whole, "step"), *b = train_events(part, "step");
  assert_non_null(a);
  assert_non_null(b);
  assert_true(cJSON_GetArraySize(b) > 0 && cJSON_GetArraySize(b) + first <= cJSON_GetArraySize(a));
  for (int i = 0; i < cJSON_GetArraySize(b); i++)
    for (int n = 0; names[n]; n++) {
      const double x = train_number(a, i + first, names[n]), y = train_number(b, i, names[n]);
      if (!(x >= y && x <= y)) fail_msg("step %d: %s is %.17g, of the whole cycle %.17g", i + first, names[n], y, x);
    }
  cJSON_Delete(a);
  cJSON_Delete(b);
}

static int step_count(const char *directory) {
  cJSON *steps = train_events(directory, "step");
  const int count = cJSON_GetArraySize(steps);
  cJSON_Delete(steps);
  return count;
}

/* Without momentum the weights are all that one run hands to the next: the split then trains the same, to the bit. */
static void split_cycle(const char *policy) {
  static const char *const names[] = {"step", "epoch", "lr", "momentum", "loss", NULL};
  char whole[PATH], first[PATH], second[PATH], weights[PATH + 16];
  flr_fit_result result;
  train_directory(whole, sizeof whole, "cycle-whole");
  train_directory(first, sizeof first, "cycle-first");
  train_directory(second, sizeof second, "cycle-second");
  (void)snprintf(weights, sizeof weights, "%s/final.h5", first);
  const char *const all[] = {NET, "policy", policy, "optimizer", "sgd", "moms", "0,0", "lr", "0.2", "epochs", "3", NULL};
  const char *const begin[] = {NET,  "policy", policy,   "optimizer", "sgd",        "moms", "0,0",
                               "lr", "0.2",    "epochs", "1",         "tot-epochs", "3",    NULL};
  const char *const rest[] = {NET, "policy",      policy, "optimizer",  "sgd", "moms",         "0,0",   "lr", "0.2", "epochs",
                              "3", "start-epoch", "1",    "tot-epochs", "3",   "init-weights", weights, NULL};
  CHECK_OK(run(whole, all, &result));
  CHECK_OK(run(first, begin, &result));
  CHECK_OK(run(second, rest, &result));
  if (train_rank() == 0) {
    check_steps(whole, first, 0, names);
    check_steps(whole, second, step_count(first), names);
    assert_int_equal(step_count(first) + step_count(second), step_count(whole));
    assert_true(train_hash_weights(second) == train_hash_weights(whole));
  }
  train_barrier();
  train_remove(whole);
  train_remove(first);
  train_remove(second);
  train_barrier();
}

static void test_policies__a_split_cycle_equals_the_whole(void **state) {
  (void)state;
  static const char *const policies[] = {"one-cycle", "one-cycle-v2",     "one-cycle-torch",
                                         "flat-cos",  "one-cycle-torch3", "annihilate"};
  for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) split_cycle(policies[i]);
}

/* With the moments too: the first part is resumed, its end moved. */
static void test_policies__a_part_can_be_resumed_to_the_end(void **state) {
  (void)state;
  static const char *const names[] = {"step", "epoch", "lr", "momentum", "loss", NULL};
  char whole[PATH], part[PATH];
  flr_fit_result result;
  train_directory(whole, sizeof whole, "resumed-whole");
  train_directory(part, sizeof part, "resumed-part");
  const char *const all[] = {NET, "lr", "3e-3", "epochs", "3", NULL};
  const char *const begin[] = {NET, "lr", "3e-3", "epochs", "1", "tot-epochs", "3", NULL};
  const char *const rest[] = {NET, "lr", "3e-3", "epochs", "3", "tot-epochs", "3", "reschedule", "on", "resume", "", NULL};
  CHECK_OK(run(whole, all, &result));
  CHECK_OK(run(part, begin, &result));
  CHECK_OK(run(part, rest, &result));
  if (train_rank() == 0) {
    assert_int_equal(step_count(part), step_count(whole));
    check_steps(whole, part, 0, names);
    assert_true(train_hash_weights(part) == train_hash_weights(whole));
  }
  train_barrier();
  train_remove(whole);
  train_remove(part);
  train_barrier();
}

static void test_policies__cycles_give_the_epochs(void **state) {
  (void)state;
  char directory[PATH];
  flr_fit_result one, cycles;
  train_directory(directory, sizeof directory, "cycles");
  const char *const epoch[] = {NET, "lr", "3e-3", "epochs", "1", NULL};
  const char *const pairs[] = {NET, "lr", "3e-3", "policy", "sgdr", "cycles", "2", "cycle-len", "1", "cycle-mult", "3", NULL};
  CHECK_OK(run(directory, epoch, &one));
  CHECK_OK(run(directory, pairs, &cycles));
  assert_int_equal(cycles.steps, 4 * one.steps);
  if (train_rank() == 0) {
    cJSON *steps = train_events(directory, "step");
    for (int64_t i = 0; i < cycles.steps; i++) {
      const int restart = i == 0 || i == one.steps;
      assert_true((train_number(steps, (int)i, "lr") == 3e-3) == restart);
    }
    cJSON_Delete(steps);
  }
  train_barrier();
  train_remove(directory);
  train_barrier();
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_policies__a_split_cycle_equals_the_whole),
      cmocka_unit_test(test_policies__a_part_can_be_resumed_to_the_end),
      cmocka_unit_test(test_policies__cycles_give_the_epochs),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
