/* A run that is stopped again and again computes what an undisturbed one computes, to the bit. */
#include <math.h>
#include <unistd.h>

#include "checkpoint/checkpoint.h"
#include "core/memory.h"
#include "train/stop_request.h"
#include "train/train_harness.h"

enum { PATH = 1200, MOST_PARTS = 80 };

#define NET "model", "cnn", "dropout", "0.2", "batch", "96", "drop-last", "off"

/* One part of a run: until it is done, or (stopping) until a stop has been asked for and what is under way is over.
   resume, algorithm of sums: NULL, or the option's value. */
static flr_status run_with(const char *const *pairs, const char *algorithm, const char *directory, const char *resume,
                           int stopping, flr_fit_result *result) {
  flr_config config;
  flr_session *session = NULL;
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "out", directory));
  CHECK_OK(flr_config_set(&config, "plot", "none"));
  CHECK_OK(flr_config_set(&config, "log-every", "1"));
  if (algorithm) CHECK_OK(flr_config_set(&config, "comm-algorithm", algorithm));
  if (resume) CHECK_OK(flr_config_set(&config, "resume", resume));
  flr_status status = flr_session_create(&session, &config, NULL, NULL);
  if (stopping) flr_request_stop();
  if (status == FLR_OK) status = flr_session_fit(session, result);
  flr_stop_forget();
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_barrier();
  return status;
}

static flr_status run_part(const char *const *pairs, const char *directory, const char *resume, int stopping,
                           flr_fit_result *result) {
  return run_with(pairs, NULL, directory, resume, stopping, result);
}

/* Each step exactly once, in order, with the undisturbed run's numbers. */
static void check_events(const char *whole, const char *parts, const char *event, const char *const *names) {
  cJSON *a = train_events(whole, event), *b = train_events(parts, event);
  assert_non_null(a);
  assert_non_null(b);
  assert_int_equal(cJSON_GetArraySize(a), cJSON_GetArraySize(b));
  for (int i = 0; i < cJSON_GetArraySize(a); i++)
    for (int n = 0; names[n]; n++) {
      const double x = train_number(a, i, names[n]), y = train_number(b, i, names[n]);
      if (!(x >= y && x <= y) && !(isnan(x) && isnan(y)))
        fail_msg("%s %d: %s is %.17g, of the undisturbed run %.17g", event, i, names[n], y, x);
    }
  cJSON_Delete(a);
  cJSON_Delete(b);
}

/* The picked rate, and with repeats each sweep's own losses and what it suggested. */
static void check_suggestions(const char *whole, const char *parts) {
  static const char *const events[] = {"suggest", "sweep"};
  static const char *const fields[] = {"consensus", "losses"};
  for (int e = 0; e < 2; e++) {
    cJSON *a = train_events(whole, events[e]), *b = train_events(parts, events[e]);
    assert_int_equal(cJSON_GetArraySize(a), cJSON_GetArraySize(b));
    for (int i = 0; i < cJSON_GetArraySize(a); i++) {
      const cJSON *x = cJSON_GetObjectItem(cJSON_GetArrayItem(a, i), fields[e]);
      assert_true(!x || cJSON_Compare(x, cJSON_GetObjectItem(cJSON_GetArrayItem(b, i), fields[e]), 1));
    }
    cJSON_Delete(a);
    cJSON_Delete(b);
  }
}

static void check_same(const char *whole, const char *parts) {
  static const char *const step[] = {"step", "epoch", "lr", "momentum", "loss", "samples", NULL};
  static const char *const epoch[] = {"epoch", "train_loss", "valid_loss", "error_rate", NULL};
  static const char *const sweep[] = {"i", "lr", "loss", "smooth", NULL};
  static const char *const phase[] = {"step", "epoch", "parameters", "frozen", NULL};
  if (train_rank() != 0) return;
  assert_true(train_hash_weights(whole) == train_hash_weights(parts));
  check_events(whole, parts, "step", step);
  check_events(whole, parts, "epoch", epoch);
  check_events(whole, parts, "sweep", sweep);
  check_suggestions(whole, parts);
  check_events(whole, parts, "phase", phase);
}

/* For parts whose log has no more than what they did themselves. */
static void check_same_end(const char *whole, const char *part) {
  if (train_rank() == 0) assert_true(train_hash_weights(whole) == train_hash_weights(part));
}

