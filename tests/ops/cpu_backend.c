/* What only the cpu backend promises: interned layouts that pass from op to op, convolutions that agree with plain loops in
   every layout, and passes whose results do not depend on the number of threads. */
#include "harness/harness.h"

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"
#include "core/rng.h"

static flr_backend *open_backend(int threads) {
  const flr_backend_options options = {.threads = threads, .local_size = 1};
  flr_backend *backend;
  CHECK_OK(flr_backend_create(&backend, "cpu", &options));
  return backend;
}

static void *memory(size_t bytes) {
  void *data;
  CHECK_OK(flr_alloc(&data, (int64_t)bytes, 1));
  return data;
}

static float *random_floats(int64_t n, uint64_t key) {
  float *x = memory((size_t)n * sizeof(float));
  for (int64_t i = 0; i < n; i++) x[i] = 2.0F * flr_rng_uniform(key, (uint64_t)i) - 1.0F;
  return x;
}

/* A tensor in the layout of desc from dense values, and back; both new memory. */
static float *to_layout(flr_backend *backend, const flr_tensor_desc *desc, const float *dense) {
  flr_cpu *cpu = flr_cpu_of(backend);
  flr_cpu_dense view;
  CHECK_OK(flr_cpu_dense_init(cpu, &view, desc));
  float *out = memory(desc->bytes), *scratch = memory(view.scratch_bytes);
  memcpy(view.copy_bytes > 0 ? scratch : out, dense, (size_t)flr_shape_elements(desc->shape) * sizeof(float));
  CHECK_OK(flr_cpu_dense_back(cpu, &view, scratch, out));
  flr_cpu_dense_clear(&view);
  flr_free(scratch);
  return out;
}

static float *to_dense(flr_backend *backend, const flr_tensor_desc *desc, const float *x) {
  flr_cpu_dense view;
  CHECK_OK(flr_cpu_dense_init(flr_cpu_of(backend), &view, desc));
  const size_t bytes = (size_t)flr_shape_elements(desc->shape) * sizeof(float);
  float *out = memory(bytes), *scratch = memory(view.scratch_bytes);
  const float *dense;
  CHECK_OK(flr_cpu_dense_in(flr_cpu_of(backend), &view, x, scratch, &dense));
  memcpy(out, dense, bytes);
  flr_cpu_dense_clear(&view);
  flr_free(scratch);
  return out;
}

