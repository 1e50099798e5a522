/* Trajectories of the real fastai, reproduced by whole runs at any number of ranks. */
#include "train/train_harness.h"

#include "harness/vectors.h"

#define MLP_START "tests/vectors/mlp.safetensors"
#define RESNET_START "tests/vectors/resnet20.safetensors"

/* From about point 52 on the ResNet's curve depends on the last bit of every sum: with AVX2 and with AVX-512 it differs as much
 * as it does from fastai's. */
enum { BEFORE_CHAOS = 52, WHOLE_CURVE = 1000 };

typedef struct run_case {
  const char *vector;  /* entry of parity.json */
  const char *weights; /* starting values */
  const char *pairs[32];
} run_case;

static flr_session *open_case(const run_case *c, flr_config *config, const char *directory) {
  char weights[1200];
  flr_session *session;
  train_config(config, c->pairs);
  CHECK_OK(flr_config_set(config, "data", "digits"));
  CHECK_OK(flr_config_set(config, "order", "sequential"));
  CHECK_OK(flr_config_set(config, "init-weights", train_source_path(weights, sizeof weights, c->weights)));
  CHECK_OK(flr_config_set(config, "log-every", "1"));
  CHECK_OK(flr_config_set(config, "plot", "none"));
  CHECK_OK(flr_config_set(config, "out", directory));
  CHECK_OK(flr_session_create(&session, config, NULL, NULL));
  return session;
}

/* Rates of all groups (a number: the same for all) and the momentum of step i. fastai finds its place in the schedule in single
   precision, which shows where the rate is small beside its peak. */
static void check_hypers(const cJSON *steps, const cJSON *truth, int i) {
  const cJSON *wanted = cJSON_GetArrayItem(cJSON_GetObjectItem(truth, "lr"), i);
  const cJSON *found = cJSON_GetObjectItem(cJSON_GetArrayItem(steps, i), "lr");
  for (int g = 0; g < cJSON_GetArraySize(wanted); g++) {
    const cJSON *lr = cJSON_IsArray(found) ? cJSON_GetArrayItem(found, g) : found;
    CHECK_NEAR(cJSON_GetNumberValue(lr), cJSON_GetNumberValue(cJSON_GetArrayItem(wanted, g)), 3e-6, 0);
  }
  CHECK_NEAR(train_number(steps, i, "momentum"),
             cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(truth, "momentum"), i)), 1e-6, 0);
}

static void check_losses(const cJSON *steps, const cJSON *truth, int first_steps, double tolerance) {
  const cJSON *losses = cJSON_GetObjectItem(truth, "loss");
  assert_int_equal(cJSON_GetArraySize(steps), cJSON_GetArraySize(losses));
  for (int i = 0; i < cJSON_GetArraySize(losses); i++) {
    check_hypers(steps, truth, i);
    if (i < first_steps)
      CHECK_NEAR(train_number(steps, i, "loss"), cJSON_GetNumberValue(cJSON_GetArrayItem(losses, i)), tolerance, 1e-3);
  }
}

static void check_fit(const run_case *c, int first_steps, double tolerance) {
  char directory[1200];
  flr_config config;
  flr_fit_result result;
  train_directory(directory, sizeof directory, c->vector);
  flr_session *session = open_case(c, &config, directory);
  const flr_status status = flr_session_fit(session, &result);
  flr_session_destroy(session);
  flr_config_clear(&config);
  CHECK_OK(status);
  if (train_rank() != 0) return;
  cJSON *vectors = vectors_read("parity.json"), *steps = train_events(directory, "step");
  const cJSON *truth = cJSON_GetObjectItem(vectors, c->vector);
  assert_non_null(steps);
  check_losses(steps, truth, first_steps, tolerance);
  CHECK_NEAR(result.error_rate, cJSON_GetNumberValue(cJSON_GetObjectItem(truth, "error_rate")), 0.01, 1.0);
  cJSON_Delete(steps);
  cJSON_Delete(vectors);
  train_remove(directory);
}

static void test_parity__mlp_sgd_constant(void **state) {
  (void)state;
  static const run_case c = {"mlp_sgd_constant",
                             MLP_START,
                             {"model", "mlp", "hidden", "96,48", "batch", "75", "epochs", "8", "lr", "0.03", "policy",
                              "constant", "optimizer", "sgd", "moms", "0.9", NULL}};
  check_fit(&c, 100, 1e-4);
}