/* What training waited for samples in all parts, as the last line and the result say it, is what the whole epochs say. */
static void check_waits(const char *directory, const flr_fit_result *result) {
  double stall = 0, seconds = 0;
  if (train_rank() != 0) return;
  cJSON *epochs = train_events(directory, "epoch"), *ends = train_events(directory, "end");
  const int last = cJSON_GetArraySize(ends) - 1;
  for (int i = 0; i < cJSON_GetArraySize(epochs); i++) {
    stall += train_number(epochs, i, "stall_seconds");
    seconds += train_number(epochs, i, "seconds");
  }
  const double whole = train_number(ends, last, "train_seconds"), waited = train_number(ends, last, "stall_seconds");
  if (!(fabs(waited - stall) < 1e-6)) fail_msg("waited %.9f s in all, %.9f s in the epochs", waited, stall);
  if (!(whole > 0.3 * seconds && whole < seconds + 0.1)) fail_msg("%g s of training, %g s of epochs", whole, seconds);
  assert_true(fabs(train_number(ends, last, "stall_share") - waited / whole) < 1e-9);
  assert_true(fabs(result->stall_seconds - waited) < 1e-9 && fabs(result->train_seconds - whole) < 1e-9);
  cJSON_Delete(ends);
  cJSON_Delete(epochs);
}

static void stopped_again_and_again(const char *name, const char *const *pairs, int least_parts) {
  char whole[PATH], parts[PATH], label[64];
  flr_fit_result straight, result;
  (void)snprintf(label, sizeof label, "%s-whole", name);
  train_directory(whole, sizeof whole, label);
  train_directory(parts, sizeof parts, name);
  CHECK_OK(run_part(pairs, whole, NULL, 0, &straight));
  int count = 0;
  flr_status status = FLR_STOPPED;
  while (status == FLR_STOPPED && count < MOST_PARTS) status = run_part(pairs, parts, "", count++ >= 0, &result);
  CHECK_OK(status);
  if (count < least_parts) fail_msg("only %d parts", count);
  assert_true(result.valid_loss >= straight.valid_loss && result.valid_loss <= straight.valid_loss);
  assert_int_equal(result.steps, straight.steps);
  check_same(whole, parts);
  if (strcmp(name, "resume-train") == 0) check_waits(whole, &straight);
  if (strcmp(name, "resume-train") == 0) check_waits(parts, &result);
  train_barrier();
  train_remove(whole);
  train_remove(parts);
  train_barrier();
}

static void test_resume__in_the_middle_of_epochs(void **state) {
  (void)state;
  const char *const pairs[] = {NET, "lr", "3e-3", "epochs", "2", NULL};
  stopped_again_and_again("resume-train", pairs, 10);
}

static void test_resume__in_the_middle_of_a_sweep(void **state) {
  (void)state;
  const char *const pairs[] = {NET,     "sweep-iters", "14",         "sweep-start", "1e-4",     "sweep-end", "0.1",
                               "steps", "5",           "trim-start", "0",           "trim-end", "0",         NULL};
  stopped_again_and_again("resume-sweep", pairs, 8);
}

/* Where a sweep was stopped its log has the points up to there: it does not come at the end only. */
static void test_resume__a_sweep_is_logged_as_it_goes(void **state) {
  (void)state;
  const char *const pairs[] = {NET, "sweep-iters", "14", "sweep-start", "1e-4", "sweep-end", "0.1", "steps", "5", NULL};
  char directory[PATH];
  flr_fit_result result;
  train_directory(directory, sizeof directory, "resume-logged");
  assert_int_equal(run_part(pairs, directory, NULL, 1, &result), FLR_STOPPED);
  if (train_rank() == 0) {
    cJSON *points = train_events(directory, "sweep"), *checkpoints = train_events(directory, "checkpoint");
    assert_true(cJSON_GetArraySize(points) > 0);
    assert_int_equal(cJSON_GetArraySize(points), (int)train_number(checkpoints, cJSON_GetArraySize(checkpoints) - 1, "step"));
    cJSON_Delete(points);
    cJSON_Delete(checkpoints);
  }
  train_barrier();
  train_remove(directory);
}

