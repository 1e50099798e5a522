/* Batch norm, Ioffe and Szegedy 2015: forward algorithm 1, backward the equations of section 3. */
#include <math.h>

#include "backend/ref/ref_impl.h"
#include "core/memory.h"

/* Saved from forward to backward: [mean, 1 / sqrt(var + epsilon)] per channel in double. */

typedef struct statistics {
  double mean, var;
} statistics;

static int64_t per_channel(const ref_op *r) { return r->src.n * r->src.h * r->src.w; }

static statistics measure(const ref_op *r, const float *src, int64_t c) {
  const int64_t count = per_channel(r), channels = r->src.c;
  statistics s = {0, 0};
  for (int64_t i = 0; i < count; i++) s.mean += (double)src[i * channels + c];
  s.mean /= (double)count;
  for (int64_t i = 0; i < count; i++) s.var += pow((double)src[i * channels + c] - s.mean, 2);
  s.var /= (double)count;
  return s;
}

static void update_running(const ref_op *r, const flr_op_args *args, int64_t c, statistics s) {
  const double m = r->settings.batch_norm.momentum, count = (double)per_channel(r);
  const double unbiased = count > 1 ? s.var * count / (count - 1) : s.var;
  args->running_mean[c] = (float)((1 - m) * (double)args->running_mean[c] + m * s.mean);
  args->running_var[c] = (float)((1 - m) * (double)args->running_var[c] + m * unbiased);
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const flr_batch_norm_settings *settings = &r->settings.batch_norm;
  const int64_t count = per_channel(r), channels = r->src.c;
  const float *src = args->src, *src2 = args->src2;
  float *dst = args->dst;
  double *saved = args->saved;
  for (int64_t c = 0; c < channels; c++) {
    const statistics s =
        settings->training ? measure(r, src, c) : (statistics){(double)args->running_mean[c], (double)args->running_var[c]};
    const double inverse = 1 / sqrt(s.var + settings->epsilon);
    if (settings->training) {
      saved[c] = s.mean;
      saved[channels + c] = inverse;
      if (args->running_mean) update_running(r, args, c, s);
    }
    for (int64_t i = c; i < count * channels; i += channels) {
      double y = (double)args->weight[c] * ((double)src[i] - s.mean) * inverse + (double)args->bias[c];
      if (settings->add) y += (double)src2[i];
      dst[i] = settings->relu && y < 0 ? 0.0F : (float)y;
    }
  }
  return FLR_OK;
}

/* The gradient at element i, behind the ReLU. */
static double gradient(const ref_op *r, const flr_op_args *args, int64_t i) {
  const float *diff = args->diff_dst, *dst = args->dst;
  return r->settings.batch_norm.relu && !(dst[i] > 0) ? 0.0 : (double)diff[i];
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t count = per_channel(r), channels = r->src.c;
  const float *src = args->src;
  const double *saved = args->saved;
  float *diff_src = args->diff_src, *diff_src2 = args->diff_src2;
  for (int64_t c = 0; c < channels; c++) {
    const double mean = saved[c], inverse = saved[channels + c];
    double sum = 0, sum_normalised = 0;
    for (int64_t i = c; i < count * channels; i += channels) {
      const double normalised = ((double)src[i] - mean) * inverse, g = gradient(r, args, i);
      sum += g;
      sum_normalised += g * normalised;
    }
    for (int64_t i = c; i < count * channels; i += channels) {
      const double normalised = ((double)src[i] - mean) * inverse, g = gradient(r, args, i);
      if (diff_src2) diff_src2[i] = (float)g;
      if (!diff_src) continue;
      diff_src[i] = (float)((double)args->weight[c] * inverse * (g - (sum + normalised * sum_normalised) / (double)count));
    }
    ref_store(args->diff_weight, c, sum_normalised, args->accumulate);
    ref_store(args->diff_bias, c, sum, args->accumulate);
  }
  return FLR_OK;
}

static const flr_op_methods training_methods = {"batch_norm", forward, backward, ref_op_free};
static const flr_op_methods inference_methods = {"batch_norm", forward, NULL, ref_op_free};

flr_status ref_batch_norm(flr_backend *backend, flr_op **out, const flr_batch_norm_settings *s, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2) {
  ref_op *r;
  (void)src2;
  FLR_TRY(ref_op_new(backend, &r, s->training ? &training_methods : &inference_methods, src, src->shape));
  r->settings.batch_norm = *s;
  r->head.in_place = !s->training;
  if (s->training) {
    r->head.saved_bytes = 2 * (size_t)src->shape.c * sizeof(double);
    r->head.backward_needs = FLR_NEEDS_SRC | (s->relu ? FLR_NEEDS_DST : 0U);
  }
  *out = &r->head;
  return FLR_OK;
}
