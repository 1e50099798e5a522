/* Linear: dst[n, o] = bias[o] + sum over k of src[n, k] weight[o, k], then ReLU. */
#include "backend/ref/ref_impl.h"

typedef struct sizes {
  int64_t rows, in, out;
} sizes;

static sizes sizes_of(const ref_op *r) {
  return (sizes){r->src.n, r->src.h * r->src.w * r->src.c, r->settings.linear.out_features};
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const sizes s = sizes_of(r);
  const float *src = args->src;
  float *dst = args->dst;
  for (int64_t n = 0; n < s.rows; n++)
    for (int64_t o = 0; o < s.out; o++) {
      double sum = r->settings.linear.bias ? (double)args->bias[o] : 0.0;
      for (int64_t k = 0; k < s.in; k++) sum += (double)src[n * s.in + k] * (double)args->weight[o * s.in + k];
      dst[n * s.out + o] = r->settings.linear.relu && sum < 0 ? 0.0F : (float)sum;
    }
  return FLR_OK;
}

/* Gradient before the ReLU. */
static double gradient(const ref_op *r, const flr_op_args *args, int64_t at) {
  const float *dst = args->dst, *diff = args->diff_dst;
  return r->settings.linear.relu && !(dst[at] > 0.0F) ? 0.0 : (double)diff[at];
}

static void parameter_gradients(const ref_op *r, const flr_op_args *args) {
  const sizes s = sizes_of(r);
  const float *src = args->src;
  for (int64_t o = 0; o < s.out; o++) {
    double bias = 0;
    for (int64_t n = 0; n < s.rows; n++) bias += gradient(r, args, n * s.out + o);
    ref_store(args->diff_bias, o, bias, args->accumulate);
    for (int64_t k = 0; args->diff_weight && k < s.in; k++) {
      double sum = 0;
      for (int64_t n = 0; n < s.rows; n++) sum += gradient(r, args, n * s.out + o) * (double)src[n * s.in + k];
      ref_store(args->diff_weight, o * s.in + k, sum, args->accumulate);
    }
  }
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const sizes s = sizes_of(r);
  float *diff_src = args->diff_src;
  parameter_gradients(r, args);
  for (int64_t n = 0; diff_src && n < s.rows; n++)
    for (int64_t k = 0; k < s.in; k++) {
      double sum = 0;
      for (int64_t o = 0; o < s.out; o++) sum += gradient(r, args, n * s.out + o) * (double)args->weight[o * s.in + k];
      diff_src[n * s.in + k] = (float)sum;
    }
  return FLR_OK;
}

static const flr_op_methods training_methods = {"linear", forward, backward, ref_op_free};
static const flr_op_methods inference_methods = {"linear", forward, NULL, ref_op_free};

flr_status ref_linear(flr_backend *backend, flr_op **out, const flr_linear_settings *s, const flr_tensor_desc *src) {
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, s->training ? &training_methods : &inference_methods, src,
                     (flr_shape){src->shape.n, 1, 1, s->out_features}));
  r->settings.linear = *s;
  if (s->training) r->head.backward_needs = (s->frozen ? 0U : FLR_NEEDS_SRC) | (s->relu ? FLR_NEEDS_DST : 0U);
  *out = &r->head;
  return FLR_OK;
}