/* What was chosen for sums, and so their order, lasts; asking for another still helps. */
static void test_resume__adds_up_as_at_the_start(void **state) {
  (void)state;
  static const char *const ways[] = {"mpi", "shared"};
  const char *const pairs[] = {NET, "lr", "3e-3", "steps", "20", NULL};
  char directory[PATH];
  flr_fit_result result;
  if (train_size() == 1) skip();
  train_directory(directory, sizeof directory, "resume-ways");
  for (int i = 0; i < 2; i++) {
    assert_int_equal(run_with(pairs, ways[i], directory, NULL, 1, &result), FLR_STOPPED);
    assert_int_equal(run_with(pairs, "auto", directory, "", 1, &result), FLR_STOPPED);
    CHECK_OK(run_with(pairs, ways[!i], directory, "", 0, &result));
    if (train_rank() == 0) {
      cJSON *events = train_events(directory, "resume");
      for (int part = 0; part < 2; part++)
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(events, part), "comm_algorithm")),
                            ways[part == 0 ? i : !i]);
      cJSON_Delete(events);
    }
    train_barrier();
    train_remove(directory);
    train_barrier();
  }
}

/* A run that wrote a checkpoint after every step: the same from each of these files. */
static void from_single_points(const char *const *pairs, const char *prefix, const int *points, size_t count,
                               void (*check)(const char *whole, const char *part)) {
  char whole[PATH], part[PATH], file[PATH + 64];
  flr_fit_result straight, result;
  train_directory(whole, sizeof whole, "resume-points-whole");
  CHECK_OK(run_part(pairs, whole, NULL, 0, &straight));
  for (size_t i = 0; i < count; i++) {
    (void)snprintf(file, sizeof file, "%s/%s%d.h5", whole, prefix, points[i]);
    train_directory(part, sizeof part, "resume-points");
    CHECK_OK(run_part(pairs, part, file, 0, &result));
    assert_true(result.valid_loss >= straight.valid_loss && result.valid_loss <= straight.valid_loss);
    check(whole, part);
    train_barrier();
    train_remove(part);
  }
  train_remove(whole);
}

/* From whatever point of a sweep: the same curve, pick and training. */
static void test_resume__from_single_points_of_a_sweep(void **state) {
  (void)state;
  static const int points[] = {1, 37, 99};
  const char *const pairs[] = {
      "model", "mlp", "dropout",          "0.2", "sweep-end", "0.1", "sweep-stop", "0",  "sweep-iters", "100",
      "steps", "20",  "checkpoint-every", "1",   "keep",      "200", "batch",      "96", "drop-last",   "off",
      NULL};
  from_single_points(pairs, "checkpoint-sweep-", points, sizeof points / sizeof points[0], check_same);
}

static void test_resume__in_both_phases_of_fine_tune(void **state) {
  (void)state;
  const char *const pairs[] = {NET, "lr", "1e-2", "policy", "fine-tune", "steps", "4", NULL};
  stopped_again_and_again("resume-fine-tune", pairs, 8);
}

/* 15 frozen steps: in the first phase, at its last step, where the second begins, after that one's first step. */
static void test_resume__from_single_points_of_fine_tune(void **state) {
  (void)state;
  static const int points[] = {1, 14, 15, 16, 18};
  const char *const pairs[] = {NET,    "lr",      "1e-2", "policy",           "fine-tune", "optimizer",
                               "lamb", "steps",   "4",    "checkpoint-every", "1",         "keep",
                               "200",  "sync-bn", "on",   "shards",           "4",         NULL};
  from_single_points(pairs, "checkpoint-", points, sizeof points / sizeof points[0], check_same_end);
}

/* Through three sweeps: those that are over, the one under way and the ones to come. */
static void test_resume__in_the_middle_of_repeated_sweeps(void **state) {
  (void)state;
  const char *const pairs[] = {NET,   "sweep-iters",   "8", "sweep-start", "1e-4",    "sweep-end",
                               "0.1", "sweep-repeats", "3", "steps",       "4",       "trim-start",
                               "0",   "trim-end",      "0", "pick",        "minimum", NULL};
  stopped_again_and_again("resume-repeats", pairs, 9);
}

