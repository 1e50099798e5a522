/* Every op of a backend against ref: largest difference over largest value, for dense and for blocked inputs. */
#include "op_runner.h"

#include "conformance.h"

static const conformance_subject *under_test;

static flr_backend *open_backend(void) {
  flr_backend *backend;
  CHECK_OK(under_test->open(&backend));
  return backend;
}

/* max |a - b| / max(|b|, floor): normalised by the largest value, as single ones may cancel to nothing. */
static double distance(const float *a, const float *b, int64_t count) {
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite((double)a[i]) || !isfinite((double)b[i])) return INFINITY;
    largest = fmax(largest, fabs((double)b[i]));
    difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
  }
  return difference / fmax(largest, 1e-3);
}

static void compare(const op_spec *spec, const char *what, const float *got, const float *truth, int64_t count,
                    double tolerance) {
  if (!truth) return;
  const double error = distance(got, truth, count);
  if (!(error <= tolerance))
    fail_msg("%s %lldx%lldx%lldx%lld: %s is off by %g, allowed %g", spec->name, (long long)spec->src.n, (long long)spec->src.h,
             (long long)spec->src.w, (long long)spec->src.c, what, error, tolerance);
}

static void compare_results(const op_spec *spec, const op_data *data, const op_result *got, const op_result *truth) {
  const double wide = under_test->tolerance, exact = under_test->f32_tolerance;
  const double parameters = spec->is_norm ? exact : wide; /* (a product's gradient passes through the compute type) */
  compare(spec, "dst", got->dst, truth->dst, data->dst_count, spec->is_loss ? exact : wide);
  compare(spec, "diff_src", got->diff_src, truth->diff_src, data->src_count, wide);
  compare(spec, "diff_src2", got->diff_src2, truth->diff_src2, data->src_count, wide);
  compare(spec, "diff_weight", got->diff_weight, truth->diff_weight, data->weights, parameters);
  compare(spec, "diff_bias", got->diff_bias, truth->diff_bias, data->biases, parameters);
  compare(spec, "running mean", got->running_mean, truth->running_mean, data->channels, exact);
  compare(spec, "running variance", got->running_var, truth->running_var, data->channels, exact);
  CHECK_NEAR(got->loss.loss_sum, truth->loss.loss_sum, exact, 1);
  CHECK_NEAR(got->loss.loss_sq_sum, truth->loss.loss_sq_sum, exact, 1);
  assert_int_equal(got->loss.count, truth->loss.count);
  assert_int_equal(got->loss.correct, truth->loss.correct);
  assert_int_equal(got->loss.nonfinite, truth->loss.nonfinite);
}

/* Devices know one arrangement; the host's backend may have its own for convolutions. */
static int arrangements(const flr_backend *backend, const op_spec *spec) {
  return backend->host_memory && !spec->is_loss ? 2 : 1;
}

static void check(op_spec spec) {
  flr_backend *ref = op_open("ref"), *backend = open_backend();
  op_data data = op_data_random(&spec, 3);
  op_data_round(&data, backend);
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    op_result truth = op_run(ref, &spec, &data, (op_run_options){.accumulate = accumulate});
    for (int way = 0; way < arrangements(backend, &spec) + 1; way++) {
      const op_run_options options = {.blocked = way == 2, .accumulate = accumulate, .in_place = way == 1};
      op_result got = op_run(backend, &spec, &data, options);
      compare_results(&spec, &data, &got, &truth);
      op_result_clear(&got);
    }
    op_result_clear(&truth);
  }
  op_data_clear(&data);
  flr_backend_destroy(backend);
  flr_backend_destroy(ref);
}

static void test_ops__conv2d(void **state) {
  (void)state;
  for (int64_t kernel = 1; kernel <= 7; kernel++)
    for (int64_t stride = 1; stride <= 2; stride++)
      check(op_conv2d((flr_shape){3, 9, 10, 5}, 7, kernel, kernel, stride, kernel / 2, kernel % 2 == 0));
  check(op_conv2d((flr_shape){2, 8, 8, 1}, 16, 3, 3, 1, 1, 1));
  check(op_conv2d((flr_shape){2, 8, 8, 3}, 16, 7, 7, 2, 3, 0));
  check(op_conv2d((flr_shape){4, 8, 8, 16}, 32, 3, 3, 1, 1, 0));
  check(op_conv2d((flr_shape){2, 6, 6, 64}, 64, 3, 3, 1, 1, 0)); /* large enough for Winograd */
  check(op_conv2d((flr_shape){2, 7, 5, 32}, 16, 1, 1, 2, 0, 0));
  check(op_conv2d((flr_shape){1, 5, 5, 17}, 15, 3, 3, 1, 0, 1));
  check(op_conv2d((flr_shape){1, 4, 9, 8}, 8, 1, 5, 1, 0, 0));
  check(op_conv2d((flr_shape){1, 3, 3, 4}, 4, 3, 3, 3, 2, 1));
  check(op_frozen(op_conv2d((flr_shape){2, 6, 6, 64}, 64, 3, 3, 1, 1, 0)));
  check(op_frozen(op_conv2d((flr_shape){2, 8, 8, 3}, 16, 7, 7, 2, 3, 1)));
}