static void test_parity__mlp_sgd_wd(void **state) {
  (void)state;
  static const run_case c = {"mlp_sgd_wd", MLP_START, {"model", "mlp", "hidden", "96,48",  "batch",    "75",        "epochs",
                                                       "4",     "lr",  "0.03",   "policy", "constant", "optimizer", "sgd",
                                                       "moms",  "0.9", "wd",     "0.012",  "bn-wd",    "off",       NULL}};
  check_fit(&c, 100, 1e-4);
}

static void test_parity__mlp_adam_onecycle_v2_slice(void **state) {
  (void)state;
  static const run_case c = {"mlp_adam_onecycle_v2_slice",
                             MLP_START,
                             {"model", "mlp", "hidden", "96,48", "batch", "75", "epochs", "6", "lr", "6e-4:6e-3", "policy",
                              "one-cycle-v2", "optimizer", "adam", "wd", "0.01", "bn-wd", "off", NULL}};
  check_fit(&c, 100, 1e-4);
}

static void test_parity__mlp_adam_frozen(void **state) {
  (void)state;
  static const run_case c = {
      "mlp_adam_frozen", MLP_START, {"model", "mlp",  "hidden", "96,48",  "batch",        "75",        "epochs",
                                     "3",     "lr",   "3e-3",   "policy", "one-cycle-v2", "optimizer", "adam",
                                     "wd",    "0.01", "bn-wd",  "off",    "freeze",       "on",        NULL}};
  check_fit(&c, 100, 1e-4);
}

/* Batch norm of the frozen groups trains; at several ranks --sync-bn makes them fastai's net. */
static void test_parity__resnet20_sgd_frozen_trainbn(void **state) {
  (void)state;
  static const run_case c = {"resnet20_sgd_frozen_trainbn",
                             RESNET_START,
                             {"model", "resnet20", "freeze", "on", "batch", "48", "epochs", "1", "lr", "0.03", "policy",
                              "constant", "optimizer", "sgd", "moms", "0.9", "sync-bn", "on", NULL}};
  check_fit(&c, 20, 1e-2);
}

/* At several ranks --sync-bn makes them fastai's net. The run is chaos that one ReLU starts when it rounds to the other side of
   zero: in double it stays within 7e-7 for 29 steps, with relative noise of 3e-8 on the starting weights one of two seeds
   leaves it at step 9 (6e-6, then ten times as much every two steps, 1e-2 at step 15), with 3e-7 both at step 1. */
static void check_one_cycle(const char *backend, int first_steps, double tolerance) {
  const run_case c = {"resnet20_sgd_onecycle_v2",
                      RESNET_START,
                      {"model", "resnet20", "batch", "48", "epochs", "1", "lr", "0.03", "policy", "one-cycle-v2", "optimizer",
                       "sgd", "backend", backend, "sync-bn", "on", NULL}};
  check_fit(&c, first_steps, tolerance);
}

static void test_parity__resnet20_sgd_onecycle_v2_in_double(void **state) {
  (void)state;
  check_one_cycle("ref", train_size() == 1 ? 29 : 20, train_size() == 1 ? 1e-3 : 1e-2);
}

/* With AVX-512 8 steps are within 1e-6; with AVX2 it leaves at step 2 (4e-4 at step 4). */
static void test_parity__resnet20_sgd_onecycle_v2(void **state) {
  (void)state;
  check_one_cycle("cpu", 5, 1e-2);
}

/* One frozen epoch of 29 steps, one free one; at several ranks --sync-bn makes them fastai's net. */
static void check_fine_tune(const char *backend, int first_steps, double tolerance) {
  const run_case c = {"resnet20_adam_finetune",
                      RESNET_START,
                      {"model", "resnet20", "batch", "48", "epochs", "1", "lr", "0.012", "policy", "fine-tune", "wd", "0.01",
                       "bn-wd", "off", "backend", backend, "sync-bn", "on", NULL}};
  check_fit(&c, first_steps, tolerance);
}

static void test_parity__resnet20_adam_finetune(void **state) {
  (void)state;
  check_fine_tune("cpu", 38, 1e-2);
}

static void test_parity__resnet20_adam_finetune_in_double(void **state) {
  (void)state;
  check_fine_tune("ref", 38, 1e-3);
}

