/* What a whole run promises: a sweep leaves no trace, one rank's trouble is everybody's verdict, shards do not depend on ranks.
 */
#include <float.h>
#include <hdf5.h>

#include "train/train_harness.h"

enum { FEATURES = 6, CLASSES = 3 };

typedef struct outcome {
  flr_status status;
  flr_fit_result fit;
  uint64_t weights; /* hash of every tensor of final.h5, 0 when there is none; rank 0 */
} outcome;

/* A fit with these options in a directory of its own, which stays. */
static outcome run_fit(const char *directory, const char *const *pairs) {
  flr_config config;
  flr_session *session;
  outcome out = {0};
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "plot", "none"));
  CHECK_OK(flr_config_set(&config, "log-every", "1"));
  CHECK_OK(flr_config_set(&config, "out", directory));
  out.status = flr_session_create(&session, &config, NULL, NULL);
  if (out.status == FLR_OK) out.status = flr_session_fit(session, &out.fit);
  flr_session_destroy(session);
  flr_config_clear(&config);
  if (out.status == FLR_OK) out.weights = train_hash_weights(directory);
  return out;
}

/* The same by the program in a process of its own, which knows nothing of the launcher: one rank. Hash and metrics only. */
static uint64_t run_fit_alone(const char *directory, const char *const *pairs) {
  char command[4096];
  const char *program = getenv("FLR_PROGRAM");
  assert_non_null(program);
  int used =
      snprintf(command, sizeof command,
               "env -i PATH=\"$PATH\" ${FASTLR_CUDA_MODULE:+FASTLR_CUDA_MODULE=\"$FASTLR_CUDA_MODULE\"} '%s' fit --quiet "
               "--plot none --log-every 1 --out '%s'",
               program, directory);
  for (; pairs[0]; pairs += 2) {
    const char *value = strcmp(pairs[1], "on") == 0 && strcmp(pairs[0], "deterministic") == 0 ? "" : pairs[1];
    used += snprintf(command + used, sizeof command - (size_t)used, " --%s%s%s", pairs[0], value[0] ? " " : "", value);
  }
  train_test_arguments(command, sizeof command);
  if (system(command) != 0) fail_msg("failed: %s", command);
  return train_hash_weights(directory);
}

static double last_epoch(const char *directory, const char *name) {
  cJSON *events = train_events(directory, "epoch");
  const double loss = train_number(events, cJSON_GetArraySize(events) - 1, name);
  cJSON_Delete(events);
  return loss;
}

static double last_suggested_rate(const char *directory) {
  cJSON *events = train_events(directory, "suggest");
  const double rate = train_number(events, cJSON_GetArraySize(events) - 1, "lr");
  cJSON_Delete(events);
  return rate;
}

/* ---- the sweep leaves no trace ---- */

static void check_fit_after_sweep(const char *model, const char *optimizer) {
  char swept[1200], given[1200], rate[32];
  double lr;
  const char *const automatic[] = {"lr", "auto", "model", model, "optimizer", optimizer, "epochs", "1", "batch", "96", NULL};
  train_directory(swept, sizeof swept, "swept");
  train_directory(given, sizeof given, "given");
  const outcome after_sweep = run_fit(swept, automatic);
  CHECK_OK(after_sweep.status);
  lr = train_rank() == 0 ? last_suggested_rate(swept) : 0;
  train_broadcast(&lr, sizeof lr);
  assert_true(isfinite(lr) && lr > 0);
  (void)snprintf(rate, sizeof rate, "%.17g", lr);
  const char *const by_hand[] = {"lr", rate, "model", model, "optimizer", optimizer, "epochs", "1", "batch", "96", NULL};
  const outcome alone = run_fit(given, by_hand);
  CHECK_OK(alone.status);
  assert_true(after_sweep.weights != 0);
  assert_true(after_sweep.weights == alone.weights);
  assert_true(after_sweep.fit.valid_loss == alone.fit.valid_loss);
  train_remove(swept);
  train_remove(given);
}

static void test_session__fit_after_a_sweep_is_bit_identical(void **state) {
  (void)state;
  check_fit_after_sweep("mlp", "adam");
  check_fit_after_sweep("mlp", "sgd");
  check_fit_after_sweep("mlp", "lamb");
  check_fit_after_sweep("cnn", "adam"); /* batch norm statistics come back as well */
}

