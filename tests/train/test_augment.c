/* Augmented training: what it sees follows from seed, epoch and sample alone, the sweep leaves no trace, evaluation sees the
   test-time form. */
#include "train/train_harness.h"

#include <math.h>

enum { PATH = 1200 };

#define DATA "data", "synthetic:240,14,16,3,4", "model", "cnn", "batch", "48", "threads", "1"

static double last_number(const char *directory, const char *event, const char *name) {
  cJSON *events = train_events(directory, event);
  double number = train_rank() == 0 ? train_number(events, cJSON_GetArraySize(events) - 1, name) : 0;
  cJSON_Delete(events);
  train_broadcast(&number, sizeof number);
  return number;
}

static int same_weights(const char *a, const char *b) {
  int same = train_rank() == 0 && train_hash_weights(a) != 0 && train_hash_weights(a) == train_hash_weights(b);
  train_broadcast(&same, sizeof same);
  return same;
}

/* Training with the rate that a sweep picked, and with the same rate given by hand. */
static void check_no_trace(const char *kind, const char *size) {
  char swept[PATH], given[PATH], rate[32];
  train_directory(swept, sizeof swept, "augment-swept");
  train_directory(given, sizeof given, "augment-given");
  const char *const automatic[] = {DATA,      "augment",    kind,  "crop-size",     size, "steps",       "6",    "pick",
                                   "minimum", "trim-start", "0",   "trim-end",      "0",  "sweep-start", "1e-4", "sweep-iters",
                                   "12",      "sweep-end",  "0.1", "sweep-repeats", "2",  NULL};
  train_fit(swept, automatic);
  (void)snprintf(rate, sizeof rate, "%.17g", last_number(swept, "suggest", "lr"));
  const char *const by_hand[] = {DATA, "augment", kind, "crop-size", size, "steps", "6", "lr", rate, NULL};
  train_fit(given, by_hand);
  assert_true(same_weights(swept, given));
  train_barrier();
  train_remove(swept);
  train_remove(given);
}

static void test_augment__the_sweep_leaves_no_trace(void **state) {
  (void)state;
  check_no_trace("crop-flip", "14");
  check_no_trace("resized-crop-flip", "11");
}

/* An epoch of one batch: the sweep's steps have the same samples, one augmented otherwise than the other. At no rate worth the
   name only that can change the loss. */
static void sweep_losses(const char *kind, double *first, double *second, double *repeated) {
  char here[PATH];
  flr_config config;
  flr_session *session;
  flr_sweep_result found;
  const char *const pairs[] = {"data",
                               "synthetic:48,12,12,3,3",
                               "valid-fraction",
                               "0",
                               "model",
                               "mlp",
                               "hidden",
                               "8",
                               "batch",
                               "48",
                               "order",
                               "sequential",
                               "plot",
                               "none",
                               "sweep-iters",
                               "6",
                               "sweep-start",
                               "1e-30",
                               "sweep-end",
                               "1e-29",
                               "sweep-repeats",
                               "2",
                               "augment",
                               kind,
                               NULL};
  train_config(&config, pairs);
  CHECK_OK(flr_config_set(&config, "out", train_directory(here, sizeof here, "augment-repeats")));
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  CHECK_OK(flr_session_find(session, &found));
  *first = flr_session_sweep_loss(session, 0, 0);
  *second = flr_session_sweep_loss(session, 0, 1);
  *repeated = flr_session_sweep_loss(session, 1, 0);
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_barrier();
  train_remove(here);
}

static void test_augment__steps_and_repeats_of_a_sweep_differ(void **state) {
  (void)state;
  double a, b, c;
  sweep_losses("none", &a, &b, &c);
  assert_true(isfinite(a) && a >= b && a <= b && a >= c && a <= c);
  sweep_losses("flip", &a, &b, &c);
  assert_true(isfinite(a) && a != b && a != c && b != c);
}

/* Every kind trains other weights; auto is one of them. */
static void test_augment__is_part_of_training(void **state) {
  (void)state;
  static const char *const kinds[] = {"none", "flip", "crop-flip", "resized-crop-flip", "auto"};
  char directories[5][PATH], name[32];
  for (int i = 0; i < 5; i++) {
    (void)snprintf(name, sizeof name, "augment-%s", kinds[i]);
    train_directory(directories[i], sizeof directories[i], name);
    train_fit(directories[i], (const char *const[]){DATA, "lr", "1e-2", "steps", "3", "augment", kinds[i], NULL});
  }
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < i; k++) assert_false(same_weights(directories[i], directories[k]));
  assert_true(same_weights(directories[4], directories[2])); /* auto: crop-flip */
  train_barrier();
  for (int i = 0; i < 5; i++) train_remove(directories[i]);
}

/* Loss on the validation split of a run's final.h5, under the configuration that it stores. */
static flr_status evaluate(const char *directory, const char *const *pairs, flr_eval_result *out) {
  char file[PATH + 16];
  flr_config config;
  flr_session *session;
  train_config(&config, pairs);
  (void)snprintf(file, sizeof file, "%s/final.h5", directory);
  flr_status status = flr_session_create(&session, &config, NULL, file);
  if (status == FLR_OK) status = flr_session_evaluate(session, "valid", out);
  out->confusion = NULL;
  flr_session_destroy(session);
  flr_config_clear(&config);
  return status;
}

static void test_augment__evaluation_sees_the_middle_of_the_size_trained_on(void **state) {
  (void)state;
  char here[PATH];
  flr_eval_result result, again;
  train_directory(here, sizeof here, "augment-size");
  train_fit(here, (const char *const[]){DATA, "lr", "1e-2", "steps", "5", "augment", "crop-flip", "crop-size", "12", NULL});
  CHECK_OK(evaluate(here, (const char *const[]){DATA, "augment", "crop-flip", "crop-size", "12", NULL}, &result));
  CHECK_NEAR(result.loss, last_number(here, "epoch", "valid_loss"), 1e-6, 1);
  assert_int_equal(result.samples, 48);
  /* Pixels of the whole image, scaled, where training had a window of them: another test-time form. */
  CHECK_OK(evaluate(here, (const char *const[]){DATA, "augment", "resized-crop-flip", "crop-size", "12", NULL}, &again));
  assert_true(again.loss >= result.loss && again.loss <= result.loss); /* 14 pixels are 12 * 256 / 224: not scaled */
  CHECK_FAILS(evaluate(here, (const char *const[]){DATA, NULL}, &again), FLR_ERROR_DATA,
              "final.h5 was trained on samples of 12x12x3 in 4 classes, synthetic:240,14,16,3,4 has 14x16x3");
  CHECK_FAILS(evaluate(here, (const char *const[]){DATA, "crop-size", "15", NULL}, &again), FLR_ERROR_USAGE,
              "--crop-size: 15 is larger than the images of synthetic:240,14,16,3,4, 14x16: at most 14");
  train_barrier();
  train_remove(here);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_augment__the_sweep_leaves_no_trace),
      cmocka_unit_test(test_augment__steps_and_repeats_of_a_sweep_differ),
      cmocka_unit_test(test_augment__is_part_of_training),
      cmocka_unit_test(test_augment__evaluation_sees_the_middle_of_the_size_trained_on),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