/* Up to the smoothed minimum, past which a sweep is chaos; or up to `most` points, where rounding grows into chaos earlier. */
static void check_curve(const flr_sweep_result *result, const cJSON *truth, double tolerance, int most) {
  const cJSON *rates = cJSON_GetObjectItem(truth, "lrs"), *losses = cJSON_GetObjectItem(truth, "loss");
  const cJSON *smooth = cJSON_GetObjectItem(truth, "smooth");
  int best = 0;
  for (int i = 0; i < cJSON_GetArraySize(smooth); i++)
    if (cJSON_GetArrayItem(smooth, i)->valuedouble < cJSON_GetArrayItem(smooth, best)->valuedouble) best = i;
  if (best > most) best = most;
  if (result->points < best) fail_msg("only %lld points, the minimum is point %d", (long long)result->points, best);
  for (int i = 0; i < best; i++) {
    CHECK_NEAR(result->lr[i], cJSON_GetArrayItem(rates, i)->valuedouble, 1e-6, 0);
    CHECK_NEAR(result->loss[i], cJSON_GetArrayItem(losses, i)->valuedouble, tolerance, 1e-3);
  }
}

/* Within one point of a sweep of 100 points over eight decades; slide, which looks at all points, not on another
 * backend: behind the minimum they depend on every last bit. */
static void check_suggestions(const flr_sweep_result *result, const cJSON *truth) {
  const double point = pow(10, 8.0 / 100) * 1.0001;
  for (int i = 0; i < FLR_SWEEP_SUGGESTIONS; i++) {
    const flr_sweep_suggestion *s = &result->suggestions[i];
    if (strcmp(s->name, "consensus") == 0) continue; /* our own */
    const double wanted = cJSON_GetNumberValue(cJSON_GetObjectItem(truth, s->name));
    if (strcmp(s->name, "slide") == 0 && getenv("FLR_TEST_OPTIONS")) continue;
    if (!(s->lr <= wanted * point && s->lr >= wanted / point))
      fail_msg("%s: %.9g (%s), fastai says %.9g", s->name, s->lr, s->status, wanted);
  }
}

static void check_find(const run_case *c, double tolerance, int most) {
  char directory[1200];
  flr_config config;
  flr_sweep_result result;
  train_directory(directory, sizeof directory, c->vector);
  flr_session *session = open_case(c, &config, directory);
  cJSON *vectors = vectors_read("parity.json");
  const cJSON *truth = cJSON_GetObjectItem(vectors, c->vector);
  CHECK_OK(flr_session_find(session, &result));
  check_curve(&result, truth, tolerance, most);
  if (most == WHOLE_CURVE) check_suggestions(&result, truth);
  cJSON_Delete(vectors);
  flr_session_destroy(session);
  flr_config_clear(&config);
  train_remove(directory);
}

static void test_parity__find_mlp_sgd(void **state) {
  (void)state;
  static const run_case c = {
      "find_mlp_sgd", MLP_START, {"model", "mlp", "hidden", "96,48", "batch", "75", "optimizer", "sgd", "wd", "0", NULL}};
  check_find(&c, 2e-3, WHOLE_CURVE); /* (one ReLU that rounds to the other side of zero moves the last points by 1e-3) */
}

static void test_parity__find_mlp_adam(void **state) {
  (void)state;
  static const run_case c = {
      "find_mlp_adam", MLP_START, {"model", "mlp", "hidden", "96,48", "batch", "75", "optimizer", "adam", "wd", "0", NULL}};
  check_find(&c, 1e-3, WHOLE_CURVE);
}

static void find_resnet20(const char *vector, const char *optimizer) {
  const run_case c = {
      vector, RESNET_START, {"model", "resnet20", "batch", "48", "optimizer", optimizer, "wd", "0", "sync-bn", "on", NULL}};
  check_find(&c, 1e-2, BEFORE_CHAOS);
}

static void test_parity__find_resnet20_sgd(void **state) {
  (void)state;
  find_resnet20("find_resnet20_sgd", "sgd");
}

static void test_parity__find_resnet20_adam(void **state) {
  (void)state;
  find_resnet20("find_resnet20_adam", "adam");
}

/* usage: parity [which tests: "*mlp*"] */
int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parity__mlp_sgd_constant),
      cmocka_unit_test(test_parity__mlp_sgd_wd),
      cmocka_unit_test(test_parity__mlp_adam_onecycle_v2_slice),
      cmocka_unit_test(test_parity__mlp_adam_frozen),
      cmocka_unit_test(test_parity__resnet20_sgd_frozen_trainbn),
      cmocka_unit_test(test_parity__resnet20_sgd_onecycle_v2_in_double),
      cmocka_unit_test(test_parity__resnet20_sgd_onecycle_v2),
      cmocka_unit_test(test_parity__resnet20_adam_finetune),
      cmocka_unit_test(test_parity__resnet20_adam_finetune_in_double),
      cmocka_unit_test(test_parity__find_mlp_sgd),
      cmocka_unit_test(test_parity__find_mlp_adam),
      cmocka_unit_test(test_parity__find_resnet20_sgd),
      cmocka_unit_test(test_parity__find_resnet20_adam),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