/* ---- trouble of one rank ---- */

static void write_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims, const void *data) {
  const hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(rank, dims, NULL);
  H5Pset_create_intermediate_group(links, 1);
  const hid_t set = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(links);
}

/* Features in three clusters; the row `bad` (-1: none) holds numbers that no sum of them can hold. Written by rank 0. */
static void write_clusters(const char *path, int64_t samples, int64_t bad) {
  if (train_rank() == 0) {
    float *features = calloc((size_t)samples * FEATURES, sizeof *features);
    int32_t *labels = calloc((size_t)samples, sizeof *labels);
    for (int64_t i = 0; i < samples; i++) {
      labels[i] = (int32_t)(i % CLASSES);
      for (int64_t j = 0; j < FEATURES; j++)
        features[i * FEATURES + j] = (float)(j % CLASSES == i % CLASSES) + 0.1F * (float)((i * 7 + j * 3) % 5);
    }
    for (int64_t j = 0; bad >= 0 && j < FEATURES; j++) features[bad * FEATURES + j] = FLT_MAX;
    const hsize_t shape[] = {(hsize_t)samples, FEATURES};
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    write_set(file, "/train/features", H5T_NATIVE_FLOAT, 2, shape, features);
    write_set(file, "/train/labels", H5T_NATIVE_INT32, 1, shape, labels);
    write_set(file, "/valid/features", H5T_NATIVE_FLOAT, 2, shape, features);
    write_set(file, "/valid/labels", H5T_NATIVE_INT32, 1, shape, labels);
    H5Fclose(file);
    free(labels);
    free(features);
  }
  train_barrier();
}

/* Row 37 is in the fifth batch of eight, in the hands of the rank that has its shard. */
static void test_session__a_loss_not_finite_on_one_rank_ends_the_sweep_on_all(void **state) {
  (void)state;
  char path[1200], directory[1200];
  flr_config config;
  flr_session *session;
  flr_sweep_result result;
  train_directory(path, sizeof path, "large.h5");
  train_directory(directory, sizeof directory, "large");
  write_clusters(path, 64, 37);
  const char *const pairs[] = {"data",  path,        "batch",     "8",   "order",   "sequential", "normalize",
                               "none",  "optimizer", "sgd",       "out", directory, "plot",       "none",
                               "model", "mlp",       "drop-last", "on",  NULL};
  train_config(&config, pairs);
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  CHECK_OK(flr_session_find(session, &result));
  assert_string_equal(result.verdict, "nonfinite");
  assert_int_equal(result.points, 5);
  assert_true(isnan(result.smooth[4]));
  assert_true(isfinite(result.smooth[3]));
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_remove(directory);
  train_remove(path);
}

static void test_session__a_loss_not_finite_on_one_rank_ends_training_on_all(void **state) {
  (void)state;
  char path[1200], directory[1200];
  train_directory(path, sizeof path, "large.h5");
  train_directory(directory, sizeof directory, "large");
  write_clusters(path, 64, 37);
  const char *const pairs[] = {"data",   path, "batch", "8",    "order", "sequential", "normalize", "none",
                               "epochs", "3",  "lr",    "0.01", "model", "mlp",        NULL};
  const outcome out = run_fit(directory, pairs);
  assert_int_equal(out.status, FLR_ERROR_DIVERGED);
  if (train_rank() == 0) {
    cJSON *steps = train_events(directory, "step"), *ends = train_events(directory, "end");
    assert_int_equal(cJSON_GetArraySize(steps), 5);
    assert_true(isnan(train_number(steps, 4, "loss")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(ends, 0), "reason")), "nonfinite");
    assert_true(train_hash_weights(directory) == 0); /* nothing of it is kept */
    cJSON_Delete(ends);
    cJSON_Delete(steps);
  }
  train_barrier();
  train_remove(directory);
  train_remove(path);
}

/* ---- shards ---- */

/* 66 samples in batches of 32: the last one has two, so two of four shards are empty; with V shards a rank may have none. The
 * same four shards on one rank and on all must give the same bits. */
