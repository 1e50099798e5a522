/* Running one op. */
#include "op_runner.h"

#include "core/permutation.h"
#include "core/rng.h"

static const flr_step_values step_values = {
    .lr = {0.1}, .momentum = 0.9, .grad_scale = 0.25, .loss_scale = 1, .update_count = 1, .first_sample = 11};

/* ---- specs ---- */

static flr_status prepare_conv2d(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_conv2d(b, out, &s->settings.conv2d, src);
}

op_spec op_conv2d(flr_shape src, int64_t out, int64_t kernel_h, int64_t kernel_w, int64_t stride, int64_t pad, int bias) {
  return (op_spec){.name = "conv2d",
                   .prepare = prepare_conv2d,
                   .src = src,
                   .settings.conv2d = {out, kernel_h, kernel_w, stride, pad, bias, 1, 1, 0},
                   .weights = out * kernel_h * kernel_w * src.c,
                   .biases = bias ? out : 0};
}

static flr_status prepare_linear(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_linear(b, out, &s->settings.linear, src);
}

op_spec op_linear(flr_shape src, int64_t out, int bias, int relu) {
  return (op_spec){.name = "linear",
                   .prepare = prepare_linear,
                   .src = src,
                   .settings.linear = {out, bias, relu, 1, 1, 0},
                   .weights = out * src.h * src.w * src.c,
                   .biases = bias ? out : 0};
}

op_spec op_frozen(op_spec spec) {
  spec.frozen = 1;
  if (spec.prepare == prepare_conv2d)
    spec.settings.conv2d.frozen = 1;
  else
    spec.settings.linear.frozen = 1;
  return spec;
}

static flr_status prepare_batch_norm(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  const flr_tensor_desc dense = flr_tensor_desc_dense(b->compute, s->src);
  return flr_backend_batch_norm(b, out, &s->settings.batch_norm, src, s->two_inputs ? &dense : NULL);
}

op_spec op_batch_norm(flr_shape src, int add, int relu, int training) {
  return (op_spec){.name = "batch_norm",
                   .prepare = prepare_batch_norm,
                   .src = src,
                   .settings.batch_norm = {1e-5, 0.1, add, relu, training, 0},
                   .two_inputs = add,
                   .weights = src.c,
                   .biases = src.c,
                   .is_norm = 1,
                   .forward_only = !training};
}

op_spec op_shared_batch_norm(flr_shape src, int add, int relu) {
  op_spec spec = op_batch_norm(src, add, relu, 1);
  spec.settings.batch_norm.shared = 1;
  return spec;
}

static flr_status prepare_relu(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_relu(b, out, s->settings.training, src);
}

op_spec op_relu(flr_shape src) {
  return (op_spec){.name = "relu", .prepare = prepare_relu, .src = src, .settings.training = 1};
}

static flr_status prepare_pool2d(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_pool2d(b, out, &s->settings.pool2d, src);
}

op_spec op_pool2d(flr_shape src, flr_pool_kind kind, int64_t kernel, int64_t stride, int64_t pad) {
  return (op_spec){.name = kind == FLR_POOL_MAX ? "max pool" : "average pool",
                   .prepare = prepare_pool2d,
                   .src = src,
                   .settings.pool2d = {kind, kernel, stride, pad, 1}};
}

static flr_status prepare_global(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_global_average_pool(b, out, s->settings.training, src);
}

op_spec op_global_average_pool(flr_shape src) {
  return (op_spec){.name = "global average pool", .prepare = prepare_global, .src = src, .settings.training = 1};
}

static flr_status prepare_concat(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_global_concat_pool(b, out, s->settings.training, src);
}

op_spec op_global_concat_pool(flr_shape src) {
  return (op_spec){.name = "global concat pool", .prepare = prepare_concat, .src = src, .settings.training = 1};
}

static flr_status prepare_add(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  const flr_tensor_desc dense = flr_tensor_desc_dense(b->compute, s->src);
  return flr_backend_add(b, out, &s->settings.add, src, &dense);
}

op_spec op_add(flr_shape src, int relu) {
  return (op_spec){.name = "add", .prepare = prepare_add, .src = src, .settings.add = {relu, 1}, .two_inputs = 1};
}

static flr_status prepare_dropout(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_dropout(b, out, &s->settings.dropout, src);
}

op_spec op_dropout(flr_shape src, double probability) {
  return (op_spec){.name = "dropout", .prepare = prepare_dropout, .src = src, .settings.dropout = {probability, 77}};
}

