/* Pooling, global pooling and the shortcut. */
#include "backend/cuda/cuda_ops.h"

/* ---- windows ---- */

typedef struct pool_op {
  cuda_op common;
  cuda_pool pool;
  int training;
} pool_op;

static flr_status pool_forward(flr_op *op, const flr_op_args *args) {
  const pool_op *p = (const pool_op *)op;
  void *saved = p->training ? args->saved : NULL;
  FLR_CUDA(cuda_launch_pool(cuda_target_of(op->backend), &p->pool, args->src, args->dst, saved));
  return FLR_OK;
}

static flr_status pool_backward(flr_op *op, const flr_op_args *args) {
  const pool_op *p = (const pool_op *)op;
  if (!args->diff_src) return FLR_OK;
  FLR_CUDA(cuda_launch_pool_backward(cuda_target_of(op->backend), &p->pool, args->diff_dst, args->saved, args->diff_src));
  return FLR_OK;
}

static const flr_op_methods pool_training = {"pool2d", pool_forward, pool_backward, cuda_op_free};
static const flr_op_methods pool_inference = {"pool2d", pool_forward, NULL, cuda_op_free};

flr_status cuda_pool2d(flr_backend *backend, flr_op **out, const flr_pool2d_settings *s, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape dst = {in.n, (in.h + 2 * s->pad - s->kernel) / s->stride + 1, (in.w + 2 * s->pad - s->kernel) / s->stride + 1,
                         in.c};
  pool_op *p;
  if (s->kernel > CUDA_POOL_MAX_KERNEL)
    return flr_fail(FLR_ERROR_USAGE, "pool2d: a window of %lld: at most %d on a GPU", (long long)s->kernel,
                    CUDA_POOL_MAX_KERNEL);
  FLR_TRY(cuda_op_new(&p, sizeof *p, backend, s->training ? &pool_training : &pool_inference, src, dst));
  p->pool = (cuda_pool){backend->compute, in, dst, s->kind, s->kernel, s->stride, s->pad};
  p->training = s->training;
  if (s->training) p->common.head.saved_bytes = cuda_pool_saved_bytes(&p->pool);
  *out = &p->common.head;
  return FLR_OK;
}

/* ---- global average ---- */

static flr_status global_forward(flr_op *op, const flr_op_args *args) {
  const flr_shape s = cuda_op_of(op)->src;
  FLR_CUDA(cuda_launch_global_average(cuda_target_of(op->backend), op->dst.dtype, s.n, s.h * s.w, s.c, args->src, args->dst));
  return FLR_OK;
}

static flr_status global_backward(flr_op *op, const flr_op_args *args) {
  const flr_shape s = cuda_op_of(op)->src;
  if (!args->diff_src) return FLR_OK;
  FLR_CUDA(cuda_launch_global_average_backward(cuda_target_of(op->backend), op->dst.dtype, s.n, s.h * s.w, s.c, args->diff_dst,
                                               args->diff_src));
  return FLR_OK;
}

static const flr_op_methods global_training = {"global_average_pool", global_forward, global_backward, cuda_op_free};
static const flr_op_methods global_inference = {"global_average_pool", global_forward, NULL, cuda_op_free};

flr_status cuda_global_average_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  return cuda_op_new(out, sizeof(cuda_op), backend, training ? &global_training : &global_inference, src,
                     (flr_shape){src->shape.n, 1, 1, src->shape.c});
}

/* ---- global maximum beside the global average ---- */

static flr_status concat_forward(flr_op *op, const flr_op_args *args) {
  const flr_shape s = cuda_op_of(op)->src;
  FLR_CUDA(cuda_launch_global_concat(cuda_target_of(op->backend), op->dst.dtype, s.n, s.h * s.w, s.c, args->src, args->dst,
                                     op->saved_bytes ? args->saved : NULL));
  return FLR_OK;
}

static flr_status concat_backward(flr_op *op, const flr_op_args *args) {
  const flr_shape s = cuda_op_of(op)->src;
  if (!args->diff_src) return FLR_OK;
  FLR_CUDA(cuda_launch_global_concat_backward(cuda_target_of(op->backend), op->dst.dtype, s.n, s.h * s.w, s.c, args->diff_dst,
                                              args->saved, args->diff_src));
  return FLR_OK;
}

static const flr_op_methods concat_training = {"global_concat_pool", concat_forward, concat_backward, cuda_op_free};
static const flr_op_methods concat_inference = {"global_concat_pool", concat_forward, NULL, cuda_op_free};

flr_status cuda_global_concat_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  const flr_shape s = src->shape;
  FLR_TRY(cuda_op_new(out, sizeof(cuda_op), backend, training ? &concat_training : &concat_inference, src,
                      (flr_shape){s.n, 1, 1, 2 * s.c}));
  if (training) (*out)->saved_bytes = (size_t)(s.n * s.c) * sizeof(int32_t);
  return FLR_OK;
}

/* ---- shortcut ---- */

typedef struct shortcut_op {
  cuda_op common;
  int64_t stride;
} shortcut_op;

static flr_status shortcut_forward(flr_op *op, const flr_op_args *args) {
  FLR_CUDA(cuda_launch_shortcut(cuda_target_of(op->backend), op->dst.dtype, cuda_op_of(op)->src, op->dst.shape,
                                ((const shortcut_op *)op)->stride, args->src, args->dst));
  return FLR_OK;
}

static flr_status shortcut_backward(flr_op *op, const flr_op_args *args) {
  if (!args->diff_src) return FLR_OK;
  FLR_CUDA(cuda_launch_shortcut_backward(cuda_target_of(op->backend), op->dst.dtype, cuda_op_of(op)->src, op->dst.shape,
                                         ((const shortcut_op *)op)->stride, args->diff_dst, args->diff_src));
  return FLR_OK;
}

static const flr_op_methods shortcut_training = {"shortcut", shortcut_forward, shortcut_backward, cuda_op_free};
static const flr_op_methods shortcut_inference = {"shortcut", shortcut_forward, NULL, cuda_op_free};

flr_status cuda_shortcut(flr_backend *backend, flr_op **out, const flr_shortcut_settings *s, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape dst = {in.n, (in.h + s->stride - 1) / s->stride, (in.w + s->stride - 1) / s->stride, s->out_channels};
  FLR_TRY(cuda_op_new(out, sizeof(shortcut_op), backend, s->training ? &shortcut_training : &shortcut_inference, src, dst));
  ((shortcut_op *)*out)->stride = s->stride;
  return FLR_OK;
}