static void test_session__shards_do_not_depend_on_ranks(void **state) {
  (void)state;
  char path[1200], here[1200], alone[1200];
  train_directory(path, sizeof path, "ragged.h5");
  train_directory(here, sizeof here, "here");
  train_directory(alone, sizeof alone, "alone");
  write_clusters(path, 66, -1);
  const char *const pairs[] = {"data",          path, "batch",     "32",   "drop-last", "off", "shards",          "4",
                               "deterministic", "on", "lr",        "auto", "epochs",    "4",   "model",           "mlp",
                               "sweep-iters",   "40", "sweep-end", "1",    "clip-norm", "0.5", "label-smoothing", "0.1",
                               "accum",         "3",  NULL};
  const outcome together = run_fit(here, pairs);
  CHECK_OK(together.status);
  if (train_rank() == 0) {
    assert_true(together.weights != 0);
    assert_true(run_fit_alone(alone, pairs) == together.weights);
    CHECK_NEAR(last_epoch(alone, "valid_loss"), together.fit.valid_loss, 1e-12, 1); /* its sum is not taken shard by shard */
    assert_true(last_suggested_rate(here) == last_suggested_rate(alone));
    cJSON *steps = train_events(here, "step");
    assert_int_equal(cJSON_GetArraySize(steps), 12);
    for (int i = 0; i < 12; i++) assert_true(train_number(steps, i, "samples") == (i % 3 == 2 ? 2 : 32));
    cJSON_Delete(steps);
  }
  train_barrier();
  train_remove(here);
  train_remove(alone);
  train_remove(path);
}

/* The sweep, batch norm in frozen layers and the packed gradients too. */
static void test_session__frozen_shards_do_not_depend_on_ranks(void **state) {
  (void)state;
  char here[1200], alone[1200];
  train_directory(here, sizeof here, "frozen-here");
  train_directory(alone, sizeof alone, "frozen-alone");
  const char *const pairs[] = {"model", "cnn",    "freeze-to",  "1",  "shards",   "4",           "deterministic",
                               "on",    "batch",  "64",         "lr", "auto",     "sweep-iters", "20",
                               "pick",  "valley", "trim-start", "0",  "trim-end", "0",           "sweep-end",
                               "0.1",   "steps",  "6",          NULL};
  const outcome together = run_fit(here, pairs);
  CHECK_OK(together.status);
  if (train_rank() == 0) {
    assert_true(together.weights != 0);
    assert_true(run_fit_alone(alone, pairs) == together.weights);
  }
  train_barrier();
  train_remove(here);
  train_remove(alone);
}

/* The ragged last batch counts by its samples: one shard or many, the loss is the same. */
static void test_session__ragged_batches_are_weighted_by_samples(void **state) {
  (void)state;
  char path[1200], one[1200], many[1200];
  train_directory(path, sizeof path, "ragged.h5");
  train_directory(one, sizeof one, "one");
  train_directory(many, sizeof many, "many");
  write_clusters(path, 66, -1);
  const char *const pairs[] = {"data",   path, "batch", "32",  "drop-last", "off", "lr", "0.01",
                               "epochs", "3",  "model", "mlp", "optimizer", "sgd", NULL};
  const outcome together = run_fit(many, pairs);
  CHECK_OK(together.status);
  if (train_rank() == 0) {
    (void)run_fit_alone(one, pairs);
    CHECK_NEAR(together.fit.train_loss, last_epoch(one, "train_loss"), 1e-5, 1);
    CHECK_NEAR(together.fit.valid_loss, last_epoch(one, "valid_loss"), 1e-5, 1);
    assert_true(together.fit.error_rate == last_epoch(one, "error_rate"));
  }
  train_barrier();
  train_remove(one);
  train_remove(many);
  train_remove(path);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_session__fit_after_a_sweep_is_bit_identical),
      cmocka_unit_test(test_session__a_loss_not_finite_on_one_rank_ends_the_sweep_on_all),
      cmocka_unit_test(test_session__a_loss_not_finite_on_one_rank_ends_training_on_all),
      cmocka_unit_test(test_session__shards_do_not_depend_on_ranks),
      cmocka_unit_test(test_session__frozen_shards_do_not_depend_on_ranks),
      cmocka_unit_test(test_session__ragged_batches_are_weighted_by_samples),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