/* At a repeat's beginning, inside it, at its last step: the second's, the third's; also where sweeps end by diverging. */
static void test_resume__from_single_points_of_repeated_sweeps(void **state) {
  (void)state;
  const char *const pairs[] = {"model",       "mlp",  "hidden",           "16",  "sweep-iters",   "20",
                               "sweep-start", "1e-3", "sweep-end",        "50",  "sweep-repeats", "3",
                               "steps",       "6",    "checkpoint-every", "1",   "keep",          "200",
                               "batch",       "96",   "dropout",          "0.2", "pick",          "minimum",
                               "optimizer",   "sgd",  "trim-start",       "0",   "trim-end",      "1",
                               NULL};
  static const int points[] = {7, 21, 30, 41};
  char whole[PATH], part[PATH], file[PATH + 64];
  flr_fit_result straight, result;
  train_directory(whole, sizeof whole, "resume-repeats-whole");
  CHECK_OK(run_part(pairs, whole, NULL, 0, &straight));
  int resumed = 0;
  for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
    (void)snprintf(file, sizeof file, "%s/checkpoint-sweep-%d.h5", whole, points[i]);
    int there = train_rank() == 0 && access(file, F_OK) == 0;
    train_broadcast(&there, sizeof there);
    if (!there) continue; /* (that sweep had ended) */
    resumed++;
    train_directory(part, sizeof part, "resume-repeats");
    CHECK_OK(run_part(pairs, part, file, 0, &result));
    assert_true(result.valid_loss >= straight.valid_loss && result.valid_loss <= straight.valid_loss);
    check_same(whole, part);
    train_barrier();
    train_remove(part);
  }
  assert_true(resumed >= 3);
  const char *const fewer[] = {"model", "mlp", "sweep-repeats", "2", "resume", file, "reschedule", "on", NULL};
  (void)snprintf(file, sizeof file, "%s/checkpoint-sweep-21.h5", whole);
  train_directory(part, sizeof part, "resume-repeats");
  CHECK_FAILS(run_part(fewer, part, file, 0, &result), FLR_ERROR_USAGE,
              "checkpoint-sweep-21.h5 is of 3 sweeps, not 2: their number cannot change");
  const char *const other_rates[] = {"model", "mlp", "sweep-end", "60", "resume", file, "reschedule", "on", NULL};
  CHECK_FAILS(run_part(other_rates, part, file, 0, &result), FLR_ERROR_USAGE, "rates cannot change");
  train_remove(part);
  train_remove(whole);
}

/* The decays that are compared, and the one that was taken, from their sweeps on. */
static void test_resume__in_the_middle_of_sweeps_over_decays(void **state) {
  (void)state;
  const char *const pairs[] = {"model",       "mlp",  "hidden",    "16",  "batch",    "96",      "sweep-iters", "7",
                               "sweep-start", "1e-4", "sweep-end", "0.1", "sweep-wd", "0,0.7",   "steps",       "4",
                               "trim-start",  "0",    "trim-end",  "0",   "pick",     "minimum", NULL};
  stopped_again_and_again("resume-decays", pairs, 6);
}

/* A checkpoint from before there could be several sweeps (format version 2 then as now). */
static void test_resume__of_a_sweep_from_before_repeats(void **state) {
  (void)state;
  char file[PATH], part[PATH];
  flr_fit_result result;
  if (train_size() > 1) return; /* it is of one shard */
  train_source_path(file, sizeof file, "tests/train/fixtures/sweep-before-repeats.h5");
  train_directory(part, sizeof part, "resume-before");
  CHECK_OK(run_part((const char *const[]){NULL}, part, file, 0, &result));
  cJSON *points = train_events(part, "sweep"), *suggestions = train_events(part, "suggest");
  assert_int_equal(cJSON_GetArraySize(points), 14);
  CHECK_NEAR(train_number(points, 6, "lr"), 1e-4 * pow(1e3, 6.0 / 14), 1e-12, 0);
  const cJSON *minimum = cJSON_GetObjectItem(cJSON_GetArrayItem(suggestions, 0), "minimum");
  CHECK_NEAR(cJSON_GetNumberValue(cJSON_GetObjectItem(minimum, "lr")), 1e-4 * pow(1e3, 8.0 / 14) / 10, 1e-9, 0);
  cJSON_Delete(points);
  cJSON_Delete(suggestions);
  train_remove(part);
}

static void test_resume__deterministic_with_sgd(void **state) {
  (void)state;
  const char *const pairs[] = {NET,   "lr",     "3e-2", "epochs",        "1",  "optimizer",
                               "sgd", "shards", "4",    "deterministic", "on", NULL};
  stopped_again_and_again("resume-deterministic", pairs, 5);
}

