/* Every op of a backend against ref: largest difference over largest value, for dense and for blocked inputs.
 * usage: conformance BACKEND TOLERANCE */
#include "op_runner.h"

typedef struct suite {
  const char *backend;
  double tolerance;
} suite;

static suite under_test;

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

static void compare(const op_spec *spec, const char *what, const float *got, const float *truth, int64_t count) {
  if (!truth) return;
  const double error = distance(got, truth, count);
  if (!(error <= under_test.tolerance))
    fail_msg("%s %lldx%lldx%lldx%lld: %s is off by %g, allowed %g", spec->name, (long long)spec->src.n, (long long)spec->src.h,
             (long long)spec->src.w, (long long)spec->src.c, what, error, under_test.tolerance);
}

static void compare_results(const op_spec *spec, const op_data *data, const op_result *got, const op_result *truth) {
  compare(spec, "dst", got->dst, truth->dst, data->dst_count);
  compare(spec, "diff_src", got->diff_src, truth->diff_src, data->src_count);
  compare(spec, "diff_src2", got->diff_src2, truth->diff_src2, data->src_count);
  compare(spec, "diff_weight", got->diff_weight, truth->diff_weight, data->weights);
  compare(spec, "diff_bias", got->diff_bias, truth->diff_bias, data->biases);
  compare(spec, "running mean", got->running_mean, truth->running_mean, data->channels);
  compare(spec, "running variance", got->running_var, truth->running_var, data->channels);
  CHECK_NEAR(got->loss.loss_sum, truth->loss.loss_sum, under_test.tolerance, 1);
  CHECK_NEAR(got->loss.loss_sq_sum, truth->loss.loss_sq_sum, under_test.tolerance, 1);
  assert_int_equal(got->loss.count, truth->loss.count);
  assert_int_equal(got->loss.correct, truth->loss.correct);
  assert_int_equal(got->loss.nonfinite, truth->loss.nonfinite);
}

