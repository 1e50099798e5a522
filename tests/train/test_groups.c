/* Layer groups in whole runs: their own rates, in the sweep too, in what is trained and in what is logged. */
#include "train/train_harness.h"

static double group_rate(const cJSON *steps, int step, int group) {
  return cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetArrayItem(steps, step), "lr"), group));
}

static void test_groups__are_logged_with_their_rates_and_momentum(void **state) {
  (void)state;
  char directory[1200];
  static const char *const pairs[] = {"model", "cnn", "lr", "1e-5:1e-3", "steps", "10", NULL};
  train_fit(train_directory(directory, sizeof directory, "groups"), pairs);
  if (train_rank() == 0) {
    cJSON *steps = train_events(directory, "step");
    assert_int_equal(cJSON_GetArraySize(steps), 10);
    for (int i = 0; i < 10; i++) {
      assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetArrayItem(steps, i), "lr")), 3);
      CHECK_NEAR(group_rate(steps, i, 1), group_rate(steps, i, 0) * 10, 1e-13, 0);
      CHECK_NEAR(group_rate(steps, i, 2), group_rate(steps, i, 0) * 100, 1e-13, 0);
    }
    CHECK_NEAR(group_rate(steps, 3, 2), 1e-3, 1e-13, 0);
    CHECK_NEAR(train_number(steps, 0, "momentum"), 0.95, 1e-13, 0);
    CHECK_NEAR(train_number(steps, 3, "momentum"), 0.85, 1e-13, 0);
    cJSON_Delete(steps);
  }
  train_remove(directory);
}

static void test_groups__train_at_their_own_rate(void **state) {
  (void)state;
  char still[1200], half[1200];
  static const char *const nothing[] = {"model", "mlp", "lr", "0", "steps", "5", NULL};
  static const char *const last[] = {"model", "mlp", "lr", "0,1e-2", "steps", "5", NULL};
  train_fit(train_directory(still, sizeof still, "still"), nothing);
  train_fit(train_directory(half, sizeof half, "half"), last);
  if (train_rank() == 0) {
    assert_true(train_same_tensor(still, half, "fc1.weight"));
    assert_true(train_same_tensor(still, half, "fc2.bias"));
    assert_false(train_same_tensor(still, half, "fc3.weight"));
    assert_false(train_same_tensor(still, half, "fc3.bias"));
  }
  train_remove(still);
  train_remove(half);
}

static void test_groups__keep_the_ratio_of_their_sweep(void **state) {
  (void)state;
  char directory[1200];
  static const char *const pairs[] = {"model", "mlp",  "sweep-start", "1e-9:1e-7", "sweep-end",  "0.1:10",
                                      "lr",    "auto", "optimizer",   "adam",      "sweep-beta", "0.9",
                                      "steps", "4",    "policy",      "constant",  NULL};
  train_fit(train_directory(directory, sizeof directory, "ratio"), pairs);
  if (train_rank() == 0) {
    cJSON *steps = train_events(directory, "step"), *suggested = train_events(directory, "suggest");
    const double picked = train_number(suggested, 0, "lr");
    assert_true(isfinite(picked) && picked > 0);
    assert_int_equal(cJSON_GetArraySize(steps), 4);
    CHECK_NEAR(group_rate(steps, 0, 1), picked, 1e-13, 0);
    CHECK_NEAR(group_rate(steps, 0, 0), picked / 100, 1e-12, 0);
    cJSON_Delete(steps);
    cJSON_Delete(suggested);
  }
  train_remove(directory);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_groups__are_logged_with_their_rates_and_momentum),
      cmocka_unit_test(test_groups__train_at_their_own_rate),
      cmocka_unit_test(test_groups__keep_the_ratio_of_their_sweep),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