/* ||a - b|| / ||b|| */
static double distance(const float *a, const double *b, int64_t n) {
  double error = 0.0, norm = 0.0;
  for (int64_t i = 0; i < n; i++) {
    error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return sqrt(error / norm);
}

/* --- convolution against plain loops
 * ------------------------------------------------------------------------------------------ */

typedef struct conv_case {
  flr_shape src;
  flr_conv2d_settings settings;
  int block, accumulate; /* block: channels that lie together in src; 0: dense */
} conv_case;

typedef struct conv_truth {
  double *dst, *diff_src, *diff_weight, *diff_bias;
} conv_truth;

/* One output position: dst, and what its gradient adds everywhere. */
static void truth_at(const conv_case *c, const conv_truth *t, int64_t n, int64_t y, int64_t x, int64_t o, int64_t at,
                     const float *src, const float *weight, const float *bias, double diff) {
  const flr_conv2d_settings *s = &c->settings;
  double sum = s->bias ? (double)bias[o] : 0.0;
  t->diff_bias[o] += diff;
  for (int64_t tap = 0; tap < s->kernel_h * s->kernel_w; tap++) {
    const int64_t row = y * s->stride - s->pad + tap / s->kernel_w, column = x * s->stride - s->pad + tap % s->kernel_w;
    if (row < 0 || column < 0 || row >= c->src.h || column >= c->src.w) continue;
    for (int64_t i = 0; i < c->src.c; i++) {
      const int64_t from = ((n * c->src.h + row) * c->src.w + column) * c->src.c + i;
      const int64_t w = (o * s->kernel_h * s->kernel_w + tap) * c->src.c + i;
      sum += (double)src[from] * (double)weight[w];
      t->diff_src[from] += diff * (double)weight[w];
      t->diff_weight[w] += diff * (double)src[from];
    }
  }
  t->dst[at] = sum;
}

static void truth_of(const conv_case *c, const conv_truth *t, flr_shape dst, const float *src, const float *weight,
                     const float *bias, const float *diff) {
  for (int64_t at = 0; at < flr_shape_elements(dst); at++) {
    const int64_t o = at % dst.c, x = at / dst.c % dst.w, y = at / (dst.c * dst.w) % dst.h, n = at / (dst.c * dst.w * dst.h);
    truth_at(c, t, n, y, x, o, at, src, weight, bias, (double)diff[at]);
  }
}

static flr_tensor_desc describe(flr_backend *backend, flr_shape shape, int block) {
  flr_tensor_desc desc = flr_tensor_desc_dense(FLR_F32, shape);
  const int64_t dims[4] = {shape.n, shape.c, shape.h, shape.w};
  const flr_layout *layout;
  void *md;
  if (block == 0) return desc;
  CHECK_OK(flr_dnnl_md_blocked(&md, dims, block));
  CHECK_OK(flr_cpu_layout_take(flr_cpu_of(backend), &layout, md));
  CHECK_OK(flr_cpu_desc(flr_cpu_of(backend), &desc, shape, layout));
  return desc;
}

static void check_conv(const conv_case *c) {
  flr_backend *backend = open_backend(2);
  const flr_tensor_desc src = describe(backend, c->src, c->block);
  flr_op *op;
  CHECK_OK(flr_backend_conv2d(backend, &op, &c->settings, &src));
  const int64_t in = flr_shape_elements(c->src), out = flr_shape_elements(op->dst.shape), channels = c->settings.out_channels;
  const int64_t weights = channels * c->settings.kernel_h * c->settings.kernel_w * c->src.c;
  float *x = random_floats(in, 1), *w = random_floats(weights, 2), *b = random_floats(channels, 3), *d = random_floats(out, 4);
  float *dw = random_floats(weights, 5), *db = random_floats(channels, 6);
  const conv_truth truth = {memory((size_t)out * 8), memory((size_t)in * 8), memory((size_t)weights * 8),
                            memory((size_t)channels * 8)};
  for (int64_t i = 0; c->accumulate && i < weights; i++) truth.diff_weight[i] = (double)dw[i];
  for (int64_t i = 0; c->accumulate && i < channels; i++) truth.diff_bias[i] = (double)db[i];
  truth_of(c, &truth, op->dst.shape, x, w, b, d);
  float *xl = to_layout(backend, &src, x), *dl = to_layout(backend, &op->dst, d);
  const flr_op_args args = {.src = xl,
                            .dst = memory(op->dst.bytes),
                            .weight = w,
                            .bias = c->settings.bias ? b : NULL,
                            .diff_dst = dl,
                            .diff_src = memory(src.bytes),
                            .diff_weight = dw,
                            .diff_bias = c->settings.bias ? db : NULL,
                            .accumulate = c->accumulate,
                            .saved = memory(op->saved_bytes),
                            .scratch = memory(op->scratch_bytes)};
  CHECK_OK(flr_op_forward(op, &args));
  CHECK_OK(flr_op_backward(op, &args));
  float *y = to_dense(backend, &op->dst, args.dst), *dx = to_dense(backend, &src, args.diff_src);
  CHECK_NEAR(distance(y, truth.dst, out), 0.0, 1.0, 3e-6);
  CHECK_NEAR(distance(dx, truth.diff_src, in), 0.0, 1.0, 3e-6);
  CHECK_NEAR(distance(dw, truth.diff_weight, weights), 0.0, 1.0, 3e-6);
  if (c->settings.bias) CHECK_NEAR(distance(db, truth.diff_bias, channels), 0.0, 1.0, 3e-6);
  void *const all[] = {x,
                       w,
                       b,
                       d,
                       dw,
                       db,
                       truth.dst,
                       truth.diff_src,
                       truth.diff_weight,
                       truth.diff_bias,
                       xl,
                       dl,
                       args.dst,
                       args.diff_src,
                       y,
                       dx,
                       args.saved,
                       args.scratch};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) flr_free(all[i]);
  flr_op_destroy(op);
  flr_backend_destroy(backend);
}

static void test_conv__agrees_with_plain_loops_in_every_layout(void **state) {
  static const flr_conv2d_settings kinds[] = {{32, 3, 3, 1, 1, 0, 1, 1, 0},
                                              {32, 3, 3, 2, 1, 1, 1, 1, 0},
                                              {20, 1, 1, 2, 0, 1, 1, 1, 0},
                                              {9, 5, 5, 2, 2, 0, 1, 1, 0},
                                              {16, 2, 3, 1, 1, 1, 1, 1, 0}};
  static const int64_t channels[] = {3, 16, 21};
  (void)state;
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
    for (size_t c = 0; c < 3; c++)
      for (int block = 0; block <= 16; block += 8) {
        const conv_case one = {{2, 9, 8, channels[c]}, kinds[k], block, block == 8};
        check_conv(&one);
      }
}

/* --- layouts
 * ------------------------------------------------------------------------------------------------------------------ */