static flr_status prepare_shortcut(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_shortcut(b, out, &s->settings.shortcut, src);
}

op_spec op_shortcut(flr_shape src, int64_t out, int64_t stride) {
  return (op_spec){.name = "shortcut", .prepare = prepare_shortcut, .src = src, .settings.shortcut = {out, stride, 1}};
}

static flr_status prepare_loss(const op_spec *s, flr_backend *b, flr_op **out, const flr_tensor_desc *src) {
  return flr_backend_loss(b, out, &s->settings.loss, src);
}

op_spec op_loss(int64_t samples, int64_t classes, double smoothing) {
  return (op_spec){
      .name = "loss", .prepare = prepare_loss, .src = {samples, 1, 1, classes}, .settings.loss = {smoothing, 1}, .is_loss = 1};
}

/* ---- data ---- */

flr_backend *op_open(const char *name) {
  flr_backend *backend;
  const flr_backend_options options = {.threads = 2, .local_size = 1};
  CHECK_OK(flr_backend_create(&backend, name, &options));
  return backend;
}

static void *zeroed(int64_t count, size_t size) {
  void *memory = calloc(count > 0 ? (size_t)count : 1, size);
  assert_non_null(memory);
  return memory;
}

static float *random_values(int64_t count, uint64_t seed, uint64_t what) {
  float *values = zeroed(count, sizeof *values);
  const uint64_t key = flr_rng_key(seed, FLR_STREAM_SYNTHETIC, what);
  for (int64_t i = 0; i < count; i++) values[i] = 2 * flr_rng_uniform(key, (uint64_t)i) - 1;
  return values;
}

op_data op_data_random(const op_spec *spec, uint64_t seed) {
  flr_backend *ref = op_open("ref");
  const flr_tensor_desc src = flr_tensor_desc_dense(FLR_F32, spec->src);
  flr_op *op;
  CHECK_OK(spec->prepare(spec, ref, &op, &src));
  op_data d = {.src_count = flr_shape_elements(spec->src),
               .dst_count = flr_shape_elements(op->dst.shape),
               .weights = spec->weights,
               .biases = spec->biases,
               .channels = spec->src.c};
  flr_op_destroy(op);
  flr_backend_destroy(ref);
  d.src = random_values(d.src_count, seed, 0);
  d.src2 = random_values(d.src_count, seed, 1);
  d.weight = random_values(d.weights, seed, 2);
  d.bias = random_values(d.biases, seed, 3);
  d.running_mean = random_values(d.channels, seed, 4);
  d.running_var = random_values(d.channels, seed, 5);
  for (int64_t c = 0; c < d.channels; c++) d.running_var[c] += 1.5F;
  d.diff_dst = random_values(d.dst_count, seed, 6);
  d.labels = zeroed(spec->src.n, sizeof *d.labels);
  for (int64_t n = 0; n < spec->src.n; n++) d.labels[n] = (int32_t)((n * 7 + (int64_t)seed) % spec->src.c);
  return d;
}

void op_data_spread(op_data *d, uint64_t seed) {
  float *const both[] = {d->src, d->src2};
  for (int k = 0; k < 2; k++)
    for (int64_t i = 0; i < d->src_count; i++) {
      const int64_t rank = flr_permute(flr_rng_key(seed, FLR_STREAM_SYNTHETIC, (uint64_t)(10 + k)), d->src_count, i);
      both[k][i] = 0.04F * (float)(rank - d->src_count / 2) + 0.02F;
    }
}

void op_data_clear(op_data *d) {
  void *const all[] = {d->src, d->src2, d->weight, d->bias, d->running_mean, d->running_var, d->diff_dst, d->labels};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
  *d = (op_data){0};
}

/* ---- running ---- */

enum { MEMORIES = 24 };

typedef struct device {
  flr_backend *backend;
  flr_buffer memory[MEMORIES];
  int used;
} device;

static void *device_alloc(device *d, size_t bytes) {
  flr_buffer *buffer = &d->memory[d->used++];
  assert_true(d->used <= MEMORIES);
  CHECK_OK(flr_backend_alloc(d->backend, buffer, bytes));
  CHECK_OK(flr_backend_fill(d->backend, buffer->data, 0xff, bytes));
  return buffer->data;
}

static void *device_put(device *d, const void *data, size_t bytes) {
  void *out = device_alloc(d, bytes);
  CHECK_OK(flr_backend_upload(d->backend, out, data, bytes));
  return out;
}

