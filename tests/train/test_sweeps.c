/* Repeats of a sweep: which samples they take, what their curve is, and that neither ranks nor training notice them. */
#include <math.h>

#include "train/train_harness.h"

enum { PATH = 1200 };

/* A session's sweep; the caller reads and ends it. */
typedef struct found {
  flr_config config;
  flr_session *session;
  flr_sweep_result result;
} found;

static void find(found *f, const char *directory, const char *const *pairs) {
  train_config(&f->config, pairs);
  CHECK_OK(flr_config_set(&f->config, "plot", "none"));
  CHECK_OK(flr_config_set(&f->config, "out", directory));
  CHECK_OK(flr_session_create(&f->session, &f->config, NULL, NULL));
  CHECK_OK(flr_session_find(f->session, &f->result));
}

static void end(found *f, const char *directory) {
  flr_session_destroy(f->session);
  flr_config_clear(&f->config);
  train_barrier();
  train_remove(directory);
}

static int64_t points_of(const found *f, int repeat) {
  flr_sweep_repeat r;
  CHECK_OK(flr_session_sweep_repeat(f->session, repeat, &r));
  return r.points;
}

#define SMALL "model", "mlp", "hidden", "16", "batch", "96", "sweep-iters", "20", "sweep-start", "1e-4"

static void test_sweeps__the_first_is_a_single_sweep(void **state) {
  (void)state;
  static const char *const one[] = {SMALL, NULL}, *const three[] = {SMALL, "sweep-repeats", "3", NULL};
  char here[PATH], there[PATH];
  found a, b;
  train_directory(here, sizeof here, "sweeps-one");
  train_directory(there, sizeof there, "sweeps-three");
  find(&a, here, one);
  find(&b, there, three);
  assert_int_equal(a.result.repeats, 1);
  assert_null(a.result.low);
  assert_int_equal(b.result.repeats, 3);
  assert_int_equal(points_of(&b, 0), a.result.points);
  for (int64_t i = 0; i < a.result.points; i++) assert_true(flr_session_sweep_loss(b.session, 0, i) == a.result.loss[i]);
  flr_sweep_repeat none;
  CHECK_FAILS(flr_session_sweep_repeat(b.session, 3, &none), FLR_ERROR_USAGE, "there are 3");
  end(&a, here);
  end(&b, there);
}

static double middle(double a, double b, double c) { return fmax(fmin(a, b), fmin(fmax(a, b), c)); }

/* Other samples give other losses; each sweep begins with the weights that training will. */
static void test_sweeps__their_median_is_the_curve(void **state) {
  (void)state;
  static const char *const pairs[] = {SMALL, "sweep-repeats", "3", "sweep-stop", "0", NULL};
  char here[PATH];
  found f;
  train_directory(here, sizeof here, "sweeps-median");
  find(&f, here, pairs);
  assert_int_equal(f.result.points, 20);
  for (int64_t i = 0; i < 20; i++) {
    const double a = flr_session_sweep_loss(f.session, 0, i), b = flr_session_sweep_loss(f.session, 1, i),
                 c = flr_session_sweep_loss(f.session, 2, i);
    assert_true(a != b && b != c && a != c);
    assert_true(f.result.loss[i] == middle(a, b, c));
    assert_true(f.result.low[i] == fmin(a, fmin(b, c)) && f.result.high[i] == fmax(a, fmax(b, c)));
    assert_true(f.result.smooth_low[i] <= f.result.smooth[i] && f.result.smooth[i] <= f.result.smooth_high[i]);
    if (i == 0) assert_true(fmax(a, fmax(b, c)) - fmin(a, fmin(b, c)) < 0.2); /* untrained, all of them */
  }
  end(&f, here);
}

/* Twelve steps to the epoch: the second sweep of 20 points begins with the ninth batch. A sweep at no rate worth the name
   tells the batches by their losses. */
static void test_sweeps__go_on_in_the_file_where_it_is_taken_in_order(void **state) {
  (void)state;
  static const char *const pairs[] = {"data",
                                      "synthetic:384,4,4,1,3",
                                      "valid-fraction",
                                      "0",
                                      "model",
                                      "mlp",
                                      "batch",
                                      "32",
                                      "order",
                                      "sequential",
                                      "sweep-iters",
                                      "20",
                                      "sweep-start",
                                      "1e-30",
                                      "sweep-end",
                                      "1e-29",
                                      "sweep-repeats",
                                      "2",
                                      NULL};
  char here[PATH];
  found f;
  train_directory(here, sizeof here, "sweeps-order");
  find(&f, here, pairs);
  for (int64_t i = 0; i < 20; i++) {
    const double second = flr_session_sweep_loss(f.session, 1, i), first = flr_session_sweep_loss(f.session, 0, (i + 20) % 12);
    assert_true(second == first);
  }
  assert_true(flr_session_sweep_loss(f.session, 0, 0) != flr_session_sweep_loss(f.session, 1, 0));
  end(&f, here);
}

