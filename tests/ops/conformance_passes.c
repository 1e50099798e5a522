/* The input op and the passes over flat buffers against ref. Everything lies in the backend's memory. */
#include "op_runner.h"

#include "conformance.h"

static const conformance_subject *under_test;

/* The truth first, then the subject. */
static flr_backend *open_backend(int k) {
  flr_backend *backend;
  if (k == 0) return op_open("ref");
  CHECK_OK(under_test->open(&backend));
  return backend;
}

static void *put(flr_backend *backend, flr_buffer *out, const void *data, size_t bytes) {
  CHECK_OK(flr_backend_alloc(backend, out, bytes));
  CHECK_OK(flr_backend_upload(backend, out->data, data, bytes));
  return out->data;
}

static double distance(const float *a, const float *b, int64_t count) {
  double largest = 1e-3, difference = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite((double)a[i])) return INFINITY;
    largest = fmax(largest, fabs((double)b[i]));
    difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
  }
  return difference / largest;
}

static void check_near(const char *what, const float *got, const float *truth, int64_t count, double tolerance) {
  const double error = distance(got, truth, count);
  if (!(error <= tolerance)) fail_msg("%s is off by %g, allowed %g", what, error, tolerance);
}

/* Numbers of the compute type, read as f32. */
static void get_raised(flr_backend *backend, const void *from, int64_t count, float *to) {
  const flr_shape shape = {1, 1, 1, count};
  const flr_tensor_desc own = flr_tensor_desc_dense(backend->compute, shape), plain = flr_tensor_desc_dense(FLR_F32, shape);
  flr_buffer wide;
  CHECK_OK(flr_backend_alloc(backend, &wide, plain.bytes));
  CHECK_OK(flr_backend_convert(backend, &own, from, &plain, wide.data));
  CHECK_OK(flr_backend_download(backend, to, wide.data, plain.bytes));
  flr_buffer_clear(&wide);
}

/* ---- input ---- */

enum { MOST_CHANNELS = 17, MOST_INPUTS = 2 * 5 * 4 * MOST_CHANNELS };

static void check_input(flr_dtype dtype, int normalise, int64_t channels) {
  const int64_t count = 2 * 5 * 4 * channels;
  float mean[MOST_CHANNELS], inverse_std[MOST_CHANNELS], floats[MOST_INPUTS], outputs[2][MOST_INPUTS];
  uint8_t bytes[MOST_INPUTS];
  const flr_input_settings settings = {normalise ? mean : NULL, normalise ? inverse_std : NULL};
  const flr_tensor_desc src = flr_tensor_desc_dense(dtype, (flr_shape){2, 5, 4, channels});
  for (int c = 0; c < channels; c++) {
    mean[c] = 0.4F + 0.05F * (float)c;
    inverse_std[c] = 4.0F / (float)(c + 1);
  }
  for (int i = 0; i < count; i++) {
    bytes[i] = (uint8_t)(i * 37 % 256);
    floats[i] = 0.1F * (float)(i % 23) - 1;
  }
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = open_backend(k);
    flr_op *op;
    flr_buffer in, out;
    CHECK_OK(flr_backend_input(backend, &op, &settings, &src));
    CHECK_OK(flr_backend_alloc(backend, &out, op->dst.bytes));
    const flr_op_args args = {.src = put(backend, &in, dtype == FLR_U8 ? (const void *)bytes : floats, src.bytes),
                              .dst = out.data};
    CHECK_OK(flr_op_forward(op, &args));
    get_raised(backend, out.data, count, outputs[k]);
    flr_buffer_clear(&in);
    flr_buffer_clear(&out);
    flr_op_destroy(op);
    flr_backend_destroy(backend);
  }
  check_near("input", outputs[1], outputs[0], count, under_test->tolerance);
}

static void test_ops__input(void **state) {
  (void)state;
  static const int64_t channels[] = {1, 3, 8, MOST_CHANNELS};
  for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
    for (int way = 0; way < 4; way++) check_input(way % 2 ? FLR_U8 : FLR_F32, way / 2, channels[i]);
}

/* ---- update ---- */

enum { FLAT = 40000 };

