/* Convolution: three plans of the library, and what it leaves to do around them. */
#include "backend/cuda/cuda_ops.h"
#include "backend/cuda/cuda_plans.h"
#include "core/memory.h"

enum { PASSES = CUDA_CONV_WEIGHTS + 1 };

typedef struct conv_op {
  flr_op head;
  cuda_conv_plan *plans[PASSES]; /* NULL: never wanted */
  int64_t rows;                  /* of dst as a matrix [rows, out_channels] */
  int64_t weights;               /* elements */
  int bias;
  size_t gradient; /* in scratch: the weights' gradient in the compute type, behind the libraries' workspace */
} conv_op;

static void conv_destroy(flr_op *op) {
  conv_op *c = (conv_op *)op;
  for (int pass = 0; pass < PASSES; pass++) cuda_conv_plan_destroy(c->plans[pass]);
  flr_free(c);
}

/* Plans only read what their pass does not write, but take every pointer alike. */
static flr_status run(conv_op *c, cuda_conv_pass pass, const void *x, const void *w, const void *y, void *workspace) {
  void *pointers[3];
  const void *const given[3] = {x, w, y};
  for (int i = 0; i < 3; i++) pointers[i] = (void *)(uintptr_t)given[i];
  return cuda_conv_plan_run(c->plans[pass], cuda_compute(&c->head), pointers[0], pointers[1], pointers[2], workspace);
}

static const void *weight_of(const flr_op_args *args) { return args->weight_low ? args->weight_low : args->weight; }

static flr_status conv_forward(flr_op *op, const flr_op_args *args) {
  conv_op *c = (conv_op *)op;
  FLR_TRY(run(c, CUDA_CONV_FORWARD, args->src, weight_of(args), args->dst, args->scratch));
  if (c->bias)
    FLR_CUDA(cuda_launch_bias(cuda_target_of(op->backend), op->dst.dtype, c->rows, op->dst.shape.c, args->bias, 0, args->dst));
  return FLR_OK;
}

/* The library writes the gradient in the compute type and never adds. */
static flr_status weight_gradient(conv_op *c, const flr_op_args *args) {
  const flr_dtype dtype = c->head.dst.dtype;
  const int direct = dtype == FLR_F32 && !args->accumulate;
  void *written = direct ? (void *)args->diff_weight : (char *)args->scratch + c->gradient;
  FLR_TRY(run(c, CUDA_CONV_WEIGHTS, args->src, written, args->diff_dst, args->scratch));
  if (!direct)
    FLR_CUDA(
        cuda_launch_raise(cuda_target_of(c->head.backend), dtype, c->weights, written, args->accumulate, args->diff_weight));
  return FLR_OK;
}

static flr_status conv_backward(flr_op *op, const flr_op_args *args) {
  conv_op *c = (conv_op *)op;
  if (args->diff_weight) FLR_TRY(weight_gradient(c, args));
  if (args->diff_bias)
    FLR_CUDA(cuda_launch_column_sum(cuda_target_of(op->backend), op->dst.dtype, c->rows, op->dst.shape.c, args->diff_dst, NULL,
                                    NULL, args->diff_bias, args->accumulate, args->scratch));
  if (args->diff_src) FLR_TRY(run(c, CUDA_CONV_DATA, args->diff_src, weight_of(args), args->diff_dst, args->scratch));
  return FLR_OK;
}

static const flr_op_methods training_methods = {"conv2d", conv_forward, conv_backward, conv_destroy};
static const flr_op_methods inference_methods = {"conv2d", conv_forward, NULL, conv_destroy};

static flr_status make_plans(conv_op *c, const flr_conv2d_settings *settings, const flr_tensor_desc *src) {
  const cuda_backend *backend = cuda_backend_of(c->head.backend);
  const int wanted[PASSES] = {[CUDA_CONV_FORWARD] = 1,
                              [CUDA_CONV_DATA] = settings->training && settings->need_diff_src,
                              [CUDA_CONV_WEIGHTS] = settings->training && !settings->frozen};
  size_t workspace = 0;
  for (int pass = 0; pass < PASSES; pass++) {
    if (!wanted[pass]) continue;
    const cuda_conv_problem problem =
        cuda_conv_problem_of((cuda_conv_pass)pass, settings, src->dtype, src->shape, backend->deterministic);
    FLR_TRY(cuda_conv_plan_create(&c->plans[pass], backend->libraries, &problem));
    const size_t needed = cuda_conv_plan_workspace(c->plans[pass]);
    if (needed > workspace) workspace = needed;
    c->head.dst = flr_tensor_desc_dense(src->dtype, problem.y);
  }
  const flr_shape y = c->head.dst.shape;
  c->rows = y.n * y.h * y.w;
  const size_t sums = c->bias ? cuda_column_sum_bytes(cuda_target_of(c->head.backend), src->dtype, c->rows, y.c) : 0;
  if (sums > workspace) workspace = sums;
  c->gradient = flr_align_up(workspace);
  c->head.scratch_bytes = c->gradient + (wanted[CUDA_CONV_WEIGHTS] ? (size_t)c->weights * flr_dtype_size(src->dtype) : 0);
  return FLR_OK;
}

flr_status cuda_conv2d(flr_backend *backend, flr_op **out, const flr_conv2d_settings *settings, const flr_tensor_desc *src) {
  conv_op *c;
  FLR_TRY(flr_alloc(&c, 1, sizeof *c));
  c->head = (flr_op){.methods = settings->training ? &training_methods : &inference_methods,
                     .backend = backend,
                     .backward_needs = settings->training && !settings->frozen ? FLR_NEEDS_SRC : 0};
  c->weights = settings->out_channels * settings->kernel_h * settings->kernel_w * src->shape.c;
  c->bias = settings->bias;
  const flr_status status = make_plans(c, settings, src);
  if (status != FLR_OK)
    conv_destroy(&c->head);
  else
    *out = &c->head;
  return status;
}
