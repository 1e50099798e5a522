/* Pooling by its definition. Windows are clipped at the border; a maximum's gradient goes to the first of equals. */
#include "backend/ref/ref_impl.h"

typedef struct span {
  int64_t begin, end;
} span;

static span clip(int64_t at, const flr_pool2d_settings *s, int64_t size) {
  const int64_t begin = at * s->stride - s->pad, end = begin + s->kernel;
  return (span){begin < 0 ? 0 : begin, end > size ? size : end};
}

/* Index in src of the window's first maximum; NaN counts as the largest. */
static int64_t find_max(const ref_op *r, const float *src, int64_t n, span y, span x, int64_t c) {
  int64_t best = ref_at(r->src, n, y.begin, x.begin, c);
  for (int64_t i = y.begin; i < y.end; i++)
    for (int64_t j = x.begin; j < x.end; j++) {
      const int64_t at = ref_at(r->src, n, i, j, c);
      if (src[at] > src[best] || (src[at] != src[at] && src[best] == src[best])) best = at;
    }
  return best;
}

static double average(const ref_op *r, const float *src, int64_t n, span y, span x, int64_t c) {
  double sum = 0;
  for (int64_t i = y.begin; i < y.end; i++)
    for (int64_t j = x.begin; j < x.end; j++) sum += (double)src[ref_at(r->src, n, i, j, c)];
  return sum / (double)((y.end - y.begin) * (x.end - x.begin));
}

/* Calls for each window: its output index and its spans. */
typedef void window_visitor(const ref_op *r, const flr_op_args *args, int64_t out, int64_t n, span y, span x, int64_t c);

static void visit_windows(const ref_op *r, const flr_op_args *args, window_visitor *visit) {
  const flr_shape d = r->head.dst.shape;
  const flr_pool2d_settings *s = &r->settings.pool2d;
  for (int64_t n = 0; n < d.n; n++)
    for (int64_t i = 0; i < d.h; i++)
      for (int64_t j = 0; j < d.w; j++)
        for (int64_t c = 0; c < d.c; c++)
          visit(r, args, ref_at(d, n, i, j, c), n, clip(i, s, r->src.h), clip(j, s, r->src.w), c);
}

static void forward_window(const ref_op *r, const flr_op_args *args, int64_t out, int64_t n, span y, span x, int64_t c) {
  const float *src = args->src;
  float *dst = args->dst;
  int64_t *saved = args->saved;
  if (r->settings.pool2d.kind == FLR_POOL_AVERAGE) {
    dst[out] = (float)average(r, src, n, y, x, c);
    return;
  }
  const int64_t best = find_max(r, src, n, y, x, c);
  dst[out] = src[best];
  if (r->settings.pool2d.training) saved[out] = best;
}

static void backward_window(const ref_op *r, const flr_op_args *args, int64_t out, int64_t n, span y, span x, int64_t c) {
  const float *diff = args->diff_dst;
  const int64_t *saved = args->saved;
  double *sums = args->scratch;
  if (r->settings.pool2d.kind == FLR_POOL_MAX) {
    sums[saved[out]] += (double)diff[out];
    return;
  }
  const double share = (double)diff[out] / (double)((y.end - y.begin) * (x.end - x.begin));
  for (int64_t i = y.begin; i < y.end; i++)
    for (int64_t j = x.begin; j < x.end; j++) sums[ref_at(r->src, n, i, j, c)] += share;
}

static flr_status pool_forward(flr_op *op, const flr_op_args *args) {
  visit_windows(ref_op_of(op), args, forward_window);
  return FLR_OK;
}

static flr_status pool_backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  double *sums = args->scratch;
  float *diff_src = args->diff_src;
  if (!diff_src) return FLR_OK;
  for (int64_t i = 0; i < flr_shape_elements(r->src); i++) sums[i] = 0;
  visit_windows(r, args, backward_window);
  for (int64_t i = 0; i < flr_shape_elements(r->src); i++) diff_src[i] = (float)sums[i];
  return FLR_OK;
}

static const flr_op_methods pool_training = {"pool2d", pool_forward, pool_backward, ref_op_free};
static const flr_op_methods pool_inference = {"pool2d", pool_forward, NULL, ref_op_free};