static void check(op_spec spec) {
  flr_backend *ref = op_open("ref"), *backend = op_open(under_test.backend);
  op_data data = op_data_random(&spec, 3);
  for (int accumulate = 0; accumulate < 2; accumulate++) {
    op_result truth = op_run(ref, &spec, &data, (op_run_options){.accumulate = accumulate});
    for (int blocked = 0; blocked < (spec.is_loss ? 1 : 2); blocked++) {
      op_result got = op_run(backend, &spec, &data, (op_run_options){.blocked = blocked, .accumulate = accumulate});
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
}

static void test_ops__linear(void **state) {
  (void)state;
  for (int bias = 0; bias < 2; bias++)
    for (int relu = 0; relu < 2; relu++) {
      check(op_linear((flr_shape){1, 1, 1, 1}, 1, bias, relu));
      check(op_linear((flr_shape){5, 1, 1, 33}, 10, bias, relu));
      check(op_linear((flr_shape){3, 4, 4, 16}, 17, bias, relu)); /* read in NHWC order whatever the arrangement */
      check(op_linear((flr_shape){64, 8, 8, 1}, 96, bias, relu));
    }
}

static void test_ops__batch_norm(void **state) {
  (void)state;
  static const flr_shape shapes[] = {{5, 1, 1, 3}, {4, 5, 3, 16}, {3, 8, 8, 17}, {8, 4, 4, 64}, {16, 1, 1, 20}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (int relu = 0; relu < 2; relu++)
      for (int way = 0; way < 4; way++) check(op_batch_norm(shapes[i], way / 2, relu, way % 2));
}

static void test_ops__pool2d(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    check(op_pool2d((flr_shape){2, 8, 8, 16}, (flr_pool_kind)kind, 2, 2, 0));
    check(op_pool2d((flr_shape){2, 9, 7, 5}, (flr_pool_kind)kind, 3, 2, 1));
    check(op_pool2d((flr_shape){1, 5, 5, 32}, (flr_pool_kind)kind, 3, 1, 1));
    check(op_pool2d((flr_shape){3, 4, 4, 1}, (flr_pool_kind)kind, 4, 4, 0));
  }
}

static void test_ops__global_average_pool(void **state) {
  (void)state;
  check(op_global_average_pool((flr_shape){3, 1, 1, 5}));
  check(op_global_average_pool((flr_shape){2, 7, 6, 33}));
  check(op_global_average_pool((flr_shape){4, 4, 4, 64}));
}

static void test_ops__elementwise(void **state) {
  (void)state;
  static const flr_shape shapes[] = {{1, 1, 1, 1}, {3, 5, 4, 7}, {2, 8, 8, 16}, {4, 4, 4, 33}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check(op_relu(shapes[i]));
    check(op_add(shapes[i], 0));
    check(op_add(shapes[i], 1));
    check(op_dropout(shapes[i], 0));
    check(op_dropout(shapes[i], 0.3));
    check(op_shortcut(shapes[i], shapes[i].c, 1));
    check(op_shortcut(shapes[i], 2 * shapes[i].c + 1, 2));
  }
}

static void test_ops__loss(void **state) {
  (void)state;
  check(op_loss(1, 2, 0));
  check(op_loss(7, 10, 0));
  check(op_loss(64, 37, 0.1));
  check(op_loss(5, 1, 0));
}

/* Dropout zeroes the same elements everywhere: its mask is a function of seed, layer and sample alone. */
static void test_ops__dropout_mask_is_exact(void **state) {
  (void)state;
  const op_spec spec = op_dropout((flr_shape){4, 3, 3, 16}, 0.4);
  flr_backend *ref = op_open("ref"), *backend = op_open(under_test.backend);
  op_data data = op_data_random(&spec, 5);
  op_result truth = op_run(ref, &spec, &data, (op_run_options){0}),
            got = op_run(backend, &spec, &data, (op_run_options){.blocked = 1});
  int64_t dropped = 0;
  for (int64_t i = 0; i < data.dst_count; i++) {
    assert_true((got.dst[i] == 0) == (truth.dst[i] == 0));
    dropped += truth.dst[i] == 0;
  }
  assert_in_range(dropped, data.dst_count / 4, data.dst_count / 2);
  op_result_clear(&got);
  op_result_clear(&truth);
  op_data_clear(&data);
  flr_backend_destroy(backend);
  flr_backend_destroy(ref);
}

/* ---- input and passes ---- */

static void check_input(flr_dtype dtype, int normalise) {
  static const float mean[3] = {0.4F, 0.5F, 0.6F}, inverse_std[3] = {4, 2, 1};
  enum { COUNT = 2 * 5 * 4 * 3 };
  uint8_t bytes[COUNT];
  float floats[COUNT], outputs[2][COUNT];
  const flr_input_settings settings = {normalise ? mean : NULL, normalise ? inverse_std : NULL};
  const flr_tensor_desc src = flr_tensor_desc_dense(dtype, (flr_shape){2, 5, 4, 3});
  for (int i = 0; i < COUNT; i++) {
    bytes[i] = (uint8_t)(i * 37 % 256);
    floats[i] = 0.1F * (float)(i % 23) - 1;
  }
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = op_open(k ? under_test.backend : "ref");
    flr_op *op;
    CHECK_OK(flr_backend_input(backend, &op, &settings, &src));
    const flr_op_args args = {.src = dtype == FLR_U8 ? (const void *)bytes : floats, .dst = outputs[k]};
    CHECK_OK(flr_op_forward(op, &args));
    flr_op_destroy(op);
    flr_backend_destroy(backend);
  }
  assert_true(distance(outputs[1], outputs[0], COUNT) <= under_test.tolerance);
}

static void test_ops__input(void **state) {
  (void)state;
  check_input(FLR_U8, 1);
  check_input(FLR_U8, 0);
  check_input(FLR_F32, 1);
  check_input(FLR_F32, 0);
}

enum { FLAT = 40000 };

typedef struct flat {
  float param[FLAT], slot0[FLAT], slot1[FLAT], grad[FLAT];
} flat;

static void fill_flat(flat *f) {
  for (int i = 0; i < FLAT; i++) {
    f->param[i] = sinf((float)i);
    f->grad[i] = cosf(3 * (float)i);
    f->slot0[i] = 0.1F * sinf(2 * (float)i);
    f->slot1[i] = 0.1F + 0.05F * cosf((float)i);
  }
}

static void check_update(flr_update_kind kind, int decoupled) {
  static flat flats[2];
  static const flr_update_range ranges[] = {{0, 1000, 0, 0.01}, {1008, 30000, 1, 0}, {31024, 8000, 1, 0.1}};
  const flr_step_values values = {.lr = {0.01, 0.1}, .momentum = 0.9, .loss_scale = 1, .update_count = 3};
  double squares[2];
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = op_open(k ? under_test.backend : "ref");
    fill_flat(&flats[k]);
    const flr_update update = {.kind = kind,
                               .param = flats[k].param,
                               .slot0 = flats[k].slot0,
                               .slot1 = kind == FLR_UPDATE_ADAM ? flats[k].slot1 : NULL,
                               .grad = flats[k].grad,
                               .ranges = ranges,
                               .range_count = 3,
                               .decoupled = decoupled,
                               .sqr_mom = 0.99,
                               .eps = 1e-5,
                               .values = &values,
                               .grad_sumsq = &squares[k]};
    CHECK_OK(flr_backend_update(backend, &update));
    flr_backend_destroy(backend);
  }
  assert_true(distance(flats[1].param, flats[0].param, FLAT) <= under_test.tolerance);
  assert_true(distance(flats[1].slot0, flats[0].slot0, FLAT) <= under_test.tolerance);
  assert_true(distance(flats[1].slot1, flats[0].slot1, FLAT) <= under_test.tolerance);
  CHECK_NEAR(squares[1], squares[0], 1e-12, 1);
  assert_true(flats[1].param[1004] == sinf(1004)); /* between ranges nothing is touched */
}

