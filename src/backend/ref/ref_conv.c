/* Convolution by its definition: dst[n, y, x, o] = bias[o] + sum over i, j, c of src[n, y s + i - p, x s + j - p, c] weight[o,
 * i, j, c]. */
#include "backend/ref/ref_impl.h"
#include "core/memory.h"

static int64_t weight_at(const ref_op *r, int64_t o, int64_t i, int64_t j) {
  const flr_conv2d_settings *s = &r->settings.conv2d;
  return ((o * s->kernel_h + i) * s->kernel_w + j) * r->src.c;
}

/* Sum over one window. */
static double window(const ref_op *r, const float *src, const float *weight, int64_t n, int64_t y, int64_t x, int64_t o) {
  const flr_conv2d_settings *s = &r->settings.conv2d;
  double sum = 0;
  for (int64_t i = 0; i < s->kernel_h; i++)
    for (int64_t j = 0; j < s->kernel_w; j++) {
      const int64_t from_y = y * s->stride + i - s->pad, from_x = x * s->stride + j - s->pad;
      if (from_y < 0 || from_y >= r->src.h || from_x < 0 || from_x >= r->src.w) continue;
      const float *a = src + ref_at(r->src, n, from_y, from_x, 0), *w = weight + weight_at(r, o, i, j);
      for (int64_t c = 0; c < r->src.c; c++) sum += (double)a[c] * (double)w[c];
    }
  return sum;
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const flr_shape d = op->dst.shape;
  float *dst = args->dst;
  for (int64_t n = 0; n < d.n; n++)
    for (int64_t y = 0; y < d.h; y++)
      for (int64_t x = 0; x < d.w; x++)
        for (int64_t o = 0; o < d.c; o++) {
          const double bias = r->settings.conv2d.bias ? (double)args->bias[o] : 0.0;
          dst[ref_at(d, n, y, x, o)] = (float)(bias + window(r, args->src, args->weight, n, y, x, o));
        }
  return FLR_OK;
}

/* Every output spreads its gradient over its window, into sums in double. */
static void spread(const ref_op *r, const flr_op_args *args, double *diff_src, double *diff_weight, int64_t n, int64_t y,
                   int64_t x, int64_t o) {
  const flr_conv2d_settings *s = &r->settings.conv2d;
  const float *src = args->src, *diff = args->diff_dst;
  const double g = (double)diff[ref_at(r->head.dst.shape, n, y, x, o)];
  for (int64_t i = 0; i < s->kernel_h; i++)
    for (int64_t j = 0; j < s->kernel_w; j++) {
      const int64_t from_y = y * s->stride + i - s->pad, from_x = x * s->stride + j - s->pad;
      if (from_y < 0 || from_y >= r->src.h || from_x < 0 || from_x >= r->src.w) continue;
      const int64_t at = ref_at(r->src, n, from_y, from_x, 0), w = weight_at(r, o, i, j);
      for (int64_t c = 0; c < r->src.c; c++) {
        if (diff_weight) diff_weight[w + c] += g * (double)src[at + c];
        if (diff_src) diff_src[at + c] += g * (double)args->weight[w + c];
      }
    }
}

static void bias_gradient(const ref_op *r, const flr_op_args *args) {
  const flr_shape d = r->head.dst.shape;
  const float *diff = args->diff_dst;
  for (int64_t o = 0; args->diff_bias && o < d.c; o++) {
    double sum = 0;
    for (int64_t i = o; i < flr_shape_elements(d); i += d.c) sum += (double)diff[i];
    ref_store(args->diff_bias, o, sum, args->accumulate);
  }
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const flr_conv2d_settings *s = &r->settings.conv2d;
  const flr_shape d = op->dst.shape;
  const int64_t sources = flr_shape_elements(r->src), weights = s->out_channels * s->kernel_h * s->kernel_w * r->src.c;
  double *sums = args->scratch, *diff_src = args->diff_src ? sums : NULL,
         *diff_weight = args->diff_weight ? sums + sources : NULL;
  float *out = args->diff_src;
  for (int64_t i = 0; i < sources + weights; i++) sums[i] = 0;
  for (int64_t n = 0; n < d.n; n++)
    for (int64_t y = 0; y < d.h; y++)
      for (int64_t x = 0; x < d.w; x++)
        for (int64_t o = 0; o < d.c; o++) spread(r, args, diff_src, diff_weight, n, y, x, o);
  for (int64_t i = 0; diff_src && i < sources; i++) out[i] = (float)diff_src[i];
  for (int64_t i = 0; diff_weight && i < weights; i++) ref_store(args->diff_weight, i, diff_weight[i], args->accumulate);
  bias_gradient(r, args);
  return FLR_OK;
}

static const flr_op_methods training_methods = {"conv2d", forward, backward, ref_op_free};
static const flr_op_methods inference_methods = {"conv2d", forward, NULL, ref_op_free};

flr_status ref_conv2d(flr_backend *backend, flr_op **out, const flr_conv2d_settings *s, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape dst = {in.n, (in.h + 2 * s->pad - s->kernel_h) / s->stride + 1,
                         (in.w + 2 * s->pad - s->kernel_w) / s->stride + 1, s->out_channels};
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, s->training ? &training_methods : &inference_methods, src, dst));
  r->settings.conv2d = *s;
  if (s->training) {
    const int64_t sums = flr_shape_elements(in) + s->out_channels * s->kernel_h * s->kernel_w * in.c;
    r->head.scratch_bytes = (size_t)sums * sizeof(double);
    r->head.backward_needs = s->frozen ? 0U : FLR_NEEDS_SRC;
  }
  *out = &r->head;
  return FLR_OK;
}