/* Training after three sweeps is training at the rate they gave: batch norm's averages and moments are put back between them.
 */
static void test_sweeps__leave_no_trace(void **state) {
  (void)state;
  static const char *const automatic[] = {"model", "cnn",           "batch", "96", "steps", "6", "sweep-iters",
                                          "30",    "sweep-repeats", "3",     "lr", "auto",  NULL};
  char swept[PATH], given[PATH], rate[32];
  double lr = 0;
  train_directory(swept, sizeof swept, "sweeps-swept");
  train_directory(given, sizeof given, "sweeps-given");
  train_fit(swept, automatic);
  if (train_rank() == 0) {
    cJSON *events = train_events(swept, "suggest"), *points = train_events(swept, "sweep");
    lr = train_number(events, 0, "lr");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetArrayItem(points, 0), "losses")), 3);
    cJSON_Delete(events);
    cJSON_Delete(points);
  }
  train_broadcast(&lr, sizeof lr);
  (void)snprintf(rate, sizeof rate, "%.17g", lr);
  const char *const by_hand[] = {"model", "cnn", "batch", "96", "steps", "6", "lr", rate, NULL};
  train_fit(given, by_hand);
  if (train_rank() == 0) assert_true(train_hash_weights(swept) == train_hash_weights(given));
  train_barrier();
  train_remove(swept);
  train_remove(given);
}

/* The program in a process of its own: one rank, however many this test has. */
static void find_alone(const char *directory, const char *options) {
  char command[2048];
  const char *program = getenv("FLR_PROGRAM");
  assert_non_null(program);
  (void)snprintf(command, sizeof command,
                 "env -i PATH=\"$PATH\" ${FASTLR_CUDA_MODULE:+FASTLR_CUDA_MODULE=\"$FASTLR_CUDA_MODULE\"} '%s' find --quiet "
                 "--plot none --out '%s' %s",
                 program, directory, options);
  train_test_arguments(command, sizeof command);
  if (system(command) != 0) fail_msg("failed: %s", command);
}

static void test_sweeps__do_not_depend_on_ranks(void **state) {
  (void)state;
  static const char *const pairs[] = {"model",         "cnn", "dropout",     "0.2", "batch",         "64", "shards", "4",
                                      "deterministic", "on",  "sweep-iters", "15",  "sweep-repeats", "3",  NULL};
  static const char *const names[] = {"lr", "loss", "smooth", "low", "high", "smooth_low", "smooth_high", NULL};
  char here[PATH], alone[PATH];
  found f;
  train_directory(here, sizeof here, "sweeps-ranks");
  train_directory(alone, sizeof alone, "sweeps-alone");
  find(&f, here, pairs);
  if (train_rank() == 0) {
    find_alone(alone, "--model cnn --dropout 0.2 --batch 64 --shards 4 --deterministic --sweep-iters 15 --sweep-repeats 3");
    cJSON *ours = train_events(here, "sweep"), *its = train_events(alone, "sweep");
    assert_int_equal(cJSON_GetArraySize(ours), cJSON_GetArraySize(its));
    for (int i = 0; i < cJSON_GetArraySize(ours); i++)
      for (int n = 0; names[n]; n++) {
        const double a = train_number(ours, i, names[n]), b = train_number(its, i, names[n]);
        if (!(a >= b && a <= b) && !(isnan(a) && isnan(b))) fail_msg("point %d: %s is %.17g, alone %.17g", i, names[n], a, b);
      }
    cJSON_Delete(ours);
    cJSON_Delete(its);
  }
  train_barrier();
  train_remove(alone);
  end(&f, here);
}

/* ---- weight decays ---- */