typedef struct flat {
  float param[FLAT], slot0[FLAT], slot1[FLAT], grad[FLAT], low[FLAT];
  double squares;
} flat;

static void fill_flat(flat *f) {
  for (int i = 0; i < FLAT; i++) {
    f->param[i] = sinf((float)i);
    f->grad[i] = cosf(3 * (float)i);
    f->slot0[i] = 0.1F * sinf(2 * (float)i);
    f->slot1[i] = 0.1F + 0.05F * cosf((float)i);
  }
}

typedef struct update_case {
  flr_update_kind kind;
  int decoupled, skip, measured;
  double loss_scale;
  const flr_update_range *ranges;
  int range_count;
  double clip; /* the norm it is clipped to; 0: not */
} update_case;

/* Runs it on f, in the backend's memory and back. */
static void run_update(flr_backend *backend, const update_case *c, flat *f) {
  const flr_step_values values = {.lr = {0.01, 0.1}, .momentum = 0.9, .loss_scale = c->loss_scale, .update_count = 3};
  const size_t low_bytes = FLAT * flr_dtype_size(backend->compute);
  flr_buffer m[7], low = {0}, sums = {0};
  const size_t scratch = (size_t)flr_update_scratch(c->ranges, c->range_count) * sizeof(double);
  if (c->kind == FLR_UPDATE_LAMB) CHECK_OK(flr_backend_alloc(backend, &sums, scratch));
  if (backend->compute != FLR_F32) {
    CHECK_OK(flr_backend_alloc(backend, &low, low_bytes));
    CHECK_OK(flr_backend_lower(backend, FLAT, put(backend, &m[6], f->param, sizeof f->param), low.data));
    flr_buffer_clear(&m[6]);
  }
  const flr_update update = {
      .kind = c->kind,
      .param = put(backend, &m[0], f->param, sizeof f->param),
      .slot0 = put(backend, &m[1], f->slot0, sizeof f->slot0),
      .slot1 = put(backend, &m[2], f->slot1, sizeof f->slot1),
      .param_low = low.data,
      .grad = put(backend, &m[3], f->grad, sizeof f->grad),
      .ranges = put(backend, &m[4], c->ranges, (size_t)c->range_count * sizeof *c->ranges),
      .range_count = c->range_count,
      .decoupled = c->decoupled,
      .sqr_mom = 0.99,
      .eps = 1e-5,
      .sums = sums.data,
      .values = put(backend, &m[5], &values, sizeof values),
      .grad_sumsq = c->measured ? put(backend, &m[6], &f->squares, sizeof f->squares) : NULL,
      .skip_when_infinite = c->skip,
      .clip_norm = c->clip,
  };
  CHECK_OK(flr_backend_update(backend, &update));
  CHECK_OK(flr_backend_download(backend, f->param, update.param, sizeof f->param));
  CHECK_OK(flr_backend_download(backend, f->slot0, update.slot0, sizeof f->slot0));
  CHECK_OK(flr_backend_download(backend, f->slot1, update.slot1, sizeof f->slot1));
  if (c->measured) CHECK_OK(flr_backend_download(backend, &f->squares, update.grad_sumsq, sizeof f->squares));
  if (low.data) get_raised(backend, low.data, FLAT, f->low);
  if (!low.data) memcpy(f->low, f->param, sizeof f->low);
  for (int i = 0; i < (c->measured ? 7 : 6); i++) flr_buffer_clear(&m[i]);
  flr_buffer_clear(&low);
  flr_buffer_clear(&sums);
}

static flat flats[2];

static void check_update(const update_case *c) {
  const double exact = under_test->f32_tolerance;
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = open_backend(k);
    fill_flat(&flats[k]);
    run_update(backend, c, &flats[k]);
    flr_backend_destroy(backend);
  }
  check_near("param", flats[1].param, flats[0].param, FLAT, exact);
  check_near("slot0", flats[1].slot0, flats[0].slot0, FLAT, exact);
  check_near("slot1", flats[1].slot1, flats[0].slot1, FLAT, exact);
  check_near("the lower copy", flats[1].low, flats[1].param, FLAT, under_test->tolerance);
  if (c->measured) CHECK_NEAR(flats[1].squares, flats[0].squares, 1e-12, 1e-30);
}