flr_status ref_pool2d(flr_backend *backend, flr_op **out, const flr_pool2d_settings *s, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape dst = {in.n, (in.h + 2 * s->pad - s->kernel) / s->stride + 1, (in.w + 2 * s->pad - s->kernel) / s->stride + 1,
                         in.c};
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, s->training ? &pool_training : &pool_inference, src, dst));
  r->settings.pool2d = *s;
  if (s->training) {
    r->head.scratch_bytes = (size_t)flr_shape_elements(in) * sizeof(double);
    if (s->kind == FLR_POOL_MAX) r->head.saved_bytes = (size_t)flr_shape_elements(dst) * sizeof(int64_t);
  }
  *out = &r->head;
  return FLR_OK;
}

/* ---- global average ---- */

static flr_status global_forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const span y = {0, r->src.h}, x = {0, r->src.w};
  float *dst = args->dst;
  for (int64_t n = 0; n < r->src.n; n++)
    for (int64_t c = 0; c < r->src.c; c++) dst[n * r->src.c + c] = (float)average(r, args->src, n, y, x, c);
  return FLR_OK;
}

static flr_status global_backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t area = r->src.h * r->src.w, channels = r->src.c;
  const float *diff = args->diff_dst;
  float *diff_src = args->diff_src;
  for (int64_t n = 0; diff_src && n < r->src.n; n++)
    for (int64_t p = 0; p < area; p++)
      for (int64_t c = 0; c < channels; c++)
        diff_src[(n * area + p) * channels + c] = (float)((double)diff[n * channels + c] / (double)area);
  return FLR_OK;
}

static const flr_op_methods global_training = {"global_average_pool", global_forward, global_backward, ref_op_free};
static const flr_op_methods global_inference = {"global_average_pool", global_forward, NULL, ref_op_free};

flr_status ref_global_average_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, training ? &global_training : &global_inference, src,
                     (flr_shape){src->shape.n, 1, 1, src->shape.c}));
  *out = &r->head;
  return FLR_OK;
}

/* ---- global maximum beside the global average ---- */

static flr_status concat_forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const span y = {0, r->src.h}, x = {0, r->src.w};
  const int64_t channels = r->src.c;
  const float *src = args->src;
  float *dst = args->dst;
  int64_t *saved = op->saved_bytes ? args->saved : NULL;
  for (int64_t n = 0; n < r->src.n; n++)
    for (int64_t c = 0; c < channels; c++) {
      const int64_t best = find_max(r, src, n, y, x, c);
      if (saved) saved[n * channels + c] = best;
      dst[2 * n * channels + c] = src[best];
      dst[(2 * n + 1) * channels + c] = (float)average(r, src, n, y, x, c);
    }
  return FLR_OK;
}

static flr_status concat_backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t area = r->src.h * r->src.w, channels = r->src.c;
  const int64_t *saved = args->saved;
  const float *diff = args->diff_dst;
  float *diff_src = args->diff_src;
  for (int64_t n = 0; diff_src && n < r->src.n; n++)
    for (int64_t p = 0; p < area; p++)
      for (int64_t c = 0; c < channels; c++) {
        const int64_t at = (n * area + p) * channels + c;
        const double largest = saved[n * channels + c] == at ? (double)diff[2 * n * channels + c] : 0;
        diff_src[at] = (float)(largest + (double)diff[(2 * n + 1) * channels + c] / (double)area);
      }
  return FLR_OK;
}

static const flr_op_methods concat_training = {"global_concat_pool", concat_forward, concat_backward, ref_op_free};
static const flr_op_methods concat_inference = {"global_concat_pool", concat_forward, NULL, ref_op_free};

flr_status ref_global_concat_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  ref_op *r;
  const flr_shape s = src->shape;
  FLR_TRY(ref_op_new(backend, &r, training ? &concat_training : &concat_inference, src, (flr_shape){s.n, 1, 1, 2 * s.c}));
  if (training) r->head.saved_bytes = (size_t)(s.n * s.c) * sizeof(int64_t);
  *out = &r->head;
  return FLR_OK;
}
