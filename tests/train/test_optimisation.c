/* What --clip-norm, --label-smoothing and --accum do to whole runs. */
#include "train/session.h"
#include "train/train_harness.h"

enum { PATH = 1200 };

#define NET "model", "mlp", "hidden", "24,12", "batch", "96", "log-every", "1", "plot", "none"

static flr_fit_result run(const char *directory, const char *const *pairs) {
  flr_config config;
  flr_session *session = NULL;
  flr_fit_result result;
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "out", directory));
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  CHECK_OK(flr_session_fit(session, &result));
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_barrier();
  return result;
}

/* The number of step i of the run in this directory; rank 0. */
static double of_step(const char *directory, int i, const char *name) {
  cJSON *steps = train_events(directory, "step");
  const double number = train_number(steps, i, name);
  cJSON_Delete(steps);
  return number;
}

/* A rate of 0 leaves every loss where it began. (1 - e) of the label's and e of the mean of all classes' logarithms. */
static void test_label_smoothing__spreads_the_target_in_training_only(void **state) {
  (void)state;
  static const char *const shares[] = {"0", "0.1", "0.2"};
  double train[3], valid[3];
  char directory[PATH];
  train_directory(directory, sizeof directory, "smoothing");
  for (int i = 0; i < 3; i++) {
    const char *const pairs[] = {NET, "lr", "0", "steps", "2", "label-smoothing", shares[i], NULL};
    valid[i] = run(directory, pairs).valid_loss;
    train[i] = train_rank() == 0 ? of_step(directory, 0, "loss") : 0;
    train_barrier();
    train_remove(directory);
    train_barrier();
  }
  if (train_rank() != 0) return;
  assert_true(valid[1] == valid[0] && valid[2] == valid[0]);
  if (fabs(train[1] - train[0]) < 1e-4) fail_msg("smoothing changed the loss from %.17g to %.17g", train[0], train[1]);
  CHECK_NEAR(train[2] - train[0], 2 * (train[1] - train[0]), 1e-5, 0);
}

/* The norms of the runs of a rate of 0 are those before clipping, whatever is clipped. */
static void test_clip_norm__is_told_before_clipping(void **state) {
  (void)state;
  static const char *const options[][2] = {{"seed", "1"}, {"clip-norm", "0.01"}, {"clip-norm", "1000"}};
  double norms[3];
  char directory[PATH];
  train_directory(directory, sizeof directory, "clip-told");
  for (int i = 0; i < 3; i++) {
    const char *const pairs[] = {NET, "lr", "0", "steps", "2", options[i][0], options[i][1], NULL};
    (void)run(directory, pairs);
    norms[i] = train_rank() == 0 ? of_step(directory, 1, "grad_norm") : 0;
    train_barrier();
    train_remove(directory);
    train_barrier();
  }
  if (train_rank() != 0) return;
  assert_true(norms[0] > 0.05 && norms[1] == norms[0] && norms[2] == norms[0]);
}

/* Plain descent by a clipped gradient: with half the norm and twice the rate the first step is the same. */
static void test_clip_norm__scales_the_whole_gradient(void **state) {
  (void)state;
  static const char *const ways[][2] = {{"0.01", "2"}, {"0.02", "1"}, {"0.01", "1"}};
  double losses[3];
  char directory[PATH];
  train_directory(directory, sizeof directory, "clip-scales");
  for (int i = 0; i < 3; i++) {
    const char *const pairs[] = {NET,     "policy", "constant",  "optimizer", "sgd", "moms",     "0",
                                 "steps", "2",      "clip-norm", ways[i][0],  "lr",  ways[i][1], NULL};
    (void)run(directory, pairs);
    losses[i] = train_rank() == 0 ? of_step(directory, 1, "loss") : 0;
    train_barrier();
    train_remove(directory);
    train_barrier();
  }
  if (train_rank() != 0) return;
  CHECK_NEAR(losses[1], losses[0], 1e-6, 0);
  assert_true(fabs(losses[2] - losses[0]) > 1e-5);
}

/* A net without batch norm trains the same in pieces: samples keep their place, also in dropout, and gradients add up. 96
   samples in shards of 48 or so in 5 pieces are uneven; the last batch of an epoch has fewer samples than some ranks pieces. */
