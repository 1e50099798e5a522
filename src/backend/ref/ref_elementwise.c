/* ReLU, add, dropout, shortcut and input, element by element. */
#include "backend/ref/ref_impl.h"
#include "core/memory.h"
#include "core/rng.h"

/* Written so that NaN passes through. */
static float relu(float x) { return x < 0.0F ? 0.0F : x; }

/* ---- relu ---- */

static flr_status relu_forward(flr_op *op, const flr_op_args *args) {
  const float *src = args->src;
  float *dst = args->dst;
  for (int64_t i = 0; i < flr_shape_elements(op->dst.shape); i++) dst[i] = relu(src[i]);
  return FLR_OK;
}

static flr_status relu_backward(flr_op *op, const flr_op_args *args) {
  const float *dst = args->dst, *diff = args->diff_dst;
  float *diff_src = args->diff_src;
  for (int64_t i = 0; diff_src && i < flr_shape_elements(op->dst.shape); i++) diff_src[i] = dst[i] > 0.0F ? diff[i] : 0.0F;
  return FLR_OK;
}

static const flr_op_methods relu_training = {"relu", relu_forward, relu_backward, ref_op_free};
static const flr_op_methods relu_inference = {"relu", relu_forward, NULL, ref_op_free};

flr_status ref_relu(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, training ? &relu_training : &relu_inference, src, src->shape));
  r->head.backward_needs = training ? FLR_NEEDS_DST : 0U;
  r->head.in_place = 1;
  *out = &r->head;
  return FLR_OK;
}

/* ---- add ---- */

static flr_status add_forward(flr_op *op, const flr_op_args *args) {
  const float *a = args->src, *b = args->src2;
  float *dst = args->dst;
  for (int64_t i = 0; i < flr_shape_elements(op->dst.shape); i++)
    dst[i] = ref_op_of(op)->settings.add.relu ? relu(a[i] + b[i]) : a[i] + b[i];
  return FLR_OK;
}

static flr_status add_backward(flr_op *op, const flr_op_args *args) {
  const float *dst = args->dst, *diff = args->diff_dst;
  float *first = args->diff_src, *second = args->diff_src2;
  for (int64_t i = 0; i < flr_shape_elements(op->dst.shape); i++) {
    const float g = ref_op_of(op)->settings.add.relu && !(dst[i] > 0.0F) ? 0.0F : diff[i];
    if (second) second[i] = g;
    if (first) first[i] = g;
  }
  return FLR_OK;
}

static const flr_op_methods add_training = {"add", add_forward, add_backward, ref_op_free};
static const flr_op_methods add_inference = {"add", add_forward, NULL, ref_op_free};

flr_status ref_add(flr_backend *backend, flr_op **out, const flr_add_settings *s, const flr_tensor_desc *src,
                   const flr_tensor_desc *src2) {
  ref_op *r;
  (void)src2;
  FLR_TRY(ref_op_new(backend, &r, s->training ? &add_training : &add_inference, src, src->shape));
  r->settings.add = *s;
  r->head.backward_needs = s->training && s->relu ? FLR_NEEDS_DST : 0U;
  r->head.in_place = 1;
  *out = &r->head;
  return FLR_OK;
}

/* ---- dropout ---- */

static void drop(const ref_op *r, const flr_op_args *args, const float *from, float *to) {
  const flr_shape s = r->src;
  const flr_dropout_settings *settings = &r->settings.dropout;
  const uint64_t first = (uint64_t)(args->values->first_sample * (s.h * s.w * s.c));
  for (int64_t i = 0; i < flr_shape_elements(s); i++) {
    const int dropped = (double)flr_rng_uniform(settings->key, first + (uint64_t)i) < settings->probability;
    to[i] = dropped ? 0.0F : (float)((double)from[i] / (1 - settings->probability));
  }
}

static flr_status dropout_forward(flr_op *op, const flr_op_args *args) {
  drop(ref_op_of(op), args, args->src, args->dst);
  return FLR_OK;
}

static flr_status dropout_backward(flr_op *op, const flr_op_args *args) {
  if (args->diff_src) drop(ref_op_of(op), args, args->diff_dst, args->diff_src);
  return FLR_OK;
}

