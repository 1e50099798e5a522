/* fine-tune in whole runs: two phases in one, each the training that it is made of, with what is frozen costing nothing. */
#include "train/build.h"
#include "train/session.h"
#include "train/step.h"
#include "train/train_harness.h"

enum { PATH = 1200, FROZEN = 10, FREE = 7, SOME_STEPS = 3 };

/* 240 samples to train on: 5 steps an epoch. In file order every epoch is the same. */
#define NET "model", "cnn", "data", "synthetic:300,8,8,1,3", "batch", "48", "order", "sequential"
#define FINE_TUNE NET, "policy", "fine-tune", "freeze-epochs", "2", "steps", "7"

static double group_rate(const cJSON *steps, int step, int group) {
  const cJSON *lr = cJSON_GetObjectItem(cJSON_GetArrayItem(steps, step), "lr");
  return cJSON_GetNumberValue(cJSON_IsArray(lr) ? cJSON_GetArrayItem(lr, group) : lr);
}

/* Steps first .. first + count - 1 of `whole` have to the bit the losses, rates and momenta of the other run. */
static void check_same_steps(const char *whole, int first, const char *part, int count) {
  cJSON *a = train_events(whole, "step"), *b = train_events(part, "step");
  assert_int_equal(cJSON_GetArraySize(b), count);
  assert_true(cJSON_GetArraySize(a) >= first + count);
  for (int i = 0; i < count; i++) {
    const double x = train_number(a, first + i, "loss"), y = train_number(b, i, "loss");
    if (!(x >= y && x <= y)) fail_msg("step %d: loss %.17g, of %s alone %.17g", first + i, x, part, y);
    assert_true(train_number(a, first + i, "momentum") == train_number(b, i, "momentum"));
    for (int g = 0; g < 3; g++) assert_true(group_rate(a, first + i, g) == group_rate(b, i, g));
  }
  cJSON_Delete(a);
  cJSON_Delete(b);
}

/* One line where each phase begins. cnn: groups {conv1, bn1, conv2, bn2}, {conv3, bn3, conv4, bn4}, {fc}. */
static void check_phases(const char *directory) {
  cJSON *phases = train_events(directory, "phase");
  const int head = 128 * 3 + 3, norms = 2 * (32 + 64 + 128 + 128);
  assert_int_equal(cJSON_GetArraySize(phases), 2);
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(phases, 0), "phase")), "frozen");
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(phases, 1), "phase")), "unfrozen");
  assert_int_equal(train_number(phases, 0, "step"), 0);
  assert_int_equal(train_number(phases, 0, "parameters"), head + norms);
  assert_int_equal(train_number(phases, 1, "step"), FROZEN);
  assert_int_equal(train_number(phases, 1, "epoch"), 2);
  assert_int_equal(train_number(phases, 1, "frozen"), 0);
  cJSON_Delete(phases);
}

/* Nothing of the frozen groups but batch norm moves before the second phase. */
static void check_tensors(const char *start, const char *boundary, const char *end) {
  static const char *const still[] = {"conv1.weight", "conv2.weight", "conv3.weight", "conv4.weight"};
  static const char *const moving[] = {"bn1.weight", "bn4.bias", "bn1.running_mean", "fc.weight", "fc.bias"};
  for (size_t i = 0; i < sizeof still / sizeof still[0]; i++) {
    assert_true(train_same_in_files(start, boundary, still[i]));
    assert_false(train_same_in_files(boundary, end, still[i]));
  }
  for (size_t i = 0; i < sizeof moving / sizeof moving[0]; i++) {
    assert_false(train_same_in_files(start, boundary, moving[i]));
    assert_false(train_same_in_files(boundary, end, moving[i]));
  }
}

static const char *in_folder(char path[PATH + 64], const char *folder, const char *name) {
  (void)snprintf(path, PATH + 64, "%s/%s", folder, name);
  return path;
}

