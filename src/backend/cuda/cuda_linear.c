/* Linear layers: three matrix products of the library, bias and ReLU in the first where it can. */
#include "backend/cuda/cuda_ops.h"
#include "backend/cuda/cuda_plans.h"
#include "core/memory.h"

enum { PASSES = CUDA_MATMUL_WEIGHTS + 1 };

typedef struct linear_op {
  flr_op head;
  cuda_matmul_plan *plans[PASSES]; /* NULL: never wanted */
  int bias, relu;
} linear_op;

static void linear_destroy(flr_op *op) {
  linear_op *l = (linear_op *)op;
  for (int pass = 0; pass < PASSES; pass++) cuda_matmul_plan_destroy(l->plans[pass]);
  flr_free(l);
}

/* Plans only read what their pass does not write, but take every pointer alike. */
static flr_status run(const linear_op *l, cuda_matmul_pass pass, const void *x, const void *w, const void *y,
                      const flr_op_args *args) {
  void *pointers[3];
  const void *const given[3] = {x, w, y};
  const void *bias = args->bias_low ? args->bias_low : args->bias;
  for (int i = 0; i < 3; i++) pointers[i] = (void *)(uintptr_t)given[i];
  return cuda_matmul_plan_run(l->plans[pass], cuda_compute(&l->head), pointers[0], pointers[1], pointers[2], bias,
                              pass == CUDA_MATMUL_WEIGHTS && args->accumulate, args->scratch);
}

static const void *weight_of(const flr_op_args *args) { return args->weight_low ? args->weight_low : args->weight; }

static flr_status linear_forward(flr_op *op, const flr_op_args *args) {
  const linear_op *l = (const linear_op *)op;
  const flr_shape y = op->dst.shape;
  FLR_TRY(run(l, CUDA_MATMUL_FORWARD, args->src, weight_of(args), args->dst, args));
  if ((l->bias || l->relu) && !cuda_matmul_plan_is_fused(l->plans[CUDA_MATMUL_FORWARD]))
    FLR_CUDA(cuda_launch_bias(cuda_target_of(op->backend), op->dst.dtype, y.n, y.c, l->bias ? args->bias : NULL, l->relu,
                              args->dst));
  return FLR_OK;
}

static flr_status linear_backward(flr_op *op, const flr_op_args *args) {
  const linear_op *l = (const linear_op *)op;
  const flr_shape y = op->dst.shape;
  if (l->relu || args->diff_bias) /* nobody reads diff_dst but the products below */
    FLR_CUDA(cuda_launch_column_sum(cuda_target_of(op->backend), op->dst.dtype, y.n, y.c, args->diff_dst,
                                    l->relu ? args->dst : NULL, l->relu ? args->diff_dst : NULL, args->diff_bias,
                                    args->accumulate, args->scratch));
  if (args->diff_weight) FLR_TRY(run(l, CUDA_MATMUL_WEIGHTS, args->src, args->diff_weight, args->diff_dst, args));
  if (args->diff_src) FLR_TRY(run(l, CUDA_MATMUL_DATA, args->diff_src, weight_of(args), args->diff_dst, args));
  return FLR_OK;
}

static const flr_op_methods training_methods = {"linear", linear_forward, linear_backward, linear_destroy};
static const flr_op_methods inference_methods = {"linear", linear_forward, NULL, linear_destroy};

static flr_status make_plans(linear_op *l, const flr_linear_settings *settings, const flr_tensor_desc *src) {
  const int wanted[PASSES] = {[CUDA_MATMUL_FORWARD] = 1,
                              [CUDA_MATMUL_DATA] = settings->training && settings->need_diff_src,
                              [CUDA_MATMUL_WEIGHTS] = settings->training && !settings->frozen};
  for (int pass = 0; pass < PASSES; pass++) {
    if (!wanted[pass]) continue;
    const cuda_matmul_problem problem = {.pass = (cuda_matmul_pass)pass,
                                         .dtype = src->dtype,
                                         .rows = src->shape.n,
                                         .in = src->shape.h * src->shape.w * src->shape.c,
                                         .out = settings->out_features,
                                         .bias = settings->bias,
                                         .relu = settings->relu};
    FLR_TRY(cuda_matmul_plan_create(&l->plans[pass], cuda_backend_of(l->head.backend)->libraries, &problem));
    const size_t needed = cuda_matmul_plan_workspace(l->plans[pass]);
    if (needed > l->head.scratch_bytes) l->head.scratch_bytes = needed;
  }
  const size_t sums = cuda_column_sum_bytes(cuda_target_of(l->head.backend), src->dtype, src->shape.n, settings->out_features);
  if (settings->training && sums > l->head.scratch_bytes) l->head.scratch_bytes = sums;
  return FLR_OK;
}

flr_status cuda_linear(flr_backend *backend, flr_op **out, const flr_linear_settings *settings, const flr_tensor_desc *src) {
  linear_op *l;
  FLR_TRY(flr_alloc(&l, 1, sizeof *l));
  l->head =
      (flr_op){.methods = settings->training ? &training_methods : &inference_methods,
               .backend = backend,
               .dst = flr_tensor_desc_dense(src->dtype, (flr_shape){src->shape.n, 1, 1, settings->out_features}),
               .backward_needs =
                   !settings->training ? 0 : (settings->frozen ? 0U : FLR_NEEDS_SRC) | (settings->relu ? FLR_NEEDS_DST : 0U)};
  l->bias = settings->bias;
  l->relu = settings->relu;
  const flr_status status = make_plans(l, settings, src);
  if (status != FLR_OK)
    linear_destroy(&l->head);
  else
    *out = &l->head;
  return status;
}