static void test_ops__linear(void **state) {
  (void)state;
  for (int bias = 0; bias < 2; bias++)
    for (int relu = 0; relu < 2; relu++) {
      check(op_linear((flr_shape){1, 1, 1, 1}, 1, bias, relu));
      check(op_linear((flr_shape){5, 1, 1, 33}, 10, bias, relu));
      check(op_linear((flr_shape){3, 4, 4, 16}, 17, bias, relu)); /* read in NHWC order whatever the arrangement */
      check(op_linear((flr_shape){64, 8, 8, 1}, 96, bias, relu));
      check(op_frozen(op_linear((flr_shape){5, 1, 1, 33}, 10, bias, relu)));
    }
}

static void test_ops__batch_norm(void **state) {
  (void)state;
  static const flr_shape shapes[] = {{5, 1, 1, 3}, {4, 5, 3, 16}, {3, 8, 8, 17}, {8, 4, 4, 64}, {16, 1, 1, 20}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (int relu = 0; relu < 2; relu++)
      for (int way = 0; way < 4; way++) check(op_batch_norm(shapes[i], way / 2, relu, way % 2));
  static const int64_t channels[] = {1, 3, 5, 8, 64, 65};
  for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
    check(op_batch_norm((flr_shape){1, 1, 1, channels[i]}, 1, 1, 1)); /* one number: no variance */
    check(op_batch_norm((flr_shape){1, 1, 97, channels[i]}, 0, 1, 1));
    check(op_batch_norm((flr_shape){101, 1, 11, channels[i]}, 1, 0, 1));
  }
  check(op_batch_norm((flr_shape){7, 13, 11, 264}, 1, 1, 1));
}

/* Against ref's plain batch norm: the parts are one, which sees what it sees. */
static void check_shared(flr_shape shape, int add, int relu) {
  const op_spec plain = op_batch_norm(shape, add, relu, 1), shared = op_shared_batch_norm(shape, add, relu);
  flr_backend *ref = op_open("ref"), *backend = open_backend();
  op_data data = op_data_random(&plain, 3);
  op_data_round(&data, backend);
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    op_result truth = op_run(ref, &plain, &data, (op_run_options){.accumulate = accumulate});
    for (int way = 0; way < arrangements(backend, &shared) + 1; way++) {
      const op_run_options options = {.blocked = way == 2, .accumulate = accumulate, .in_place = way == 1};
      op_result got = op_run(backend, &shared, &data, options);
      compare_results(&shared, &data, &got, &truth);
      op_result_clear(&got);
    }
    op_result_clear(&truth);
  }
  op_data_clear(&data);
  flr_backend_destroy(backend);
  flr_backend_destroy(ref);
}

static void test_ops__shared_batch_norm(void **state) {
  (void)state;
  static const flr_shape shapes[] = {{5, 1, 1, 3}, {4, 5, 3, 16}, {3, 8, 8, 17}, {8, 4, 4, 64}, {1, 1, 1, 5}, {97, 7, 3, 40}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (int way = 0; way < 4; way++) check_shared(shapes[i], way / 2, way % 2);
  check_shared((flr_shape){7, 13, 11, 264}, 1, 1);
}

static void test_ops__pool2d(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    check(op_pool2d((flr_shape){2, 8, 8, 16}, (flr_pool_kind)kind, 2, 2, 0));
    check(op_pool2d((flr_shape){2, 9, 7, 5}, (flr_pool_kind)kind, 3, 2, 1));
    check(op_pool2d((flr_shape){1, 5, 5, 32}, (flr_pool_kind)kind, 3, 1, 1));
    check(op_pool2d((flr_shape){3, 4, 4, 1}, (flr_pool_kind)kind, 4, 4, 0));
    check(op_pool2d((flr_shape){2, 11, 7, 65}, (flr_pool_kind)kind, 5, 3, 4));
    check(op_pool2d((flr_shape){1, 9, 9, 8}, (flr_pool_kind)kind, 2, 3, 1)); /* some inputs are in no window */
    check(op_pool2d((flr_shape){1, 1, 1, 3}, (flr_pool_kind)kind, 1, 1, 0));
    check(op_pool2d((flr_shape){1, 40, 37, 4}, (flr_pool_kind)kind, 31, 5, 2));
  }
}

static void test_ops__global_average_pool(void **state) {
  (void)state;
  check(op_global_average_pool((flr_shape){3, 1, 1, 5}));
  check(op_global_average_pool((flr_shape){2, 7, 6, 33}));
  check(op_global_average_pool((flr_shape){4, 4, 4, 64}));
  check(op_global_average_pool((flr_shape){1, 1, 1, 1}));
  check(op_global_average_pool((flr_shape){3, 31, 17, 65}));
  check(op_global_average_pool((flr_shape){2, 3, 3, 520}));
}

