/* Softmax cross-entropy, with the largest logit taken off first. */
#include <math.h>

#include "backend/ref/ref_impl.h"

/* Natural logarithm of the probability of class k. */
static double log_probability(const float *x, int64_t classes, int64_t k) {
  double top = (double)x[0], sum = 0;
  for (int64_t i = 1; i < classes; i++) top = (double)x[i] > top ? (double)x[i] : top;
  for (int64_t i = 0; i < classes; i++) sum += exp((double)x[i] - top);
  return (double)x[k] - top - log(sum);
}

static double target(const ref_op *r, int64_t k, int64_t label) {
  const double smoothing = r->settings.loss.label_smoothing;
  return smoothing / (double)r->src.c + (k == label ? 1 - smoothing : 0);
}

static double sample_loss(const ref_op *r, const float *x, int64_t label) {
  double loss = 0;
  for (int64_t k = 0; k < r->src.c; k++) {
    const double share = target(r, k, label);
    if (share > 0) loss -= share * log_probability(x, r->src.c, k);
  }
  return loss;
}

static int64_t first_largest(const float *x, int64_t classes) {
  int64_t best = 0;
  for (int64_t k = 1; k < classes; k++)
    if (x[k] > x[best]) best = k;
  return best;
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t classes = r->src.c;
  float *dst = args->dst, *saved = r->settings.loss.training ? args->saved : NULL;
  for (int64_t n = 0; n < r->src.n; n++) {
    const float *x = (const float *)args->src + n * classes;
    const double loss = sample_loss(r, x, args->labels[n]);
    flr_loss_result *result = args->result;
    result->count++;
    result->correct += first_largest(x, classes) == args->labels[n];
    result->nonfinite += !isfinite(loss);
    result->loss_sum += isfinite(loss) ? loss : 0;
    result->loss_sq_sum += isfinite(loss) ? loss * loss : 0;
    for (int64_t k = 0; (dst || saved) && k < classes; k++) {
      const float p = (float)exp(log_probability(x, classes, k));
      if (dst) dst[n * classes + k] = p;
      if (saved) saved[n * classes + k] = p;
    }
  }
  return FLR_OK;
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t classes = r->src.c;
  const float *saved = args->saved;
  const double scale = args->values->grad_scale * args->values->loss_scale;
  float *diff_src = args->diff_src;
  for (int64_t i = 0; diff_src && i < r->src.n * classes; i++)
    diff_src[i] = (float)(((double)saved[i] - target(r, i % classes, args->labels[i / classes])) * scale);
  return FLR_OK;
}

static const flr_op_methods training_methods = {"loss", forward, backward, ref_op_free};
static const flr_op_methods inference_methods = {"loss", forward, NULL, ref_op_free};

flr_status ref_loss(flr_backend *backend, flr_op **out, const flr_loss_settings *s, const flr_tensor_desc *src) {
  ref_op *r;
  FLR_TRY(ref_op_new(backend, &r, s->training ? &training_methods : &inference_methods, src, src->shape));
  r->settings.loss = *s;
  if (s->training) r->head.saved_bytes = r->head.dst.bytes;
  *out = &r->head;
  return FLR_OK;
}
