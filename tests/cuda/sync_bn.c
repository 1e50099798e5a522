/* Batch norm over the whole batch on a device: trains as ref does, on whatever way its sums take. The module to be used is
   named by FASTLR_CUDA_MODULE. */
#include "train/train_harness.h"

/* The last of three batches has two samples for four shards: half of the ranks have none. */
#define RAGGED                                                                                                                \
  "data", "synthetic:34,8,8,3,4", "valid-fraction", "0.0", "batch", "16", "drop-last", "off", "shards", "4", "sync-bn", "on", \
      "epochs", "2", "lr", "1e-2", "optimizer", "sgd"

#define CNN_NORM "bn4"
#define RESNET_NORM "layer3.2.bn2" /* with an addition behind it */

enum { MOST_PAIRS = 64, STEPS = 6 };

typedef struct run {
  char directory[1200];
} run;

static run train(const char *name, const char *const *common, const char *const *more) {
  const char *pairs[MOST_PAIRS + 1];
  run r;
  int n = 0;
  for (; *common; common++) pairs[n++] = *common;
  for (; *more; more++) pairs[n++] = *more;
  assert_true(n <= MOST_PAIRS);
  pairs[n] = NULL;
  train_directory(r.directory, sizeof r.directory, name);
  train_fit(r.directory, pairs);
  return r;
}

static void end(const run *r) {
  train_barrier();
  train_remove(r->directory);
  train_barrier();
}

static void check_losses(const run *got, const run *truth, double tolerance) {
  cJSON *a = train_events(got->directory, "step"), *b = train_events(truth->directory, "step");
  assert_int_equal(cJSON_GetArraySize(a), STEPS);
  assert_int_equal(cJSON_GetArraySize(b), STEPS);
  for (int i = 0; i < STEPS; i++) CHECK_NEAR(train_number(a, i, "loss"), train_number(b, i, "loss"), tolerance, 1e-3);
  cJSON_Delete(a);
  cJSON_Delete(b);
}

static void check_tensor(const run *got, const run *truth, const char *name, double tolerance) {
  char path[1300];
  int64_t n, m;
  (void)snprintf(path, sizeof path, "%s/final.h5", got->directory);
  float *a = train_tensor(path, name, &n);
  (void)snprintf(path, sizeof path, "%s/final.h5", truth->directory);
  float *b = train_tensor(path, name, &m);
  assert_int_equal(n, m);
  for (int64_t i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], tolerance, 0.1);
  free(a);
  free(b);
}

static void check_against_ref(const char *model, const char *norm, const char *precision, const char *deterministic,
                              double tolerance) {
  char name[64];
  const char *const common[] = {RAGGED, "model", model, "deterministic", deterministic, NULL};
  const char *const on_ref[] = {"backend", "ref", NULL}, *const on_device[] = {"backend", "cuda", "precision", precision, NULL};
  const run truth = train("sync-ref", common, on_ref), got = train("sync-cuda", common, on_device);
  check_losses(&got, &truth, tolerance);
  (void)snprintf(name, sizeof name, "%s.running_mean", norm);
  check_tensor(&got, &truth, name, tolerance);
  (void)snprintf(name, sizeof name, "%s.running_var", norm);
  check_tensor(&got, &truth, name, tolerance);
  (void)snprintf(name, sizeof name, "%s.weight", norm);
  check_tensor(&got, &truth, name, tolerance);
  end(&got);
  end(&truth);
}

static void test_sync_bn__a_device_trains_as_ref_does(void **state) {
  (void)state;
  check_against_ref("cnn", CNN_NORM, "f32", "off", 1e-4);
  check_against_ref("resnet20", RESNET_NORM, "f32", "off", 1e-3);
}

/* (each shard's numbers in a place of its own) */
static void test_sync_bn__in_the_order_of_the_shards_too(void **state) {
  (void)state;
  check_against_ref("cnn", CNN_NORM, "f32", "on", 1e-4);
}

static void test_sync_bn__in_half_the_bits_too(void **state) {
  (void)state;
  check_against_ref("cnn", CNN_NORM, "bf16", "off", 0.1);
  check_against_ref("cnn", CNN_NORM, "fp16", "off", 0.02);
}

static void check_same_weights(const char *const *one, const char *const *other) {
  static const char *const common[] = {RAGGED, "model", "cnn", "backend", "cuda", "precision", "f32", NULL};
  const run a = train("sync-one", common, one), b = train("sync-other", common, other);
  if (train_rank() == 0) assert_true(train_hash_weights(a.directory) == train_hash_weights(b.directory));
  end(&a);
  end(&b);
}

static void test_sync_bn__recorded_steps_and_sums_on_the_host_give_the_same_bits(void **state) {
  (void)state;
  check_same_weights((const char *const[]){"cuda-graph", "on", NULL}, (const char *const[]){"cuda-graph", "off", NULL});
  if (train_size() == 2)
    check_same_weights((const char *const[]){"comm", "nccl", NULL}, (const char *const[]){"comm", "mpi", NULL});
}

/* (bf16 on the wire is for gradients) */
static void test_sync_bn__its_sums_stay_in_double(void **state) {
  (void)state;
  static const char *const common[] = {"data",
                                       "synthetic:16,8,8,3,4",
                                       "valid-fraction",
                                       "0.0",
                                       "batch",
                                       "16",
                                       "sync-bn",
                                       "on",
                                       "epochs",
                                       "1",
                                       "lr",
                                       "1e-2",
                                       "model",
                                       "cnn",
                                       "backend",
                                       "cuda",
                                       "precision",
                                       "f32",
                                       "comm",
                                       "nccl",
                                       NULL};
  if (train_size() == 1) return;
  const run wide = train("sync-wide", common, (const char *const[]){"comm-dtype", "f32", NULL});
  const run narrow = train("sync-narrow", common, (const char *const[]){"comm-dtype", "bf16", NULL});
  if (train_rank() == 0) {
    assert_false(train_same_tensor(wide.directory, narrow.directory, CNN_NORM ".weight"));
    assert_true(train_same_tensor(wide.directory, narrow.directory, CNN_NORM ".running_mean"));
    assert_true(train_same_tensor(wide.directory, narrow.directory, CNN_NORM ".running_var"));
  }
  end(&wide);
  end(&narrow);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sync_bn__a_device_trains_as_ref_does),
      cmocka_unit_test(test_sync_bn__in_the_order_of_the_shards_too),
      cmocka_unit_test(test_sync_bn__in_half_the_bits_too),
      cmocka_unit_test(test_sync_bn__recorded_steps_and_sums_on_the_host_give_the_same_bits),
      cmocka_unit_test(test_sync_bn__its_sums_stay_in_double),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