/* Each decay's curve is what a sweep with that --wd alone gives, repeats and all. */
static void test_decays__curves_are_those_of_single_decays(void **state) {
  (void)state;
  static const char *const three[] = {SMALL,           "optimizer", "sgd",      "bn-wd",      "off",
                                      "sweep-repeats", "2",         "sweep-wd", "0,1e-3,0.5", NULL};
  static const char *const single[][20] = {
      {SMALL, "optimizer", "sgd", "bn-wd", "off", "sweep-repeats", "2", "wd", "0", NULL},
      {SMALL, "optimizer", "sgd", "bn-wd", "off", "sweep-repeats", "2", "wd", "1e-3", NULL},
      {SMALL, "optimizer", "sgd", "bn-wd", "off", "sweep-repeats", "2", "wd", "0.5", NULL}};
  char here[PATH], there[PATH];
  found all, one;
  flr_sweep_decay decay;
  int taken = 0, different = 0;
  train_directory(here, sizeof here, "decays");
  train_directory(there, sizeof there, "decay");
  find(&all, here, three);
  assert_int_equal(all.result.decays, 3);
  for (int d = 0; d < 3; d++) {
    CHECK_OK(flr_session_sweep_decay(all.session, d, &decay));
    taken += decay.taken;
    if (decay.taken) assert_true(all.result.loss == decay.loss && all.result.points == decay.points);
    find(&one, there, single[d]);
    assert_int_equal(one.result.decays, 0);
    assert_int_equal(decay.points, one.result.points);
    for (int64_t i = 0; i < decay.points; i++) {
      if (!(decay.loss[i] == one.result.loss[i] || (isnan(decay.loss[i]) && isnan(one.result.loss[i]))))
        fail_msg("wd %g, point %d: %.17g, alone %.17g", decay.wd, (int)i, decay.loss[i], one.result.loss[i]);
      different += decay.loss[i] != all.result.loss[i < all.result.points ? i : 0];
    }
    assert_true(decay.suggestions[2].lr == one.result.suggestions[2].lr || isnan(decay.suggestions[2].lr));
    end(&one, there);
  }
  assert_int_equal(taken, 1);
  assert_true(different > 0);
  CHECK_FAILS(flr_session_sweep_decay(all.session, 3, &decay), FLR_ERROR_USAGE, "there are 3");
  end(&all, here);
}

/* Training at the decay and the rate that were taken, and a --wd that is one of them, which is then the one. */
static void check_training(const char *const *pairs, const char *wanted) {
  char swept[PATH], given[PATH], rate[32], decay[32];
  double numbers[2] = {0};
  train_directory(swept, sizeof swept, "decays-swept");
  train_directory(given, sizeof given, "decays-given");
  train_fit(swept, pairs);
  if (train_rank() == 0) {
    cJSON *events = train_events(swept, "suggest"), *decays = train_events(swept, "decay");
    numbers[0] = train_number(events, 0, "lr");
    numbers[1] = train_number(events, 0, "wd");
    assert_int_equal(cJSON_GetArraySize(decays), 3);
    cJSON_Delete(events);
    cJSON_Delete(decays);
  }
  train_broadcast(numbers, sizeof numbers);
  (void)snprintf(rate, sizeof rate, "%.17g", numbers[0]);
  (void)snprintf(decay, sizeof decay, "%.17g", numbers[1]);
  if (wanted) assert_true(numbers[1] == strtod(wanted, NULL));
  const char *const by_hand[] = {"model", "mlp", "hidden", "16", "batch", "96", "steps", "5", "lr", rate, "wd", decay, NULL};
  train_fit(given, by_hand);
  if (train_rank() == 0) assert_true(train_hash_weights(swept) == train_hash_weights(given));
  train_barrier();
  train_remove(swept);
  train_remove(given);
}

static void test_decays__the_one_that_was_taken_trains(void **state) {
  (void)state;
  static const char *const by_rule[] = {SMALL, "steps", "5", "pick", "minimum", "sweep-wd", "0,0.3,1e-3", NULL};
  static const char *const by_name[] = {SMALL, "steps", "5", "pick", "minimum", "sweep-wd", "0,0.3,1e-3", "wd", "0.001", NULL};
  check_training(by_rule, NULL);
  check_training(by_name, "1e-3");
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sweeps__the_first_is_a_single_sweep),
      cmocka_unit_test(test_sweeps__their_median_is_the_curve),
      cmocka_unit_test(test_sweeps__go_on_in_the_file_where_it_is_taken_in_order),
      cmocka_unit_test(test_sweeps__leave_no_trace),
      cmocka_unit_test(test_sweeps__do_not_depend_on_ranks),
      cmocka_unit_test(test_decays__curves_are_those_of_single_decays),
      cmocka_unit_test(test_decays__the_one_that_was_taken_trains),
  };
  return train_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