/* Dense host values as a tensor of the device; zeroed first, as padding must be. */
static void *device_put_tensor(device *d, const float *values, const flr_tensor_desc *desc) {
  const flr_tensor_desc dense = flr_tensor_desc_dense(FLR_F32, desc->shape);
  void *plain = device_put(d, values, dense.bytes), *out = device_alloc(d, desc->bytes);
  CHECK_OK(flr_backend_fill(d->backend, out, 0, desc->bytes));
  CHECK_OK(flr_backend_convert(d->backend, &dense, plain, desc, out));
  return out;
}

static float *device_get_tensor(device *d, const void *data, const flr_tensor_desc *desc) {
  const flr_tensor_desc dense = flr_tensor_desc_dense(FLR_F32, desc->shape);
  float *values = zeroed(flr_shape_elements(desc->shape), sizeof *values);
  flr_buffer plain;
  CHECK_OK(flr_backend_alloc(d->backend, &plain, dense.bytes));
  CHECK_OK(flr_backend_convert(d->backend, desc, data, &dense, plain.data));
  CHECK_OK(flr_backend_download(d->backend, values, plain.data, dense.bytes));
  flr_buffer_clear(&plain);
  return values;
}

static float *device_get(device *d, const float *data, int64_t count) {
  float *values = zeroed(count, sizeof *values);
  if (count > 0) CHECK_OK(flr_backend_download(d->backend, values, data, (size_t)count * sizeof *values));
  return values;
}

static float *device_put_gradient(device *d, int64_t count, int accumulate) {
  float *start = zeroed(count, sizeof *start);
  for (int64_t i = 0; i < count; i++) start[i] = accumulate ? 0.5F : NAN;
  float *out = device_put(d, start, (size_t)count * sizeof *start);
  free(start);
  return out;
}

/* The arrangement that a convolution of this backend writes for this shape. */
static flr_tensor_desc blocked_desc(flr_backend *backend, flr_shape shape) {
  const flr_conv2d_settings settings = {.out_channels = shape.c, .kernel_h = 1, .kernel_w = 1, .stride = 1, .training = 1};
  const flr_tensor_desc dense = flr_tensor_desc_dense(backend->compute, shape);
  flr_op *op;
  CHECK_OK(flr_backend_conv2d(backend, &op, &settings, &dense));
  const flr_tensor_desc desc = op->dst;
  flr_op_destroy(op);
  return desc;
}

/* The weights in the compute type, where that is not f32. */
static const void *device_lower(device *d, const float *weight, int64_t count) {
  if (d->backend->compute == FLR_F32) return NULL;
  void *low = device_alloc(d, (size_t)count * flr_dtype_size(d->backend->compute));
  CHECK_OK(flr_backend_lower(d->backend, count, weight, low));
  return low;
}

static void put_parameters(device *d, const op_spec *spec, const op_data *data, flr_op_args *args) {
  if (data->weights) args->weight = device_put(d, data->weight, (size_t)data->weights * sizeof(float));
  if (data->weights) args->weight_low = device_lower(d, args->weight, data->weights);
  if (data->biases) args->bias = device_put(d, data->bias, (size_t)data->biases * sizeof(float));
  if (data->biases) args->bias_low = device_lower(d, args->bias, data->biases);
  if (!spec->is_norm) return;
  args->running_mean = device_put(d, data->running_mean, (size_t)data->channels * sizeof(float));
  args->running_var = device_put(d, data->running_var, (size_t)data->channels * sizeof(float));
}

static flr_op_args make_args(device *d, const op_spec *spec, const flr_op *op, const op_data *data, const flr_tensor_desc *src,
                             op_run_options options) {
  const flr_tensor_desc dense = flr_tensor_desc_dense(d->backend->compute, spec->src);
  void *first = device_put_tensor(d, data->src, src);
  flr_op_args args = {.src = first, .accumulate = options.accumulate};
  if (spec->two_inputs) args.src2 = device_put_tensor(d, data->src2, &dense);
  args.dst = options.in_place && op->in_place && op->dst.bytes == src->bytes ? first : device_alloc(d, op->dst.bytes);
  put_parameters(d, spec, data, &args);
  if (op->saved_bytes) args.saved = device_alloc(d, op->saved_bytes);
  if (op->scratch_bytes) args.scratch = device_alloc(d, op->scratch_bytes);
  args.values = device_put(d, &step_values, sizeof step_values);
  if (spec->is_loss) {
    args.labels = device_put(d, data->labels, (size_t)spec->src.n * sizeof(int32_t));
    args.result = device_alloc(d, sizeof(flr_loss_result));
    CHECK_OK(flr_backend_fill(d->backend, args.result, 0, sizeof(flr_loss_result)));
  }
  return args;
}