/* One run is a frozen one-cycle and, from the weights it gave, with new moments, a free one at half the rate. */
static void test_fine_tune__is_a_frozen_run_and_a_free_one(void **state) {
  (void)state;
  static const char *const parameters[] = {"conv1.weight", "conv4.weight", "bn1.weight", "bn4.bias", "fc.weight", "fc.bias"};
  char whole[PATH], still[PATH], one[PATH], two[PATH], rates[128], start[PATH + 64], boundary[PATH + 64], end[PATH + 64];
  const double first = 0.02 / 2 / 100;
  (void)snprintf(rates, sizeof rates, "%.17g,%.17g,%.17g", first, first * pow(100, 0.5), 0.02 / 2);
  train_directory(whole, sizeof whole, "fine-tune");
  in_folder(boundary, whole, "checkpoint-10.h5");
  const char *const tuned[] = {FINE_TUNE, "lr", "0.02", "keep", "100", NULL};
  const char *const nothing[] = {NET, "lr", "0", "steps", "1", NULL};
  const char *const frozen[] = {NET,    "freeze", "on", "policy", "one-cycle-v2",   "pct-start",
                                "0.99", "steps",  "10", "lr",     "2e-3,2e-3,0.02", NULL};
  const char *const unfrozen[] = {NET,  "policy", "one-cycle-v2", "pct-start", "0.3",          "div-factor", "5",
                                  "lr", rates,    "steps",        "7",         "init-weights", boundary,     NULL};
  train_fit(whole, tuned);
  train_fit(train_directory(still, sizeof still, "still"), nothing);
  train_fit(train_directory(one, sizeof one, "frozen"), frozen);
  train_fit(train_directory(two, sizeof two, "unfrozen"), unfrozen);
  if (train_rank() == 0) {
    check_phases(whole);
    check_tensors(in_folder(start, still, "final.h5"), boundary, in_folder(end, whole, "final.h5"));
    check_same_steps(whole, 0, one, FROZEN);
    check_same_steps(whole, FROZEN, two, FREE);
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
      assert_true(train_same_tensor(whole, two, parameters[i]));
  }
  train_barrier();
  train_remove(whole);
  train_remove(still);
  train_remove(one);
  train_remove(two);
}

/* ---- --lr auto ---- */

static void check_same_sweep(const char *a, const char *b) {
  cJSON *x = train_events(a, "sweep"), *y = train_events(b, "sweep");
  assert_true(cJSON_GetArraySize(x) > 5);
  assert_int_equal(cJSON_GetArraySize(x), cJSON_GetArraySize(y));
  for (int i = 0; i < cJSON_GetArraySize(x); i++) {
    const double loss = train_number(x, i, "loss"), other = train_number(y, i, "loss");
    if (!(loss >= other && loss <= other)) fail_msg("sweep %d: loss %.17g, frozen %.17g", i, loss, other);
  }
  cJSON_Delete(x);
  cJSON_Delete(y);
}

/* The sweep is that of the frozen model, and what it picks is the base rate. */
static void test_fine_tune__sweeps_frozen_and_takes_the_pick_as_base_rate(void **state) {
  (void)state;
  char automatic[PATH], frozen[PATH], given[PATH], rate[40];
#define SWEEP "pick", "steepest", "sweep-start", "1e-4", "sweep-end", "1", "sweep-iters", "24", "sweep-beta", "0.5"
  const char *const swept[] = {FINE_TUNE, SWEEP, "lr", "auto", NULL};
  const char *const alone[] = {NET, SWEEP, "lr", "auto", "freeze", "on", "steps", "1", NULL};
  train_fit(train_directory(automatic, sizeof automatic, "automatic"), swept);
  train_fit(train_directory(frozen, sizeof frozen, "sweep-frozen"), alone);
  double picked = 0;
  if (train_rank() == 0) {
    cJSON *suggested = train_events(automatic, "suggest");
    picked = train_number(suggested, 0, "lr");
    cJSON_Delete(suggested);
  }
  train_broadcast(&picked, sizeof picked);
  assert_true(isfinite(picked) && picked > 0);
  (void)snprintf(rate, sizeof rate, "%.17g", picked);
  const char *const by_hand[] = {FINE_TUNE, "lr", rate, NULL};
  train_fit(train_directory(given, sizeof given, "given"), by_hand);
  if (train_rank() == 0) {
    check_same_sweep(automatic, frozen);
    check_same_steps(automatic, 0, given, FROZEN + FREE);
    assert_true(train_hash_weights(automatic) == train_hash_weights(given));
  }
  train_barrier();
  train_remove(automatic);
  train_remove(frozen);
  train_remove(given);
}