static const flr_update_range three_ranges[] = {{0, 1000, 0, 0.01, 16}, {1008, 30000, 1, 0, 0}, {31024, 8000, 1, 0.1, -16}};

static void test_ops__update(void **state) {
  (void)state;
  for (int kind = FLR_UPDATE_SGD; kind <= FLR_UPDATE_LAMB; kind++)
    for (int decoupled = 0; decoupled < 2; decoupled++)
      for (int measured = 0; measured < 2; measured++) {
        const update_case c = {(flr_update_kind)kind, decoupled, 0, measured, measured ? 1024 : 1, three_ranges, 3, 0};
        check_update(&c);
        assert_true(flats[1].param[1004] == sinf(1004)); /* between ranges nothing is touched */
        assert_true(flats[1].param[31016] == sinf(31016) && flats[1].param[39030] == sinf(39030));
      }
}

/* Ranges that are empty, that start anywhere, and very many. */
static void test_ops__update_of_odd_ranges(void **state) {
  (void)state;
  enum { MANY = 1500 };
  static flr_update_range many[MANY];
  static const flr_update_range odd[] = {
      {5, 0, 0, 0.1, 0}, {7, 1, 0, 0.1, 0}, {9, 4099, 1, 0.1, 0}, {5001, 3, 0, 0, 32}, {6000, 0, 1, 0, 0}};
  static const flr_update_range none[] = {{16, 0, 0, 0, 0}};
  for (int i = 0; i < MANY; i++) many[i] = (flr_update_range){26 * i, i % 24, i % 2, 0.001 * (double)(i % 7), 0};
  for (int kind = FLR_UPDATE_SGD; kind <= FLR_UPDATE_LAMB; kind++)
    for (int skip = 0; skip < 2; skip++) {
      check_update(&(update_case){(flr_update_kind)kind, 0, skip, 1, 1, odd, 5, 0});
      check_update(&(update_case){(flr_update_kind)kind, 1, skip, 1, 1, many, MANY, 0});
      check_update(&(update_case){(flr_update_kind)kind, 1, skip, 1, 1, none, 1, 0});
      assert_true(flats[1].squares == 0);
    }
}

/* The gradient of the ranges has a norm of about 140. */
static void test_ops__update_clips_the_norm(void **state) {
  (void)state;
  static const double clips[] = {1e-3, 1, 100, 1000};
  static flat plain;
  for (int kind = FLR_UPDATE_SGD; kind <= FLR_UPDATE_LAMB; kind++)
    for (int i = 0; i < 4; i++)
      for (int skip = 0; skip < 2; skip++) {
        update_case c = {(flr_update_kind)kind, i % 2, skip, 1, skip ? 1024 : 1, three_ranges, 3, clips[i] / (skip ? 1024 : 1)};
        check_update(&c);
        const double norm = sqrt(flats[1].squares);
        assert_true(norm * (skip ? 1024 : 1) > 130 && norm * (skip ? 1024 : 1) < 150); /* before clipping */
        /* the same as a gradient that is smaller by itself */
        fill_flat(&plain);
        for (int k = 0; k < FLAT; k++) plain.grad[k] *= (float)fmin(1, c.clip / (norm + 1e-6));
        c.clip = 0;
        flr_backend *backend = open_backend(1);
        run_update(backend, &c, &plain);
        flr_backend_destroy(backend);
        check_near("param of a smaller gradient", plain.param, flats[1].param, FLAT, 1e-6);
      }
}

/* One number that is not finite stops it, where that is asked for. */
static void test_ops__update_skips_what_is_not_finite(void **state) {
  (void)state;
  static flat before, after;
  flr_backend *backend = open_backend(1);
  for (int i = 0; i < 6; i++) {
    const update_case c = {i < 3 ? FLR_UPDATE_ADAM : FLR_UPDATE_LAMB, 1, 1, 1, 4, three_ranges, 3, 0};
    const int way = i % 3;
    fill_flat(&before);
    before.grad[way < 2 ? 20000 : 39020] = way == 0 ? INFINITY : NAN; /* the last one is nobody's gradient */
    after = before;
    run_update(backend, &c, &after);
    assert_int_equal(isfinite(after.squares) != 0, way == 2);
    assert_int_equal(memcmp(after.param, before.param, sizeof before.param) == 0, way < 2);
    assert_int_equal(memcmp(after.slot0, before.slot0, sizeof before.slot0) == 0, way < 2);
    assert_int_equal(memcmp(after.slot1, before.slot1, sizeof before.slot1) == 0, way < 2);
  }
  flr_backend_destroy(backend);
}