/* The numbers that an op shares, of the one part there is. */
static void measure(device *d, flr_op *op, flr_op_args *args, int backward) {
  const size_t bytes = (size_t)op->shared_count * sizeof(double);
  if (!op->sharing) return;
  if (!args->shared) args->shared = device_alloc(d, bytes);
  args->shared_parts = 1;
  CHECK_OK(flr_backend_fill(d->backend, args->shared, 0, bytes));
  CHECK_OK(backward ? op->sharing->measure_backward(op, args) : op->sharing->measure(op, args));
}

static void run_backward(device *d, const op_spec *spec, flr_op *op, const op_data *data, const flr_tensor_desc *src,
                         flr_op_args *args, op_run_options options, op_result *out) {
  const flr_tensor_desc dense = flr_tensor_desc_dense(d->backend->compute, spec->src);
  const int shared = options.in_place && (spec->two_inputs || spec->is_norm);
  if (!spec->is_loss) args->diff_dst = device_put_tensor(d, data->diff_dst, &op->dst);
  args->diff_src = shared ? args->diff_dst : device_alloc(d, src->bytes);
  if (spec->two_inputs) args->diff_src2 = device_alloc(d, dense.bytes);
  if (data->weights && !spec->frozen) args->diff_weight = device_put_gradient(d, data->weights, args->accumulate);
  if (data->biases && !spec->frozen) args->diff_bias = device_put_gradient(d, data->biases, args->accumulate);
  measure(d, op, args, 1);
  CHECK_OK(flr_op_backward(op, args));
  out->diff_src = device_get_tensor(d, args->diff_src, src);
  if (spec->two_inputs) out->diff_src2 = device_get_tensor(d, args->diff_src2, &dense);
  if (args->diff_weight) out->diff_weight = device_get(d, args->diff_weight, data->weights);
  if (args->diff_bias) out->diff_bias = device_get(d, args->diff_bias, data->biases);
}

static void device_clear(device *d) {
  CHECK_OK(flr_backend_synchronize(d->backend));
  for (int i = 0; i < d->used; i++) flr_buffer_clear(&d->memory[i]);
}

op_result op_run(flr_backend *backend, const op_spec *spec, const op_data *data, op_run_options options) {
  device d = {.backend = backend};
  const flr_tensor_desc src =
      options.blocked ? blocked_desc(backend, spec->src) : flr_tensor_desc_dense(backend->compute, spec->src);
  flr_op *op;
  op_result out = {0};
  CHECK_OK(spec->prepare(spec, backend, &op, &src));
  flr_op_args args = make_args(&d, spec, op, data, &src, options);
  measure(&d, op, &args, 0);
  if (op->sharing) CHECK_OK(op->sharing->adopt(op, &args));
  CHECK_OK(flr_op_forward(op, &args));
  out.dst = device_get_tensor(&d, args.dst, &op->dst);
  if (spec->is_norm) {
    out.running_mean = device_get(&d, args.running_mean, data->channels);
    out.running_var = device_get(&d, args.running_var, data->channels);
  }
  if (spec->is_loss) CHECK_OK(flr_backend_download(backend, &out.loss, args.result, sizeof out.loss));
  if (!spec->forward_only) run_backward(&d, spec, op, data, &src, &args, options, &out);
  device_clear(&d);
  flr_op_destroy(op);
  return out;
}

void op_data_round(op_data *data, flr_backend *backend) {
  float *const all[] = {data->src, data->src2, data->diff_dst, data->weight};
  const int64_t counts[] = {data->src_count, data->src_count, data->dst_count, data->weights};
  for (size_t i = 0; backend->compute != FLR_F32 && i < sizeof all / sizeof all[0]; i++) {
    device d = {.backend = backend};
    if (counts[i] == 0) continue;
    const flr_tensor_desc desc = flr_tensor_desc_dense(backend->compute, (flr_shape){1, 1, 1, counts[i]});
    float *rounded = device_get_tensor(&d, device_put_tensor(&d, all[i], &desc), &desc);
    memcpy(all[i], rounded, (size_t)counts[i] * sizeof *rounded);
    free(rounded);
    device_clear(&d);
  }
}

void op_result_clear(op_result *r) {
  void *const all[] = {r->dst, r->diff_src, r->diff_src2, r->diff_weight, r->diff_bias, r->running_mean, r->running_var};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
  *r = (op_result){0};
}