/* ---- what the phases cost ---- */

static void run_steps(flr_session *session, int64_t first, int64_t count) {
  flr_loader *loader;
  const flr_sampler sampler = flr_session_sampler(session, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  CHECK_OK(flr_session_training_loader(&loader, session, &sampler, first, first + count));
  for (int64_t step = first; step < first + count; step++) {
    flr_batch batch;
    flr_report report;
    double grad_norm;
    const flr_directive directive = {.step = step, .rates = {.lr = {1e-3, 1e-3, 1e-3}, .momentum = 0.9}};
    const flr_status fetched = flr_loader_next(loader, &batch);
    CHECK_OK(flr_step_begin(session, &directive, &batch, fetched, 0));
    CHECK_OK(flr_step_finish(session, &report, &grad_norm));
    assert_true(isfinite(flr_report_loss(&report)));
  }
  flr_loader_destroy(loader);
}

/* Some steps from `first` on: every element of the phase's gradients is handed over once a step, and there are no others. */
static void check_cost(flr_session *session, int64_t first, int64_t elements) {
  const int64_t wanted = train_size() > 1 ? SOME_STEPS * elements * (int64_t)sizeof(float) : 0;
  const int64_t before = flr_reducer_bytes(session->reducer);
  run_steps(session, first, SOME_STEPS);
  assert_int_equal(session->state.layout->grad_elements, elements);
  assert_int_equal(session->state.gradients.bytes, elements * (int64_t)sizeof(float));
  if (!getenv("FLR_TEST_OPTIONS")) assert_int_equal(flr_reducer_bytes(session->reducer) - before, wanted);
}

/* From the first phase to the second, and back as a rollback may have to go, which leaves the moments as they are. */
static void test_fine_tune__frozen_steps_send_less(void **state) {
  (void)state;
  char directory[PATH];
  flr_config config;
  flr_session *session;
  const char *const pairs[] = {FINE_TUNE, "lr", "1e-3", NULL};
  const int64_t head = 128 * 3 + 16, norms = 2 * (32 + 64 + 128 + 128);
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "out", train_directory(directory, sizeof directory, "cost")));
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  CHECK_OK(flr_build_enter(session, 0));
  check_cost(session, 0, head + norms);
  const size_t arena = flr_executor_arena_bytes(session->executor);
  assert_int_equal(flr_optimizer_updates(session->state.optimizer), SOME_STEPS);
  CHECK_OK(flr_build_enter(session, FROZEN));
  assert_int_equal(flr_optimizer_updates(session->state.optimizer), 0);
  check_cost(session, FROZEN, session->state.layout->elements);
  assert_true(head + norms < session->state.layout->elements / 20 && arena <= flr_executor_arena_bytes(session->executor));
  CHECK_OK(flr_build_enter(session, FROZEN - 1));
  assert_int_equal(flr_optimizer_updates(session->state.optimizer), SOME_STEPS);
  check_cost(session, FROZEN - 1, head + norms);
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_barrier();
  train_remove(directory);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fine_tune__is_a_frozen_run_and_a_free_one),
      cmocka_unit_test(test_fine_tune__sweeps_frozen_and_takes_the_pick_as_base_rate),
      cmocka_unit_test(test_fine_tune__frozen_steps_send_less),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
