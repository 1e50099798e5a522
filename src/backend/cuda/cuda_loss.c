/* Softmax cross-entropy. */
#include "backend/cuda/cuda_ops.h"

typedef struct loss_op {
  cuda_op common;
  flr_loss_settings settings;
} loss_op;

static flr_status forward(flr_op *op, const flr_op_args *args) {
  const loss_op *l = (const loss_op *)op;
  const flr_shape s = l->common.src;
  FLR_CUDA(cuda_launch_loss(cuda_target_of(op->backend), l->common.dtype, s.n, s.c, l->settings.label_smoothing, args->src,
                            args->labels, args->dst, l->settings.training ? args->saved : NULL, args->result, args->scratch));
  return FLR_OK;
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  const loss_op *l = (const loss_op *)op;
  const flr_shape s = l->common.src;
  if (!args->diff_src) return FLR_OK;
  FLR_CUDA(cuda_launch_loss_backward(cuda_target_of(op->backend), l->common.dtype, s.n, s.c, l->settings.label_smoothing,
                                     args->saved, args->labels, args->values, args->diff_src));
  return FLR_OK;
}

static const flr_op_methods training_methods = {"loss", forward, backward, cuda_op_free};
static const flr_op_methods inference_methods = {"loss", forward, NULL, cuda_op_free};

flr_status cuda_loss(flr_backend *backend, flr_op **out, const flr_loss_settings *s, const flr_tensor_desc *src) {
  FLR_TRY(cuda_op_new(out, sizeof(loss_op), backend, s->training ? &training_methods : &inference_methods, src, src->shape));
  flr_op *op = *out;
  ((loss_op *)op)->settings = *s;
  op->dst = flr_tensor_desc_dense(FLR_F32, src->shape); /* probabilities */
  op->scratch_bytes = cuda_loss_scratch_bytes(src->shape.n);
  if (s->training) op->saved_bytes = op->dst.bytes;
  return FLR_OK;
}