static const flr_op_methods dropout_methods = {"dropout", dropout_forward, dropout_backward, ref_op_free};

flr_status ref_dropout(flr_backend *backend, flr_op **out, const flr_dropout_settings *s, const flr_tensor_desc *src) {
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, &dropout_methods, src, src->shape));
  r->settings.dropout = *s;
  r->head.in_place = 1;
  *out = &r->head;
  return FLR_OK;
}

/* ---- shortcut ---- */

static flr_status shortcut_forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const flr_shape d = op->dst.shape;
  const int64_t stride = r->settings.shortcut.stride, before = (d.c - r->src.c) / 2;
  const float *src = args->src;
  float *dst = args->dst;
  for (int64_t n = 0; n < d.n; n++)
    for (int64_t y = 0; y < d.h; y++)
      for (int64_t x = 0; x < d.w; x++)
        for (int64_t c = 0; c < d.c; c++) {
          const int inside = c >= before && c < before + r->src.c;
          dst[ref_at(d, n, y, x, c)] = inside ? src[ref_at(r->src, n, y * stride, x * stride, c - before)] : 0.0F;
        }
  return FLR_OK;
}

static flr_status shortcut_backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const flr_shape s = r->src, d = op->dst.shape;
  const int64_t stride = r->settings.shortcut.stride, before = (d.c - s.c) / 2;
  const float *diff = args->diff_dst;
  float *diff_src = args->diff_src;
  for (int64_t n = 0; diff_src && n < s.n; n++)
    for (int64_t y = 0; y < s.h; y++)
      for (int64_t x = 0; x < s.w; x++)
        for (int64_t c = 0; c < s.c; c++) {
          const int used = y % stride == 0 && x % stride == 0;
          diff_src[ref_at(s, n, y, x, c)] = used ? diff[ref_at(d, n, y / stride, x / stride, c + before)] : 0.0F;
        }
  return FLR_OK;
}

static const flr_op_methods shortcut_training = {"shortcut", shortcut_forward, shortcut_backward, ref_op_free};
static const flr_op_methods shortcut_inference = {"shortcut", shortcut_forward, NULL, ref_op_free};

flr_status ref_shortcut(flr_backend *backend, flr_op **out, const flr_shortcut_settings *s, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  ref_op *r;
  FLR_TRY(
      ref_op_new(backend, &r, s->training ? &shortcut_training : &shortcut_inference, src,
                 (flr_shape){in.n, (in.h + s->stride - 1) / s->stride, (in.w + s->stride - 1) / s->stride, s->out_channels}));
  r->settings.shortcut = *s;
  *out = &r->head;
  return FLR_OK;
}

/* ---- input ---- */

static flr_status input_forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const uint8_t *bytes = args->src;
  const float *floats = args->src;
  float *dst = args->dst;
  for (int64_t i = 0; i < flr_shape_elements(r->src); i++) {
    const int64_t c = i % r->src.c;
    const double value = r->src_dtype == FLR_U8 ? bytes[i] / 255.0 : (double)floats[i];
    dst[i] = (float)((value - (double)r->mean[c]) * (double)r->inverse_std[c]);
  }
  return FLR_OK;
}

static const flr_op_methods input_methods = {"input", input_forward, NULL, ref_op_free};

flr_status ref_input(flr_backend *backend, flr_op **out, const flr_input_settings *s, const flr_tensor_desc *src) {
  ref_op *r;
  const int64_t channels = src->shape.c;
  FLR_TRY(ref_op_new(backend, &r, &input_methods, src, src->shape));
  const flr_status status = flr_alloc(&r->mean, 2 * channels, sizeof(float));
  if (status != FLR_OK) {
    ref_op_free(&r->head);
    return status;
  }
  r->inverse_std = r->mean + channels;
  for (int64_t c = 0; c < channels; c++) {
    r->mean[c] = s->mean ? s->mean[c] : 0.0F;
    r->inverse_std[c] = s->inverse_std ? s->inverse_std[c] : 1.0F;
  }
  *out = &r->head;
  return FLR_OK;
}
