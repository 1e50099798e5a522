/* Steps in a device's queues: recorded or not, what the host does meanwhile, and losses that are scaled. The module to be used
   is named by FASTLR_CUDA_MODULE; the emulated one also counts. */
#include <dlfcn.h>

#include "core/hash.h"
#include "train/device_step.h"
#include "train/session.h"
#include "train/step.h"
#include "train/train_harness.h"

enum { STEPS = 12 };

typedef struct run {
  flr_config config;
  flr_session *session;
  flr_loader *loader;
  char directory[1200];
} run;

static flr_status open_run(run *r, const char *const *pairs) {
  train_config(&r->config, pairs);
  train_directory(r->directory, sizeof r->directory, "device-step");
  CHECK_OK(flr_config_set(&r->config, "out", r->directory));
  CHECK_OK(flr_config_set(&r->config, "backend", "cuda"));
  CHECK_OK(flr_config_set(&r->config, "plot", "none"));
  FLR_TRY(flr_session_create(&r->session, &r->config, NULL, NULL));
  const flr_sampler sampler = flr_session_sampler(r->session, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  return flr_session_loader(&r->loader, r->session, FLR_SPLIT_TRAIN, &sampler, 0, 4 * STEPS);
}

static void close_run(run *r) {
  flr_step_abandon(r->session);
  flr_loader_destroy(r->loader);
  flr_session_destroy(r->session);
  flr_config_clear(&r->config);
  train_remove(r->directory);
  train_barrier();
}

static void begin(run *r, int64_t step) {
  flr_batch batch;
  flr_directive directive = {.step = step, .rates = {.momentum = 0.9}};
  for (int i = 0; i < r->session->state.layout->groups; i++) directive.rates.lr[i] = 1e-3;
  CHECK_OK(flr_step_release(r->session));
  const flr_status fetched = flr_loader_next(r->loader, &batch);
  CHECK_OK(flr_step_begin(r->session, &directive, &batch, fetched, 0));
}

/* `count` steps with as many under way as there may be; the last report. */
static flr_report steps(run *r, int64_t first, int64_t count) {
  flr_report report = {0};
  double norm = 0;
  const int depth = flr_step_depth(r->session);
  for (int64_t i = 0; i < count + depth - 1; i++) {
    if (i < count) begin(r, first + i);
    if (i >= depth - 1) CHECK_OK(flr_step_finish(r->session, &report, &norm));
  }
  return report;
}

static uint64_t hash_params(run *r) {
  const flr_train_state *state = &r->session->state;
  float *values = calloc(1, state->params.bytes);
  assert_non_null(values);
  CHECK_OK(flr_train_state_get(state, values));
  const uint64_t hash = flr_hash(FLR_HASH_START, values, state->params.bytes);
  free(values);
  return hash;
}

static uint64_t hash_after(const char *const *pairs) {
  run r = {0};
  CHECK_OK(open_run(&r, pairs));
  const flr_report report = steps(&r, 0, STEPS);
  assert_true(isfinite(flr_report_loss(&report)));
  const uint64_t hash = hash_params(&r);
  close_run(&r);
  return hash;
}

static void test_device_step__a_recorded_step_gives_the_same_bits(void **state) {
  (void)state;
  const char *const recorded[] = {"model",      "cnn", "batch",     "96",  "precision", "f32",
                                  "cuda-graph", "on",  "drop-last", "off", NULL};
  const char *const plain[] = {"model",      "cnn", "batch",     "96",  "precision", "f32",
                               "cuda-graph", "off", "drop-last", "off", NULL};
  assert_true(hash_after(recorded) == hash_after(plain));
}

/* A counter of the emulated module; NULL where a real GPU computes. */
static long (*counter(const char *name))(void) {
  void *module = dlopen(getenv("FASTLR_CUDA_MODULE"), RTLD_NOW | RTLD_NOLOAD);
  void *symbol = module ? dlsym(module, name) : NULL;
  long (*function)(void) = NULL;
  memcpy(&function, &symbol, sizeof function);
  return function;
}

/* Two uploads, two points, one recorded piece of work: whatever the model. One wait for the upload, one for the report of the
   step before: the device always has the next step already. */
static void check_enqueued(const char *const *pairs) {
  run r = {0};
  CHECK_OK(open_run(&r, pairs));
  (void)steps(&r, 0, STEPS);
  long (*launches)(void) = counter("emulation_take_launches");
  long (*allocations)(void) = counter("emulation_take_allocations");
  if (launches && allocations) {
    (void)launches();
    (void)allocations();
    (void)steps(&r, STEPS, STEPS);
    assert_int_equal(launches(), 3 * STEPS);
    assert_int_equal(allocations(), 0);
  }
  close_run(&r);
}

static void test_device_step__the_host_enqueues_little_and_allocates_nothing(void **state) {
  (void)state;
  check_enqueued((const char *const[]){"model", "cnn", "batch", "96", "precision", "f32", NULL});
}

static void test_device_step__batch_norm_over_all_shards_is_recorded_too(void **state) {
  (void)state;
  check_enqueued(
      (const char *const[]){"model", "cnn", "batch", "16", "precision", "f32", "shards", "4", "sync-bn", "on", NULL});
}

/* Whatever overflows in the precision at hand. */
static void check_overflow(const char *precision, double absurd) {
  const char *const pairs[] = {"model", "cnn", "batch", "96", "precision", precision, NULL};
  run r = {0};
  CHECK_OK(open_run(&r, pairs));
  flr_train_state *state = &r.session->state;
  state->loss_scale = flr_loss_scale_start(1);
  state->loss_scale.scale = absurd;
  assert_int_equal(flr_step_depth(r.session), 1);
  const flr_report report = steps(&r, 0, 2);
  assert_true(report.nonfinite <= 0);
  assert_true(isfinite(flr_report_loss(&report)));
  assert_true(state->loss_scale.scale < absurd && state->loss_scale.scale >= 1);
  assert_true(state->loss_scale.good_steps >= 1);
  assert_int_equal(flr_optimizer_updates(state->optimizer), 2);
  float *values = calloc(1, state->params.bytes);
  assert_non_null(values);
  CHECK_OK(flr_train_state_get(state, values));
  for (int64_t i = 0; i < state->layout->elements; i++) assert_true(isfinite(values[i]));
  free(values);
  close_run(&r);
}

static void test_device_step__an_overflow_lowers_the_scale_and_repeats_the_step(void **state) {
  (void)state;
  check_overflow("f32", 0x1p140);
  check_overflow("fp16", 0x1p40);
}

static void test_device_step__the_timeline_adds_up(void **state) {
  (void)state;
  const char *const pairs[] = {"model", "cnn", "batch", "96", "precision", "f32", NULL};
  run r = {0};
  flr_batch batch;
  flr_timeline t;
  flr_directive directive = {.rates = {.momentum = 0.9}};
  CHECK_OK(open_run(&r, pairs));
  CHECK_OK(flr_loader_next(r.loader, &batch));
  CHECK_OK(flr_device_step_timeline(r.session->device_step, &directive, &batch, &t));
  assert_true(t.upload >= 0 && t.forward > 0 && t.backward > 0 && t.reduce >= 0 && t.update > 0);
  CHECK_NEAR(t.forward + t.backward + t.reduce + t.update, t.whole, 1e-3, 1e-6);
  close_run(&r);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_device_step__a_recorded_step_gives_the_same_bits),
      cmocka_unit_test(test_device_step__the_host_enqueues_little_and_allocates_nothing),
      cmocka_unit_test(test_device_step__batch_norm_over_all_shards_is_recorded_too),
      cmocka_unit_test(test_device_step__an_overflow_lowers_the_scale_and_repeats_the_step),
      cmocka_unit_test(test_device_step__the_timeline_adds_up),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
