/* ReLU, add and dropout. */
#include "backend/cuda/cuda_ops.h"

static int64_t elements(const flr_op *op) { return flr_shape_elements(op->dst.shape); }

/* ---- relu ---- */

static flr_status relu_forward(flr_op *op, const flr_op_args *args) {
  FLR_CUDA(cuda_launch_relu(cuda_target_of(op->backend), op->dst.dtype, elements(op), args->src, args->dst));
  return FLR_OK;
}

static flr_status relu_backward(flr_op *op, const flr_op_args *args) {
  if (!args->diff_src) return FLR_OK;
  FLR_CUDA(cuda_launch_mask(cuda_target_of(op->backend), op->dst.dtype, elements(op), args->dst, args->diff_dst, args->diff_src,
                            NULL));
  return FLR_OK;
}

static const flr_op_methods relu_training = {"relu", relu_forward, relu_backward, cuda_op_free};
static const flr_op_methods relu_inference = {"relu", relu_forward, NULL, cuda_op_free};

flr_status cuda_relu(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  FLR_TRY(cuda_op_new(out, sizeof(cuda_op), backend, training ? &relu_training : &relu_inference, src, src->shape));
  (*out)->backward_needs = training ? FLR_NEEDS_DST : 0U;
  (*out)->in_place = 1;
  return FLR_OK;
}

/* ---- add ---- */

typedef struct add_op {
  cuda_op common;
  int relu;
} add_op;

static flr_status add_forward(flr_op *op, const flr_op_args *args) {
  FLR_CUDA(cuda_launch_add(cuda_target_of(op->backend), op->dst.dtype, elements(op), args->src, args->src2,
                           ((const add_op *)op)->relu, args->dst));
  return FLR_OK;
}

/* Without a ReLU a gradient that stays where it is needs no copy. */
static flr_status add_backward(flr_op *op, const flr_op_args *args) {
  const int relu = ((const add_op *)op)->relu;
  void *to = !relu && args->diff_src == args->diff_dst ? NULL : args->diff_src;
  if (!to && !args->diff_src2) return FLR_OK;
  FLR_CUDA(cuda_launch_mask(cuda_target_of(op->backend), op->dst.dtype, elements(op), relu ? args->dst : NULL, args->diff_dst,
                            to, args->diff_src2));
  return FLR_OK;
}

static const flr_op_methods add_training = {"add", add_forward, add_backward, cuda_op_free};
static const flr_op_methods add_inference = {"add", add_forward, NULL, cuda_op_free};

flr_status cuda_add(flr_backend *backend, flr_op **out, const flr_add_settings *s, const flr_tensor_desc *src,
                    const flr_tensor_desc *src2) {
  (void)src2; /* there is one arrangement only */
  FLR_TRY(cuda_op_new(out, sizeof(add_op), backend, s->training ? &add_training : &add_inference, src, src->shape));
  ((add_op *)*out)->relu = s->relu;
  (*out)->backward_needs = s->training && s->relu ? FLR_NEEDS_DST : 0U;
  (*out)->in_place = 1;
  return FLR_OK;
}

/* ---- dropout ---- */

typedef struct dropout_op {
  cuda_op common;
  flr_dropout_settings settings;
} dropout_op;

static flr_status drop(flr_op *op, const flr_step_values *values, const void *from, void *to) {
  const flr_dropout_settings *s = &((const dropout_op *)op)->settings;
  const flr_shape shape = op->dst.shape;
  FLR_CUDA(cuda_launch_dropout(cuda_target_of(op->backend), op->dst.dtype, shape.n, shape.h * shape.w * shape.c, s->key,
                               s->probability, values, from, to));
  return FLR_OK;
}

static flr_status dropout_forward(flr_op *op, const flr_op_args *args) { return drop(op, args->values, args->src, args->dst); }

static flr_status dropout_backward(flr_op *op, const flr_op_args *args) {
  return args->diff_src ? drop(op, args->values, args->diff_dst, args->diff_src) : FLR_OK;
}

static const flr_op_methods dropout_methods = {"dropout", dropout_forward, dropout_backward, cuda_op_free};

flr_status cuda_dropout(flr_backend *backend, flr_op **out, const flr_dropout_settings *s, const flr_tensor_desc *src) {
  FLR_TRY(cuda_op_new(out, sizeof(dropout_op), backend, &dropout_methods, src, src->shape));
  ((dropout_op *)*out)->settings = *s;
  (*out)->in_place = 1;
  return FLR_OK;
}
