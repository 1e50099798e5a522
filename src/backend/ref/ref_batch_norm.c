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

/* Of all parts that share: [samples, sums, sums of squares]. In double these lose nothing that f32 had. */
static statistics measured(const flr_op *op, const flr_op_args *args, int64_t c) {
  const double count = flr_op_shared_sum(op, args, 0), mean = flr_op_shared_sum(op, args, 1 + c) / count;
  const double var = flr_op_shared_sum(op, args, 1 + op->dst.shape.c + c) / count - mean * mean;
  return (statistics){mean, var < 0 ? 0 : var};
}

static void update_running(const ref_op *r, const flr_op_args *args, int64_t c, statistics s, double count) {
  const double m = r->settings.batch_norm.momentum;
  const double unbiased = count > 1 ? s.var * count / (count - 1) : s.var;
  args->running_mean[c] = (float)((1 - m) * (double)args->running_mean[c] + m * s.mean);
  args->running_var[c] = (float)((1 - m) * (double)args->running_var[c] + m * unbiased);
}

static statistics statistics_of(const ref_op *r, const flr_op_args *args, int64_t c) {
  const flr_batch_norm_settings *settings = &r->settings.batch_norm;
  if (!settings->training) return (statistics){(double)args->running_mean[c], (double)args->running_var[c]};
  return settings->shared ? measured(&r->head, args, c) : measure(r, args->src, c);
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const flr_batch_norm_settings *settings = &r->settings.batch_norm;
  const int64_t count = per_channel(r), channels = r->src.c;
  const float *src = args->src, *src2 = args->src2;
  float *dst = args->dst;
  double *saved = args->saved;
  for (int64_t c = 0; c < channels; c++) {
    const statistics s = statistics_of(r, args, c);
    const double inverse = 1 / sqrt(s.var + settings->epsilon);
    if (settings->training) {
      saved[c] = s.mean;
      saved[channels + c] = inverse;
      if (args->running_mean && !settings->shared) update_running(r, args, c, s, (double)count);
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

static double normalised(const ref_op *r, const flr_op_args *args, int64_t i) {
  const float *src = args->src;
  const double *saved = args->saved;
  const int64_t channels = r->src.c, c = i % channels;
  return ((double)src[i] - saved[c]) * saved[channels + c];
}

/* Of the gradient, and of the gradient times the normalised input. */
typedef struct gradient_sums {
  double count, plain, normalised;
} gradient_sums;

/* Adds them up and hands on what needs nothing else: the gradients of the parameters and of the second input. */
static gradient_sums add_up(const ref_op *r, const flr_op_args *args, int64_t c) {
  const int64_t count = per_channel(r), channels = r->src.c;
  float *diff_src2 = args->diff_src2;
  gradient_sums sums = {.count = (double)count};
  for (int64_t i = c; i < count * channels; i += channels) {
    const double g = gradient(r, args, i);
    sums.plain += g;
    sums.normalised += g * normalised(r, args, i);
    if (diff_src2) diff_src2[i] = (float)g;
  }
  ref_store(args->diff_weight, c, sums.normalised, args->accumulate);
  ref_store(args->diff_bias, c, sums.plain, args->accumulate);
  return sums;
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t count = per_channel(r), channels = r->src.c;
  const double *inverse = (const double *)args->saved + channels;
  float *diff_src = args->diff_src;
  for (int64_t c = 0; c < channels; c++) {
    const gradient_sums sums = r->settings.batch_norm.shared
                                   ? (gradient_sums){flr_op_shared_sum(op, args, 0), flr_op_shared_sum(op, args, 1 + c),
                                                     flr_op_shared_sum(op, args, 1 + channels + c)}
                                   : add_up(r, args, c);
    for (int64_t i = c; diff_src && i < count * channels; i += channels) {
      const double mean = (sums.plain + normalised(r, args, i) * sums.normalised) / sums.count;
      diff_src[i] = (float)((double)args->weight[c] * inverse[c] * (gradient(r, args, i) - mean));
    }
  }
  return FLR_OK;
}

static flr_status share_statistics(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  const int64_t channels = r->src.c;
  const double count = (double)per_channel(r);
  args->shared[0] += count;
  for (int64_t c = 0; c < channels; c++) {
    const statistics s = measure(r, args->src, c);
    args->shared[1 + c] += count * s.mean;
    args->shared[1 + channels + c] += count * (s.var + s.mean * s.mean);
  }
  return FLR_OK;
}

static flr_status share_gradients(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  args->shared[0] += (double)per_channel(r);
  for (int64_t c = 0; c < r->src.c; c++) {
    const gradient_sums sums = add_up(r, args, c);
    args->shared[1 + c] += sums.plain;
    args->shared[1 + r->src.c + c] += sums.normalised;
  }
  return FLR_OK;
}

static flr_status adopt(flr_op *op, const flr_op_args *args) {
  const ref_op *r = ref_op_of(op);
  for (int64_t c = 0; c < r->src.c; c++) update_running(r, args, c, measured(op, args, c), flr_op_shared_sum(op, args, 0));
  return FLR_OK;
}

static const flr_op_methods training_methods = {"batch_norm", forward, backward, ref_op_free};
static const flr_op_methods inference_methods = {"batch_norm", forward, NULL, ref_op_free};

static const flr_op_sharing sharing = {share_statistics, share_gradients, adopt};

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
    r->head.sharing = s->shared ? &sharing : NULL;
    r->head.shared_count = s->shared ? 1 + 2 * src->shape.c : 0;
  }
  *out = &r->head;
  return FLR_OK;
}