static void test_resume__with_other_policies(void **state) {
  (void)state;
  static const char *const policies[][2] = {
      {"one-cycle-v2", "pct-start"}, {"annihilate", "annihilate-pct"}, {"sgdr", "cycle-mult"}};
  for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
    const char *const value = strcmp(policies[i][0], "sgdr") == 0 ? "1" : "0.35";
    const char *const pairs[] = {
        "model",        "mlp", "hidden", "16", "batch",  "96", "lr",         "3e-3", "policy", policies[i][0],
        policies[i][1], value, "steps",  "5",  "epochs", "2",  "tot-epochs", "3",    NULL};
    stopped_again_and_again(policies[i][0], pairs, 3);
  }
}

static void test_resume__frozen_with_rates_per_group(void **state) {
  (void)state;
  const char *const pairs[] = {NET, "lr", "1e-3:1e-2", "steps", "6", "freeze-to", "1", NULL};
  stopped_again_and_again("resume-frozen", pairs, 3);
}

/* The new head that --init-weights asked for, and the normalisation that came with the weights, are the checkpoint's. */
static void test_resume__of_a_transfer(void **state) {
  (void)state;
  const char *const first[] = {"model", "cnn", "data", "synthetic:128,8,8,1,5", "steps", "3", "lr", "1e-2", NULL};
  char body[PATH], weights[PATH + 16];
  flr_fit_result result;
  train_directory(body, sizeof body, "resume-body");
  CHECK_OK(run_part(first, body, 0, 0, &result));
  (void)snprintf(weights, sizeof weights, "%s/final.h5", body);
  const char *const pairs[] = {
      "model", "cnn", "data", "synthetic:256,8,8,1,3", "init-weights", weights, "batch", "48", "lr", "1e-2", "freeze", "on",
      "steps", "6",   NULL};
  stopped_again_and_again("resume-transfer", pairs, 3);
  train_remove(body);
}

/* A run that is over: nothing is trained again, and its results are the same. */
static void test_resume__after_the_end(void **state) {
  (void)state;
  const char *const pairs[] = {NET, "lr", "3e-3", "steps", "4", NULL};
  char directory[PATH];
  flr_fit_result first, second;
  train_directory(directory, sizeof directory, "resume-end");
  CHECK_OK(run_part(pairs, directory, "", 0, &first));
  const uint64_t hash = train_hash_weights(directory);
  train_barrier();
  CHECK_OK(run_part(pairs, directory, "", 0, &second));
  assert_true(hash == train_hash_weights(directory));
  assert_true(second.error_rate >= first.error_rate && second.error_rate <= first.error_rate);
  if (train_rank() == 0) {
    cJSON *steps = train_events(directory, "step"), *resumes = train_events(directory, "resume");
    assert_int_equal(cJSON_GetArraySize(steps), 4);
    assert_int_equal(cJSON_GetArraySize(resumes), 1);
    cJSON_Delete(steps);
    cJSON_Delete(resumes);
  }
  train_barrier();
  train_remove(directory);
}

static void test_resume__refuses_other_options_and_other_data(void **state) {
  (void)state;
  const char *const pairs[] = {NET, "lr", "3e-3", "steps", "4", NULL};
  const char *const other_rate[] = {NET, "lr", "4e-3", "steps", "4", NULL};
  char directory[PATH];
  flr_fit_result result;
  train_directory(directory, sizeof directory, "resume-refused");
  CHECK_OK(run_part(pairs, directory, NULL, 0, &result));
  CHECK_FAILS(run_part(other_rate, directory, "", 0, &result), FLR_ERROR_USAGE,
              "--lr: 4e-3, but checkpoint-4.h5 was made with 3e-3");
  const char *const other_data[] = {NET,      "lr", "3e-3",       "steps", "4", "data", "synthetic:300,8,8,1,10",
                                    "resume", "",   "reschedule", "on",    NULL};
  CHECK_OK(run_part(other_data, directory, "", 0, &result)); /* asked for by --reschedule */
  train_remove(directory);
}

/* Rates that no net survives: back to the checkpoint at half the rate, three times at most, each step in the log once. Rank 0:
   the step gone back to, -1 on others. */
static int roll_back_three_times(const char *directory, const char *const *pairs) {
  flr_fit_result result;
  int step = -1;
  CHECK_FAILS(run_part(pairs, directory, NULL, 0, &result), FLR_ERROR_DIVERGED, "also after going back at lower rates");
  if (train_rank() != 0) return step;
  cJSON *rollbacks = train_events(directory, "rollback"), *steps = train_events(directory, "step");
  const int last = cJSON_GetArraySize(rollbacks) - 1;
  assert_true(last >= 0); /* (those before it were cut off with the steps they followed) */
  assert_true(train_number(rollbacks, last, "lr_factor") == 0.125);
  step = (int)train_number(rollbacks, last, "step");
  for (int i = 0; i < cJSON_GetArraySize(steps); i++) assert_int_equal(train_number(steps, i, "step"), i);
  assert_true(step < cJSON_GetArraySize(steps));
  cJSON_Delete(rollbacks);
  cJSON_Delete(steps);
  return step;
}

