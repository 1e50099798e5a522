/* Once everything is prepared, a training step takes no memory from the heap: not this thread, not a loader's, not the
 * library's. */
#include "core/rng.h"
#include "harness/alloc_count.h"
#include "train/build.h"
#include "train/session.h"
#include "train/step.h"
#include "train/train_harness.h"

enum { WARM_UP = 3, STEPS = 12 };

static void run_steps(flr_session *session, flr_loader *loader, int64_t first, int64_t count, double *loss) {
  for (int64_t step = first; step < first + count; step++) {
    flr_batch batch;
    flr_report report;
    double grad_norm = 0;
    flr_directive directive = {.step = step, .rates = {.momentum = 0.9}};
    for (size_t g = 0; g < sizeof directive.rates.lr / sizeof directive.rates.lr[0]; g++) directive.rates.lr[g] = 0.001;
    const flr_status fetched = flr_loader_next(loader, &batch);
    CHECK_OK(flr_step_begin(session, &directive, &batch, fetched, (int)(step % 2)));
    CHECK_OK(flr_step_finish(session, &report, &grad_norm));
    *loss = flr_report_loss(&report);
  }
}

/* Steps from `first` on. */
static void check_phase(flr_session *session, int64_t first) {
  flr_loader *loader;
  double loss = NAN;
  const flr_sampler sampler = flr_session_sampler(session, FLR_SPLIT_TRAIN, FLR_STREAM_SHUFFLE);
  CHECK_OK(flr_session_training_loader(&loader, session, &sampler, first, first + WARM_UP + STEPS));
  run_steps(session, loader, first, WARM_UP, &loss);
  const alloc_count before = alloc_count_now();
  run_steps(session, loader, first + WARM_UP, STEPS, &loss);
  const alloc_count after = alloc_count_now();
  const int64_t own = after.own - before.own, all = after.process - before.process;
  printf("%s from step %lld: %lld allocations in %d steps, and %lld inside libraries\n", session->plan.model, (long long)first,
         (long long)own, STEPS, (long long)(all - own));
  assert_int_equal(own, 0);
  assert_true(isfinite(loss));
  flr_loader_destroy(loader);
}

/* In a fine-tune both phases, with what is made anew between them. */
static void check_steps(const char *const *pairs) {
  flr_config config;
  flr_session *session;
  train_config(&config, pairs);
  CHECK_OK(flr_session_create(&session, &config, NULL, NULL));
  check_phase(session, session->plan.span.first);
  if (session->plan.span.frozen > 0) {
    CHECK_OK(flr_build_enter(session, session->plan.span.frozen));
    check_phase(session, session->plan.span.frozen);
  }
  flr_session_destroy(session);
  flr_config_clear(&config);
}

#define COMMON "comm", "self", "epochs", "3", "lr", "0.001", "out", out, NULL

static void test_step__allocates_nothing(void **state) {
  (void)state;
  char text[1200];
  const char *out = train_directory(text, sizeof text, "allocations");
  check_steps((const char *const[]){"model", "mlp", COMMON});
  check_steps((const char *const[]){"model", "cnn", "threads", "2", COMMON});
  check_steps((const char *const[]){"model", "resnet20", "data", "synthetic:1024,16,16,3,4", "optimizer", "sgd", COMMON});
  check_steps((const char *const[]){"model", "resnet18", "data", "synthetic:512,8,8,3,4", "batch", "16", "shards", "4",
                                    "threads", "1", COMMON});
  check_steps((const char *const[]){"model", "cnn", "data", "synthetic:512,20,24,3,4", "augment", "resized-crop-flip",
                                    "crop-size", "16", "workers", "3", COMMON});
  check_steps((const char *const[]){"model", "resnet20", "data", "synthetic:512,8,8,3,4", "shards", "4", "sync-bn", "on",
                                    "threads", "1", COMMON});
  check_steps((const char *const[]){"model", "cnn", "data", "synthetic:100,8,8,3,4", "shards", "4", "sync-bn", "on",
                                    "deterministic", "on", "drop-last", "off", "threads", "1", COMMON});
  check_steps((const char *const[]){"model", "cnn", "batch", "20", "accum", "5", "shards", "2", COMMON});
  check_steps((const char *const[]){"model", "cnn", "batch", "20", "accum", "3", "deterministic", "on", "shards", "3", COMMON});
  check_steps((const char *const[]){"model", "cnn", "batch", "32", "policy", "fine-tune", COMMON});
  train_remove(out);
}

int main(int argc, char **argv) {
  if (alloc_count_now().own < 0) SKIP_ALL("a sanitizer keeps malloc for itself");
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_step__allocates_nothing)};
  return train_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