static void test_accum__pieces_add_up_to_the_whole(void **state) {
  (void)state;
  static const char *const pieces[] = {"1", "5", "48"};
  char directories[3][PATH], name[32];
  flr_fit_result results[3];
  for (int i = 0; i < 3; i++) {
    (void)snprintf(name, sizeof name, "accum-%s", pieces[i]);
    train_directory(directories[i], PATH, name);
    const char *const pairs[] = {NET,   "lr",     "3e-3", "epochs",    "1", "drop-last", "off",     "dropout",
                                 "0.3", "shards", "2",    "clip-norm", "1", "accum",     pieces[i], NULL};
    results[i] = run(directories[i], pairs);
  }
  if (train_rank() == 0) {
    cJSON *whole = train_events(directories[0], "step");
    for (int i = 1; i < 3; i++) {
      cJSON *parts = train_events(directories[i], "step");
      assert_int_equal(cJSON_GetArraySize(parts), cJSON_GetArraySize(whole));
      for (int step = 0; step < cJSON_GetArraySize(whole); step++) {
        CHECK_NEAR(train_number(parts, step, "loss"), train_number(whole, step, "loss"), 1e-5, 0);
        CHECK_NEAR(train_number(parts, step, "grad_norm"), train_number(whole, step, "grad_norm"), 1e-4, 0);
        assert_true(train_number(parts, step, "samples") == train_number(whole, step, "samples"));
      }
      CHECK_NEAR(results[i].valid_loss, results[0].valid_loss, 1e-4, 0);
      cJSON_Delete(parts);
    }
    cJSON_Delete(whole);
  }
  train_barrier();
  for (int i = 0; i < 3; i++) train_remove(directories[i]);
  train_barrier();
}

/* With --deterministic the pieces of a shard are added in their order: the same bits every time and at any rank count (the hash
   is compared with that of one rank by train.session); batch norm sees a piece at a time. */
static void test_accum__batch_norm_sees_pieces(void **state) {
  (void)state;
  static const char *const pieces[] = {"1", "4", "4"};
  uint64_t hashes[3];
  char directory[PATH];
  train_directory(directory, sizeof directory, "accum-norm");
  for (int i = 0; i < 3; i++) {
    const char *const pairs[] = {"model",  "cnn", "batch",         "96", "plot",  "none",    "lr", "3e-3", "steps", "3",
                                 "shards", "2",   "deterministic", "on", "accum", pieces[i], NULL};
    (void)run(directory, pairs);
    hashes[i] = train_rank() == 0 ? train_hash_weights(directory) : 0;
    train_barrier();
    train_remove(directory);
    train_barrier();
  }
  if (train_rank() != 0) return;
  assert_true(hashes[0] != 0 && hashes[1] != hashes[0] && hashes[2] == hashes[1]);
}

/* Memory is that of a piece, in evaluation as in training: without validation samples a session has the same. */
static void test_accum__bounds_the_memory_of_evaluation(void **state) {
  (void)state;
  static const char *const settings[][2] = {{"1", "0.5"}, {"16", "0.5"}, {"16", "0"}};
  size_t arenas[3];
  char directory[PATH];
  for (int i = 0; i < 3; i++) {
    flr_config config;
    flr_session *session;
    const char *const pairs[] = {
        "model", "cnn",   "data",         "synthetic:512,16,16,3,4", "batch",        "256", "shards", "2", "lr",
        "1e-2",  "accum", settings[i][0], "valid-fraction",          settings[i][1], NULL};
    train_config(&config, pairs);
    CHECK_OK(flr_config_set(&config, "out", train_directory(directory, sizeof directory, "accum-memory")));
    CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
    arenas[i] = flr_executor_arena_bytes(session->executor);
    flr_session_destroy(session);
    flr_config_clear(&config);
    train_barrier();
    train_remove(directory);
    train_barrier();
  }
  if (arenas[1] != arenas[2]) fail_msg("%zu bytes with evaluation, %zu without", arenas[1], arenas[2]);
  if (arenas[1] >= arenas[0] / 2) fail_msg("%zu bytes in 16 pieces, %zu in one", arenas[1], arenas[0]);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_label_smoothing__spreads_the_target_in_training_only),
      cmocka_unit_test(test_clip_norm__is_told_before_clipping),
      cmocka_unit_test(test_clip_norm__scales_the_whole_gradient),
      cmocka_unit_test(test_accum__pieces_add_up_to_the_whole),
      cmocka_unit_test(test_accum__batch_norm_sees_pieces),
      cmocka_unit_test(test_accum__bounds_the_memory_of_evaluation),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