static void test_ops__global_concat_pool(void **state) {
  (void)state;
  check(op_global_concat_pool((flr_shape){3, 1, 1, 5}));
  check(op_global_concat_pool((flr_shape){2, 7, 6, 33}));
  check(op_global_concat_pool((flr_shape){4, 4, 4, 64}));
  check(op_global_concat_pool((flr_shape){1, 1, 1, 1}));
  check(op_global_concat_pool((flr_shape){3, 31, 17, 65}));
  check(op_global_concat_pool((flr_shape){2, 3, 3, 520}));
  op_spec inference = op_global_concat_pool((flr_shape){2, 3, 5, 24});
  inference.settings.training = 0;
  inference.forward_only = 1;
  check(inference);
}

/* The first of equals gets the gradient, everywhere alike. */
static void test_ops__global_concat_pool_of_equal_pixels(void **state) {
  (void)state;
  const op_spec spec = op_global_concat_pool((flr_shape){2, 2, 2, 16});
  flr_backend *backend = open_backend();
  op_data data = op_data_random(&spec, 3);
  for (int64_t i = 0; i < data.src_count; i++) data.src[i] = 0.5F;
  for (int64_t i = 0; i < data.dst_count; i++) data.diff_dst[i] = i % 32 < 16 ? 1.0F : 0.0F;
  op_result got = op_run(backend, &spec, &data, (op_run_options){.blocked = backend->host_memory});
  for (int64_t i = 0; i < data.src_count; i++) assert_true(got.diff_src[i] == (i / 16 % 4 == 0 ? 1.0F : 0.0F));
  op_result_clear(&got);
  op_data_clear(&data);
  flr_backend_destroy(backend);
}

static void test_ops__elementwise(void **state) {
  (void)state;
  static const flr_shape shapes[] = {{1, 1, 1, 1}, {3, 5, 4, 7}, {2, 8, 8, 16}, {4, 4, 4, 33}, {1, 1, 97, 3}, {5, 3, 3, 8}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check(op_relu(shapes[i]));
    check(op_add(shapes[i], 0));
    check(op_add(shapes[i], 1));
    check(op_dropout(shapes[i], 0));
    check(op_dropout(shapes[i], 0.3));
    check(op_shortcut(shapes[i], shapes[i].c, 1));
    check(op_shortcut(shapes[i], 2 * shapes[i].c + 1, 2));
    check(op_shortcut(shapes[i], 3 * shapes[i].c, 3));
  }
}

static void test_ops__loss(void **state) {
  (void)state;
  check(op_loss(1, 2, 0));
  check(op_loss(7, 10, 0));
  check(op_loss(64, 37, 0.1));
  check(op_loss(5, 1, 0));
  check(op_loss(97, 2, 0.1));
  check(op_loss(3, 1000, 0));
  check(op_loss(11, 1001, 0.1));
  check(op_loss(1031, 10, 0));
}

/* Dropout zeroes the same elements everywhere: its mask is a function of seed, layer and sample alone. */
static void test_ops__dropout_mask_is_exact(void **state) {
  (void)state;
  const op_spec spec = op_dropout((flr_shape){4, 3, 3, 16}, 0.4);
  flr_backend *ref = op_open("ref"), *backend = open_backend();
  op_data data = op_data_random(&spec, 5);
  op_data_round(&data, backend);
  op_result truth = op_run(ref, &spec, &data, (op_run_options){0}),
            got = op_run(backend, &spec, &data, (op_run_options){.blocked = backend->host_memory});
  int64_t dropped = 0;
  for (int64_t i = 0; i < data.dst_count; i++) {
    assert_true((got.dst[i] == 0) == (truth.dst[i] == 0));
    dropped += truth.dst[i] == 0;
  }
  CHECK_RANGE(dropped, data.dst_count / 4, data.dst_count / 2);
  op_result_clear(&got);
  op_result_clear(&truth);
  op_data_clear(&data);
  flr_backend_destroy(backend);
  flr_backend_destroy(ref);
}

int conformance_run(const conformance_subject *subject) {
  static const struct CMUnitTest ops[] = {
      cmocka_unit_test(test_ops__conv2d),
      cmocka_unit_test(test_ops__linear),
      cmocka_unit_test(test_ops__batch_norm),
      cmocka_unit_test(test_ops__shared_batch_norm),
      cmocka_unit_test(test_ops__pool2d),
      cmocka_unit_test(test_ops__global_average_pool),
      cmocka_unit_test(test_ops__global_concat_pool),
      cmocka_unit_test(test_ops__global_concat_pool_of_equal_pixels),
      cmocka_unit_test(test_ops__elementwise),
      cmocka_unit_test(test_ops__loss),
      cmocka_unit_test(test_ops__dropout_mask_is_exact),
  };
  under_test = subject;
  return conformance_passes_run(subject) + cmocka_run_group_tests(ops, NULL, NULL);
}
