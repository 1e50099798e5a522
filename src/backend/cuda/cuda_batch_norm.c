/* Batch norm with a residual addition and a ReLU. */
#include "backend/cuda/cuda_ops.h"

typedef struct norm_op {
  cuda_op common;
  flr_batch_norm_settings settings;
} norm_op;

static cuda_norm description(const flr_op *op, const flr_op_args *args) {
  const norm_op *n = (const norm_op *)op;
  const flr_shape s = n->common.src;
  return (cuda_norm){.dtype = n->common.dtype,
                     .rows = s.n * s.h * s.w,
                     .channels = s.c,
                     .epsilon = n->settings.epsilon,
                     .momentum = n->settings.momentum,
                     .relu = n->settings.relu,
                     .src = args->src,
                     .weight = args->weight,
                     .bias = args->bias,
                     .saved = n->settings.training ? args->saved : NULL,
                     .scratch = args->scratch,
                     .shared = op->sharing ? args->shared : NULL,
                     .shared_parts = args->shared_parts};
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  cuda_norm b = description(op, args);
  b.src2 = ((const norm_op *)op)->settings.add ? args->src2 : NULL;
  b.dst = args->dst;
  b.running_mean = args->running_mean;
  b.running_var = args->running_var;
  FLR_CUDA(cuda_launch_batch_norm(cuda_target_of(op->backend), &b));
  return FLR_OK;
}

static cuda_norm backward_description(const flr_op *op, const flr_op_args *args) {
  cuda_norm b = description(op, args);
  b.dst = op->backward_needs & FLR_NEEDS_DST ? args->dst : NULL;
  b.diff_dst = args->diff_dst;
  b.diff_src = args->diff_src;
  b.diff_src2 = ((const norm_op *)op)->settings.add ? args->diff_src2 : NULL;
  b.diff_weight = args->diff_weight;
  b.diff_bias = args->diff_bias;
  b.accumulate = args->accumulate;
  return b;
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const cuda_norm b = backward_description(op, args);
  FLR_CUDA(cuda_launch_batch_norm_backward(cuda_target_of(op->backend), &b));
  return FLR_OK;
}

static flr_status measure(flr_op *op, const flr_op_args *args) {
  const cuda_norm b = description(op, args);
  FLR_CUDA(cuda_launch_batch_norm_measure(cuda_target_of(op->backend), &b));
  return FLR_OK;
}

static flr_status measure_backward(flr_op *op, const flr_op_args *args) {
  const cuda_norm b = backward_description(op, args);
  FLR_CUDA(cuda_launch_batch_norm_measure_backward(cuda_target_of(op->backend), &b));
  return FLR_OK;
}

static flr_status adopt(flr_op *op, const flr_op_args *args) {
  cuda_norm b = description(op, args);
  b.running_mean = args->running_mean;
  b.running_var = args->running_var;
  FLR_CUDA(cuda_launch_batch_norm_adopt(cuda_target_of(op->backend), &b));
  return FLR_OK;
}

static const flr_op_methods training_methods = {"batch_norm", forward, backward, cuda_op_free};
static const flr_op_methods inference_methods = {"batch_norm", forward, NULL, cuda_op_free};
static const flr_op_sharing sharing = {measure, measure_backward, adopt};

flr_status cuda_batch_norm(flr_backend *backend, flr_op **out, const flr_batch_norm_settings *s, const flr_tensor_desc *src,
                           const flr_tensor_desc *src2) {
  const flr_shape shape = src->shape;
  (void)src2; /* there is one arrangement only */
  FLR_TRY(cuda_op_new(out, sizeof(norm_op), backend, s->training ? &training_methods : &inference_methods, src, shape));
  flr_op *op = *out;
  ((norm_op *)op)->settings = *s;
  op->in_place = !s->training;
  if (!s->training) return FLR_OK;
  op->saved_bytes = cuda_batch_norm_saved_bytes(shape.c);
  op->scratch_bytes =
      cuda_batch_norm_scratch_bytes(cuda_target_of(backend), backend->compute, shape.n * shape.h * shape.w, shape.c);
  /* (without an addition the sign of dst follows from src) */
  op->backward_needs = FLR_NEEDS_SRC | (s->relu && s->add ? FLR_NEEDS_DST : 0U);
  op->sharing = s->shared ? &sharing : NULL;
  op->shared_count = s->shared ? 1 + 2 * shape.c : 0;
  return FLR_OK;
}
