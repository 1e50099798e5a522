/* Frozen layer groups in whole runs: their bits stay, and they cost neither gradient memory nor communication. */
#include "train/session.h"
#include "train/train_harness.h"

typedef struct cost {
  int64_t sent;             /* bytes of gradients by this rank */
  int64_t shared;           /* bytes of batch norm's sums by this rank */
  int64_t gradients, arena; /* bytes of memory */
  int64_t elements;         /* of the gradient buffer */
} cost;

enum { STEPS = 6 };

static cost run(const char *directory, const char *const *pairs) {
  flr_config config;
  flr_session *session;
  flr_fit_result result;
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "plot", "none"));
  CHECK_OK(flr_config_set(&config, "steps", "6"));
  CHECK_OK(flr_config_set(&config, "policy", "constant"));
  CHECK_OK(flr_config_set(&config, "out", directory));
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  const flr_status status = flr_session_fit(session, &result);
  const cost out = {.sent = flr_reducer_bytes(session->reducer),
                    .shared = session->norm_sums.bytes,
                    .gradients = (int64_t)session->state.gradients.bytes,
                    .arena = (int64_t)flr_executor_arena_bytes(session->executor),
                    .elements = session->state.layout->grad_elements};
  flr_session_destroy(session);
  flr_config_clear(&config);
  CHECK_OK(status);
  return out;
}

/* cnn: groups {conv1, bn1, conv2, bn2}, {conv3, bn3, conv4, bn4}, {fc}. `still` stayed at its start. */
static void check_tensors(const char *still, const char *trained, int train_bn, int held) {
  if (train_rank() != 0) return;
  assert_true(train_same_tensor(still, trained, "conv1.weight"));
  assert_true(train_same_tensor(still, trained, "conv4.weight"));
  assert_int_equal(train_same_tensor(still, trained, "bn1.weight"), !train_bn);
  assert_int_equal(train_same_tensor(still, trained, "bn4.bias"), !train_bn);
  assert_int_equal(train_same_tensor(still, trained, "bn1.running_mean"), held);
  assert_int_equal(train_same_tensor(still, trained, "bn4.running_var"), held);
  assert_false(train_same_tensor(still, trained, "fc.weight"));
  assert_false(train_same_tensor(still, trained, "fc.bias"));
}

#define CNN "model", "cnn", "batch", "64"

static void test_freeze__leaves_the_bits_of_frozen_parameters(void **state) {
  (void)state;
  char still[1200], one[1200];
  /* A sweep leaves no trace: the running averages of `still` are those of the start, as nothing else can keep them. */
  static const char *const nothing[] = {CNN, "lr", "0", "freeze-to", "2", "bn-freeze", "on", NULL};
  static const char *const with_norms[] = {CNN, "lr", "1e-3:1e-2", "freeze", "on", NULL};
  static const char *const without[] = {CNN, "lr", "1e-2", "freeze", "on", "train-bn", "off", "wd", "0.1", NULL};
  static const char *const held[] = {CNN, "lr", "1e-2", "freeze", "on", "bn-freeze", "on", "optimizer", "sgd", NULL};
  run(train_directory(still, sizeof still, "still"), nothing);
  train_directory(one, sizeof one, "frozen");
  run(one, with_norms);
  check_tensors(still, one, 1, 0);
  train_remove(one);
  run(one, without);
  check_tensors(still, one, 0, 0);
  train_remove(one);
  run(one, held);
  check_tensors(still, one, 0, 1);
  train_remove(one);
  train_remove(still);
}

/* Every rank hands each element of the gradient buffer over once a step. */
static void test_freeze__costs_no_gradients_and_no_communication(void **state) {
  (void)state;
  char directory[1200];
  static const char *const all[] = {CNN, "lr", "1e-2", NULL};
  static const char *const norms[] = {CNN, "lr", "1e-2", "freeze", "on", NULL};
  static const char *const head[] = {CNN, "lr", "1e-2", "freeze", "on", "train-bn", "off", NULL};
  const char *const *const runs[] = {all, norms, head};
  cost costs[3];
  train_directory(directory, sizeof directory, "cost");
  for (int i = 0; i < 3; i++) {
    costs[i] = run(directory, runs[i]);
    train_remove(directory);
    assert_int_equal(costs[i].gradients, costs[i].elements * (int64_t)sizeof(float));
    if (!getenv("FLR_TEST_OPTIONS"))
      assert_int_equal(costs[i].sent, train_size() > 1 ? STEPS * costs[i].elements * (int64_t)sizeof(float) : 0);
  }
  assert_int_equal(costs[2].elements, 128 * 10 + 16);
  assert_int_equal(costs[1].elements, costs[2].elements + 2 * (32 + 64 + 128 + 128));
  assert_true(costs[1].elements < costs[0].elements / 20);
  assert_true(costs[1].arena <= costs[0].arena && costs[2].arena < costs[1].arena);
}

/* cnn has batch norm of 32, 64, 128 and 128 channels: of each a count and two numbers a channel, forward and backward. */
static void test_freeze__held_norms_sum_nothing_over_ranks(void **state) {
  (void)state;
  char directory[1200];
  static const char *const off[] = {CNN, "lr", "1e-2", NULL};
  static const char *const all[] = {CNN, "lr", "1e-2", "sync-bn", "on", NULL};
  static const char *const held[] = {CNN, "lr", "1e-2", "sync-bn", "on", "freeze-to", "1", "bn-freeze", "on", NULL};
  static const char *const frozen[] = {CNN, "lr", "1e-2", "sync-bn", "on", "freeze", "on", "train-bn", "off", NULL};
  const char *const *const runs[] = {off, all, held, frozen};
  const int64_t first = 2 + 2 * (32 + 64), second = 2 + 2 * (128 + 128); /* numbers of the groups' layers in one direction */
  const int64_t wanted[] = {0, 2 * (first + second), 2 * second, first + second};
  train_directory(directory, sizeof directory, "shared");
  for (int i = 0; i < 4; i++) {
    const cost c = run(directory, runs[i]);
    train_remove(directory);
    if (!getenv("FLR_TEST_OPTIONS"))
      assert_int_equal(c.shared, train_size() > 1 ? STEPS * wanted[i] * (int64_t)sizeof(double) : 0);
  }
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_freeze__leaves_the_bits_of_frozen_parameters),
      cmocka_unit_test(test_freeze__costs_no_gradients_and_no_communication),
      cmocka_unit_test(test_freeze__held_norms_sum_nothing_over_ranks),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