/* ---- axpy, scale, sums ---- */

static void check_flat_passes(int64_t count, int64_t first) {
  double squares[2];
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = open_backend(k);
    flr_buffer x, y, sum;
    fill_flat(&flats[k]);
    float *grad = put(backend, &x, flats[k].grad, sizeof flats[k].grad);
    float *param = put(backend, &y, flats[k].param, sizeof flats[k].param);
    double *out = put(backend, &sum, &squares[k], sizeof squares[k]);
    CHECK_OK(flr_backend_axpy(backend, count, -0.37, grad + first, param + first));
    CHECK_OK(flr_backend_scale(backend, count, 1.7, param + first));
    CHECK_OK(flr_backend_sum_of_squares(backend, count, param + first, out));
    CHECK_OK(flr_backend_download(backend, flats[k].param, param, sizeof flats[k].param));
    CHECK_OK(flr_backend_download(backend, &squares[k], out, sizeof squares[k]));
    flr_buffer_clear(&x);
    flr_buffer_clear(&y);
    flr_buffer_clear(&sum);
    flr_backend_destroy(backend);
  }
  check_near("axpy and scale", flats[1].param, flats[0].param, FLAT, under_test->f32_tolerance);
  for (int64_t i = 0; i < FLAT; i++)
    if (i < first || i >= first + count) assert_true(flats[1].param[i] == sinf((float)i));
  CHECK_NEAR(squares[1], squares[0], 1e-6, 1e-3);
}

static void test_ops__flat_passes(void **state) {
  (void)state;
  static const int64_t counts[] = {0, 1, 3, 4, 257, 4096, FLAT - 5};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    for (int64_t first = 0; first < 3; first++) check_flat_passes(counts[i], first);
}

static void check_sum_into(int64_t count) {
  const flr_tensor_desc plain = flr_tensor_desc_dense(FLR_F32, (flr_shape){1, 1, 1, count});
  for (int k = 0; k < 2; k++) {
    flr_backend *backend = open_backend(k);
    const flr_tensor_desc own = flr_tensor_desc_dense(backend->compute, plain.shape);
    flr_buffer wide[2], x, y;
    fill_flat(&flats[k]);
    CHECK_OK(flr_backend_alloc(backend, &x, own.bytes));
    CHECK_OK(flr_backend_alloc(backend, &y, own.bytes));
    CHECK_OK(flr_backend_convert(backend, &plain, put(backend, &wide[0], flats[k].grad, plain.bytes), &own, x.data));
    CHECK_OK(flr_backend_convert(backend, &plain, put(backend, &wide[1], flats[k].param, plain.bytes), &own, y.data));
    CHECK_OK(flr_backend_sum_into(backend, &own, x.data, y.data));
    get_raised(backend, y.data, count, flats[k].param);
    for (int i = 0; i < 2; i++) flr_buffer_clear(&wide[i]);
    flr_buffer_clear(&x);
    flr_buffer_clear(&y);
    flr_backend_destroy(backend);
  }
  check_near("sum_into", flats[1].param, flats[0].param, count, 2 * under_test->tolerance); /* (of two rounded numbers) */
}

static void test_ops__sum_into(void **state) {
  (void)state;
  static const int64_t counts[] = {1, 7, 8, 9, 1023, FLAT};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) check_sum_into(counts[i]);
}

int conformance_passes_run(const conformance_subject *subject) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ops__input),
      cmocka_unit_test(test_ops__update),
      cmocka_unit_test(test_ops__update_of_odd_ranges),
      cmocka_unit_test(test_ops__update_clips_the_norm),
      cmocka_unit_test(test_ops__update_skips_what_is_not_finite),
      cmocka_unit_test(test_ops__flat_passes),
      cmocka_unit_test(test_ops__sum_into),
  };
  under_test = subject;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