static void test_layouts__equal_arrangements_have_one_pointer(void **state) {
  (void)state;
  flr_backend *backend = open_backend(1);
  const flr_tensor_desc src = flr_tensor_desc_dense(FLR_F32, (flr_shape){2, 8, 8, 32});
  const flr_conv2d_settings conv = {32, 3, 3, 1, 1, 0, 1, 1, 0};
  const flr_batch_norm_settings norm = {.epsilon = 1e-5, .momentum = 0.1, .relu = 1, .training = 1};
  const flr_add_settings add = {1, 1};
  flr_op *first, *second, *normed, *sum;
  CHECK_OK(flr_backend_conv2d(backend, &first, &conv, &src));
  CHECK_OK(flr_backend_batch_norm(backend, &normed, &norm, &first->dst, NULL));
  CHECK_OK(flr_backend_conv2d(backend, &second, &conv, &normed->dst));
  CHECK_OK(flr_backend_add(backend, &sum, &add, &normed->dst, &second->dst));
  assert_ptr_equal(first->dst.layout, normed->dst.layout);
  assert_ptr_equal(normed->dst.layout, second->dst.layout);
  assert_ptr_equal(sum->dst.layout, second->dst.layout);
  assert_int_equal(sum->scratch_bytes, 0);
  flr_op_destroy(first);
  flr_op_destroy(second);
  flr_op_destroy(normed);
  flr_op_destroy(sum);
  flr_backend_destroy(backend);
}

/* --- threads
 * ------------------------------------------------------------------------------------------------------------------ */

enum { FLAT = 100003 };

static void run_passes(int threads, flr_update_kind kind, float *param, double sums[2]) {
  flr_backend *backend = open_backend(threads);
  float *grad = random_floats(FLAT, 2), *slot0 = random_floats(FLAT, 3), *slot1 = memory(FLAT * sizeof(float));
  const flr_step_values values = {.lr = {0.1, 0.3}, .momentum = 0.9, .loss_scale = 1, .update_count = 3};
  const flr_update_range ranges[] = {{0, 1000, 0, 0.1, 0}, {1008, FLAT - 1008, 1, 0.0, 0}};
  const flr_update update = {.kind = kind,
                             .param = param,
                             .slot0 = slot0,
                             .slot1 = slot1,
                             .grad = grad,
                             .ranges = ranges,
                             .range_count = 2,
                             .decoupled = 1,
                             .sqr_mom = 0.99,
                             .eps = 1e-5,
                             .values = &values,
                             .grad_sumsq = &sums[0]};
  CHECK_OK(flr_backend_update(backend, &update));
  CHECK_OK(flr_backend_axpy(backend, FLAT, 0.7, grad, param));
  CHECK_OK(flr_backend_sum_of_squares(backend, FLAT, param, &sums[1]));
  flr_free(grad);
  flr_free(slot0);
  flr_free(slot1);
  flr_backend_destroy(backend);
}

static void test_passes__same_bits_for_any_number_of_threads(void **state) {
  (void)state;
  for (int kind = FLR_UPDATE_SGD; kind <= FLR_UPDATE_ADAM; kind++) {
    float *one = random_floats(FLAT, 1);
    double sums[2];
    run_passes(1, (flr_update_kind)kind, one, sums);
    assert_true(sums[0] > 1.0 && sums[1] > 1.0);
    for (int threads = 2; threads <= 5; threads++) {
      float *many = random_floats(FLAT, 1);
      double others[2];
      run_passes(threads, (flr_update_kind)kind, many, others);
      assert_memory_equal(one, many, FLAT * sizeof(float));
      assert_memory_equal(sums, others, sizeof sums);
      flr_free(many);
    }
    flr_free(one);
  }
}

static void test_threads__share_the_node_and_never_reach_zero(void **state) {
  (void)state;
  flr_backend *backend;
  const flr_backend_options shared = {.local_size = 1 << 20};
  CHECK_OK(flr_backend_create(&backend, "cpu", &shared));
  assert_int_equal(backend->threads, 1);
  assert_non_null(strstr(backend->description, "oneDNN "));
  assert_non_null(strstr(backend->description, ", 1 thread"));
  flr_backend_destroy(backend);
  backend = open_backend(0);
  assert_int_equal(backend->threads, flr_cpu_share(0, 1));
  flr_backend_destroy(backend);
  const flr_backend_options bound = {.local_size = 1 << 20, .cpus = 1}; /* to a core of its own, beside many others */
  CHECK_OK(flr_backend_create(&backend, "cpu", &bound));
  assert_int_equal(backend->threads, 1);
  flr_backend_destroy(backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conv__agrees_with_plain_loops_in_every_layout),
      cmocka_unit_test(test_layouts__equal_arrangements_have_one_pointer),
      cmocka_unit_test(test_passes__same_bits_for_any_number_of_threads),
      cmocka_unit_test(test_threads__share_the_node_and_never_reach_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
