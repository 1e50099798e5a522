/* Softmax cross-entropy: every sample on its own in double, then the sums in sample order whatever the threads. */
#include <math.h>

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

typedef struct loss_op {
  flr_op head;
  int64_t samples, classes;
  double smoothing;
  int training;
} loss_op;

typedef struct loss_work {
  const loss_op *op;
  const float *logits;
  const int32_t *labels;
  float *saved, *probabilities; /* may be NULL */
  double *losses;               /* [samples] */
  double scale;
  float *diff;
} loss_work;

static double largest(const float *x, int64_t n) {
  float best = x[0];
  for (int64_t i = 1; i < n; i++) best = x[i] > best ? x[i] : best;
  return (double)best;
}

/* Writes exp(x - log sum exp x) where wanted; returns the loss. */
static double sample_loss(const loss_work *w, int64_t sample) {
  const int64_t n = w->op->classes;
  const float *x = w->logits + sample * n;
  const double top = largest(x, n);
  double sum = 0.0, all = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += exp((double)x[i] - top);
    all += (double)x[i] - top;
  }
  const double log_sum = log(sum);
  for (int64_t i = 0; (w->saved || w->probabilities) && i < n; i++) {
    const float p = (float)(exp((double)x[i] - top) / sum);
    if (w->saved) w->saved[sample * n + i] = p;
    if (w->probabilities) w->probabilities[sample * n + i] = p;
  }
  const double of_label = log_sum - ((double)x[w->labels[sample]] - top), of_all = log_sum - all / (double)n;
  const double smoothing = w->op->smoothing;
  return smoothing > 0.0 ? (1.0 - smoothing) * of_label + smoothing * of_all : of_label;
}

static void loss_body(void *context, int64_t begin, int64_t end) {
  const loss_work *w = context;
  for (int64_t i = begin; i < end; i++) w->losses[i] = sample_loss(w, i);
}

static int64_t first_largest(const float *x, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

static flr_status loss_forward(flr_op *op, const flr_op_args *args) {
  const loss_op *l = (const loss_op *)op;
  loss_work work = {.op = l,
                    .logits = args->src,
                    .labels = args->labels,
                    .saved = l->training ? args->saved : NULL,
                    .probabilities = args->dst,
                    .losses = args->scratch};
  flr_cpu_parallel(flr_cpu_of(op->backend), l->samples, 8, loss_body, &work);
  flr_loss_result *result = args->result;
  for (int64_t i = 0; i < l->samples; i++) {
    const double loss = work.losses[i];
    result->count++;
    result->correct += first_largest(work.logits + i * l->classes, l->classes) == work.labels[i];
    if (!isfinite(loss)) {
      result->nonfinite++;
      continue;
    }
    result->loss_sum += loss;
    result->loss_sq_sum += loss * loss;
  }
  return FLR_OK;
}

static void loss_backward_body(void *context, int64_t begin, int64_t end) {
  const loss_work *w = context;
  const int64_t n = w->op->classes;
  const double smoothing = w->op->smoothing, floor = smoothing / (double)n;
  for (int64_t i = begin; i < end; i++)
    for (int64_t k = 0; k < n; k++) {
      const double target = floor + (k == w->labels[i] ? 1.0 - smoothing : 0.0);
      w->diff[i * n + k] = (float)(((double)w->saved[i * n + k] - target) * w->scale);
    }
}

static flr_status loss_backward(flr_op *op, const flr_op_args *args) {
  const loss_op *l = (const loss_op *)op;
  loss_work work = {.op = l,
                    .labels = args->labels,
                    .saved = args->saved,
                    .scale = args->values->grad_scale * args->values->loss_scale,
                    .diff = args->diff_src};
  if (args->diff_src) flr_cpu_parallel(flr_cpu_of(op->backend), l->samples, 8, loss_backward_body, &work);
  return FLR_OK;
}

static void loss_destroy(flr_op *op) { flr_free(op); }

static const flr_op_methods loss_training = {"loss", loss_forward, loss_backward, loss_destroy};
static const flr_op_methods loss_inference = {"loss", loss_forward, NULL, loss_destroy};

flr_status flr_cpu_loss(flr_backend *backend, flr_op **out, const flr_loss_settings *settings, const flr_tensor_desc *src) {
  loss_op *l;
  FLR_TRY(flr_alloc(&l, 1, sizeof *l));
  l->samples = src->shape.n;
  l->classes = src->shape.c;
  l->smoothing = settings->label_smoothing;
  l->training = settings->training;
  l->head = (flr_op){.methods = settings->training ? &loss_training : &loss_inference,
                     .backend = backend,
                     .dst = flr_tensor_desc_dense(FLR_F32, src->shape),
                     .scratch_bytes = (size_t)l->samples * sizeof(double)};
  if (settings->training) l->head.saved_bytes = l->head.dst.bytes;
  *out = &l->head;
  return FLR_OK;
}
