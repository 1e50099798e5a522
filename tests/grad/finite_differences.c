/* The gradients of ref against central differences of its own forward pass: L = sum of dst * diff_dst, or the loss itself. */
#include "ops/op_runner.h"

#include "core/rng.h"

enum { PROBES = 24 };
static const double step = 1e-2; /* forward results are rounded to f32: smaller steps drown in that */

typedef struct probe {
  flr_backend *backend;
  const op_spec *spec;
  op_data *data;
} probe;

/* The loss op scales its gradient by the step values' grad_scale of 0.25. */
static double objective(const probe *p) {
  op_result r = op_run(p->backend, p->spec, p->data, (op_run_options){0});
  double sum = p->spec->is_loss ? 0.25 * r.loss.loss_sum : 0;
  for (int64_t i = 0; !p->spec->is_loss && i < p->data->dst_count; i++) sum += (double)r.dst[i] * (double)p->data->diff_dst[i];
  op_result_clear(&r);
  return sum;
}

static double central_difference(const probe *p, float *at) {
  const float kept = *at;
  *at = (float)((double)kept + step);
  const double above = objective(p), high = (double)*at;
  *at = (float)((double)kept - step);
  const double below = objective(p), low = (double)*at;
  *at = kept;
  return (above - below) / (high - low);
}

/* Some elements, spread over the tensor; errors are measured against the largest gradient. */
static void check_tensor(const probe *p, const char *what, float *values, const float *gradient, int64_t count) {
  if (!gradient || count == 0) return;
  double largest = 1e-2;
  for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)gradient[i]));
  for (int64_t k = 0; k < (count < PROBES ? count : PROBES); k++) {
    const int64_t i = count <= PROBES ? k : (k * 2654435761LL) % count;
    const double truth = central_difference(p, &values[i]);
    if (!(fabs((double)gradient[i] - truth) <= 2e-3 * largest))
      fail_msg("%s %lldx%lldx%lldx%lld: %s[%lld] = %.9g, differences give %.9g", p->spec->name, (long long)p->spec->src.n,
               (long long)p->spec->src.h, (long long)p->spec->src.w, (long long)p->spec->src.c, what, (long long)i,
               (double)gradient[i], truth);
  }
}

static void check(op_spec spec) {
  op_data data = op_data_random(&spec, 9);
  if (!spec.is_loss && !spec.is_norm) op_data_spread(&data, 9);
  probe p = {.backend = op_open("ref"), .spec = &spec, .data = &data};
  op_result r = op_run(p.backend, &spec, &data, (op_run_options){0});
  check_tensor(&p, "src", data.src, r.diff_src, data.src_count);
  check_tensor(&p, "src2", data.src2, r.diff_src2, data.src_count);
  check_tensor(&p, "weight", data.weight, r.diff_weight, data.weights);
  check_tensor(&p, "bias", data.bias, r.diff_bias, data.biases);
  op_result_clear(&r);
  op_data_clear(&data);
  flr_backend_destroy(p.backend);
}

static void test_grad__conv2d(void **state) {
  (void)state;
  check(op_conv2d((flr_shape){2, 5, 4, 3}, 4, 3, 3, 1, 1, 1));
  check(op_conv2d((flr_shape){2, 7, 7, 2}, 3, 5, 5, 2, 2, 0));
  check(op_conv2d((flr_shape){1, 7, 8, 1}, 2, 7, 7, 2, 3, 0));
  check(op_conv2d((flr_shape){2, 4, 4, 3}, 5, 1, 1, 2, 0, 1));
  check(op_conv2d((flr_shape){1, 4, 6, 2}, 2, 2, 4, 1, 1, 0));
}

static void test_grad__linear(void **state) {
  (void)state;
  check(op_linear((flr_shape){3, 1, 1, 7}, 5, 1, 0));
  check(op_linear((flr_shape){2, 2, 3, 2}, 4, 0, 0));
}

/* ReLU's kink is at 0 of an inner value, so it is probed through ops whose inputs stay away from it. */
static void test_grad__batch_norm(void **state) {
  (void)state;
  check(op_batch_norm((flr_shape){6, 2, 2, 3}, 0, 0, 1));
  check(op_batch_norm((flr_shape){8, 1, 1, 2}, 0, 0, 1));
  check(op_batch_norm((flr_shape){6, 2, 2, 3}, 1, 0, 1));
  check(op_shared_batch_norm((flr_shape){6, 2, 2, 3}, 0, 0));
  check(op_shared_batch_norm((flr_shape){6, 2, 2, 3}, 1, 0));
}

static void test_grad__relu(void **state) {
  (void)state;
  check(op_relu((flr_shape){2, 3, 3, 4}));
}

static void test_grad__pool2d(void **state) {
  (void)state;
  check(op_pool2d((flr_shape){2, 4, 4, 2}, FLR_POOL_MAX, 2, 2, 0));
  check(op_pool2d((flr_shape){1, 7, 5, 2}, FLR_POOL_MAX, 3, 2, 1));
  check(op_pool2d((flr_shape){2, 5, 5, 2}, FLR_POOL_AVERAGE, 3, 2, 1));
  check(op_global_average_pool((flr_shape){2, 3, 4, 5}));
  check(op_global_concat_pool((flr_shape){2, 3, 4, 5}));
}

static void test_grad__elementwise(void **state) {
  (void)state;
  check(op_add((flr_shape){2, 3, 3, 2}, 0));
  check(op_dropout((flr_shape){2, 3, 3, 4}, 0.4));
  check(op_shortcut((flr_shape){2, 4, 5, 3}, 6, 2));
}

static void test_grad__loss(void **state) {
  (void)state;
  check(op_loss(4, 7, 0));
  check(op_loss(5, 3, 0.1));
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grad__conv2d), cmocka_unit_test(test_grad__linear), cmocka_unit_test(test_grad__batch_norm),
      cmocka_unit_test(test_grad__relu),   cmocka_unit_test(test_grad__pool2d), cmocka_unit_test(test_grad__elementwise),
      cmocka_unit_test(test_grad__loss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