static void test_rollback__is_bounded_and_recorded(void **state) {
  (void)state;
  const char *const pairs[] = {"model", "mlp", "policy",           "constant", "optimizer",    "sgd",      "lr", "100",
                               "steps", "60",  "checkpoint-every", "4",        "on-nonfinite", "rollback", NULL};
  char directory[PATH];
  const int step = roll_back_three_times(train_directory(directory, sizeof directory, "rollback"), pairs);
  if (train_rank() == 0) {
    cJSON *steps = train_events(directory, "step");
    assert_true(train_number(steps, step, "lr") == 12.5);
    cJSON_Delete(steps);
  }
  train_barrier();
  train_remove(directory);
}

/* The frozen phase only gets large numbers; the checkpoint at its end is gone back to, with the free phase's beginning. */
static void test_rollback__to_where_fine_tune_unfreezes(void **state) {
  (void)state;
  const char *const pairs[] = {"model",     "mlp", "policy", "fine-tune", "batch",        "128",      "lr", "1e5",
                               "optimizer", "sgd", "steps",  "30",        "on-nonfinite", "rollback", NULL};
  char directory[PATH];
  const int step = roll_back_three_times(train_directory(directory, sizeof directory, "rollback-tune"), pairs);
  if (train_rank() == 0) {
    cJSON *phases = train_events(directory, "phase");
    assert_int_equal(cJSON_GetArraySize(phases), 2);
    assert_int_equal(train_number(phases, 1, "step"), step);
    cJSON_Delete(phases);
  }
  train_barrier();
  train_remove(directory);
}

static void test_rollback__without_a_checkpoint_is_the_end(void **state) {
  (void)state;
  const char *const pairs[] = {"model", "mlp",   "policy", "constant",     "optimizer", "sgd", "lr",
                               "1e30",  "steps", "60",     "on-nonfinite", "rollback",  NULL};
  char directory[PATH];
  flr_fit_result result;
  train_directory(directory, sizeof directory, "rollback-none");
  CHECK_FAILS(run_part(pairs, directory, NULL, 0, &result), FLR_ERROR_DIVERGED, "the loss is not finite; lower --lr");
  if (train_rank() == 0) {
    cJSON *ends = train_events(directory, "end");
    assert_int_equal(cJSON_GetArraySize(ends), 1);
    assert_true(train_number(ends, 0, "exit") == FLR_ERROR_DIVERGED);
    cJSON_Delete(ends);
  }
  train_barrier();
  train_remove(directory);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_resume__in_the_middle_of_epochs),
      cmocka_unit_test(test_resume__adds_up_as_at_the_start),
      cmocka_unit_test(test_resume__in_the_middle_of_a_sweep),
      cmocka_unit_test(test_resume__a_sweep_is_logged_as_it_goes),
      cmocka_unit_test(test_resume__from_single_points_of_a_sweep),
      cmocka_unit_test(test_resume__in_both_phases_of_fine_tune),
      cmocka_unit_test(test_resume__from_single_points_of_fine_tune),
      cmocka_unit_test(test_resume__in_the_middle_of_repeated_sweeps),
      cmocka_unit_test(test_resume__from_single_points_of_repeated_sweeps),
      cmocka_unit_test(test_resume__in_the_middle_of_sweeps_over_decays),
      cmocka_unit_test(test_resume__of_a_sweep_from_before_repeats),
      cmocka_unit_test(test_resume__deterministic_with_sgd),
      cmocka_unit_test(test_resume__with_other_policies),
      cmocka_unit_test(test_resume__frozen_with_rates_per_group),
      cmocka_unit_test(test_resume__of_a_transfer),
      cmocka_unit_test(test_resume__after_the_end),
      cmocka_unit_test(test_resume__refuses_other_options_and_other_data),
      cmocka_unit_test(test_rollback__is_bounded_and_recorded),
      cmocka_unit_test(test_rollback__to_where_fine_tune_unfreezes),
      cmocka_unit_test(test_rollback__without_a_checkpoint_is_the_end),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