static void test_ops__update(void **state) {
  (void)state;
  check_update(FLR_UPDATE_SGD, 0);
  check_update(FLR_UPDATE_SGD, 1);
  check_update(FLR_UPDATE_ADAM, 0);
  check_update(FLR_UPDATE_ADAM, 1);
}

static void test_ops__flat_passes(void **state) {
  (void)state;
  static flat flats[2];
  double squares[2];
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = op_open(k ? under_test.backend : "ref");
    fill_flat(&flats[k]);
    CHECK_OK(flr_backend_axpy(backend, FLAT - 3, -0.37, flats[k].grad, flats[k].param));
    CHECK_OK(flr_backend_scale(backend, FLAT - 5, 1.7, flats[k].param));
    CHECK_OK(flr_backend_sum_of_squares(backend, FLAT - 7, flats[k].param, &squares[k]));
    flr_backend_destroy(backend);
  }
  assert_true(distance(flats[1].param, flats[0].param, FLAT) <= under_test.tolerance);
  CHECK_NEAR(squares[1], squares[0], 1e-6, 1);
}

int main(int argc, char **argv) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ops__conv2d),
      cmocka_unit_test(test_ops__linear),
      cmocka_unit_test(test_ops__batch_norm),
      cmocka_unit_test(test_ops__pool2d),
      cmocka_unit_test(test_ops__global_average_pool),
      cmocka_unit_test(test_ops__elementwise),
      cmocka_unit_test(test_ops__loss),
      cmocka_unit_test(test_ops__dropout_mask_is_exact),
      cmocka_unit_test(test_ops__input),
      cmocka_unit_test(test_ops__update),
      cmocka_unit_test(test_ops__flat_passes),
  };
  if (argc != 3) SKIP_ALL("usage: conformance BACKEND TOLERANCE");
  under_test = (suite){argv[1], strtod(argv[2], NULL)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
