/* Linear: matrix products on plain memory, bias and ReLU in one pass behind them. */
#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

typedef struct linear_op {
  flr_op head;
  flr_cpu_dense dense; /* of src */
  int64_t rows, in, out;
  int bias, relu;
} linear_op;

typedef struct linear_work {
  const linear_op *op;
  const float *from, *dst;
  float *to;
  int accumulate;
} linear_work;

FLR_TARGET_CLONES static void bias_loop(float *y, const float *bias, int64_t n, int relu) {
  if (relu)
    for (int64_t i = 0; i < n; i++) {
      const float sum = y[i] + bias[i];
      y[i] = sum < 0.0F ? 0.0F : sum;
    }
  else
    for (int64_t i = 0; i < n; i++) y[i] += bias[i];
}

FLR_TARGET_CLONES static void relu_loop(float *y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0.0F ? 0.0F : y[i];
}

FLR_TARGET_CLONES static void mask_loop(float *diff, const float *dst, int64_t n) {
  for (int64_t i = 0; i < n; i++) diff[i] = dst[i] > 0.0F ? diff[i] : 0.0F;
}

FLR_TARGET_CLONES static void add_loop(float *to, const float *from, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static void finish_body(void *context, int64_t begin, int64_t end) {
  const linear_work *w = context;
  const int64_t width = w->op->out;
  for (int64_t row = begin; row < end; row++)
    if (w->from)
      bias_loop(w->to + row * width, w->from, width, w->op->relu);
    else
      relu_loop(w->to + row * width, width);
}

static void mask_body(void *context, int64_t begin, int64_t end) {
  const linear_work *w = context;
  const int64_t width = w->op->out;
  mask_loop(w->to + begin * width, w->dst + begin * width, (end - begin) * width);
}

/* Columns begin..end-1 summed over the rows, in row order whatever the thread. */
static void columns_body(void *context, int64_t begin, int64_t end) {
  const linear_work *w = context;
  const int64_t width = w->op->out;
  if (!w->accumulate)
    for (int64_t c = begin; c < end; c++) w->to[c] = 0.0F;
  for (int64_t row = 0; row < w->op->rows; row++) add_loop(w->to + begin, w->from + row * width + begin, end - begin);
}

static flr_status linear_forward(flr_op *op, const flr_op_args *args) {
  linear_op *l = (linear_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  const float *src;
  FLR_TRY(flr_cpu_dense_in(cpu, &l->dense, args->src, args->scratch, &src));
  FLR_TRY(flr_cpu_gemm(cpu, 'N', 'T', l->rows, l->out, l->in, src, l->in, args->weight, l->in, 0.0F, args->dst, l->out));
  if (!l->bias && !l->relu) return FLR_OK;
  linear_work work = {.op = l, .from = l->bias ? args->bias : NULL, .to = args->dst};
  flr_cpu_parallel(cpu, l->rows, 16, finish_body, &work);
  return FLR_OK;
}

static flr_status linear_backward(flr_op *op, const flr_op_args *args) {
  linear_op *l = (linear_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  float *diff = args->diff_dst;
  if (l->relu) {
    linear_work work = {.op = l, .dst = args->dst, .to = diff};
    flr_cpu_parallel(cpu, l->rows, 16, mask_body, &work);
  }
  if (args->diff_bias) {
    linear_work work = {.op = l, .from = diff, .to = args->diff_bias, .accumulate = args->accumulate};
    flr_cpu_parallel(cpu, l->out, 64, columns_body, &work);
  }
  if (args->diff_weight) {
    const float *src;
    FLR_TRY(flr_cpu_dense_in(cpu, &l->dense, args->src, args->scratch, &src));
    FLR_TRY(flr_cpu_gemm(cpu, 'T', 'N', l->out, l->in, l->rows, diff, l->out, src, l->in, args->accumulate ? 1.0F : 0.0F,
                         args->diff_weight, l->in));
  }
  if (!args->diff_src) return FLR_OK;
  float *target = flr_cpu_dense_target(&l->dense, args->diff_src, args->scratch);
  FLR_TRY(flr_cpu_gemm(cpu, 'N', 'N', l->rows, l->in, l->out, diff, l->out, args->weight, l->in, 0.0F, target, l->in));
  return flr_cpu_dense_back(cpu, &l->dense, args->scratch, args->diff_src);
}

static void linear_destroy(flr_op *op) {
  flr_cpu_dense_clear(&((linear_op *)op)->dense);
  flr_free(op);
}

static const flr_op_methods linear_training = {"linear", linear_forward, linear_backward, linear_destroy};
static const flr_op_methods linear_inference = {"linear", linear_forward, NULL, linear_destroy};

flr_status flr_cpu_linear(flr_backend *backend, flr_op **out, const flr_linear_settings *settings, const flr_tensor_desc *src) {
  const flr_shape s = src->shape;
  linear_op *l;
  FLR_TRY(flr_alloc(&l, 1, sizeof *l));
  l->head = (flr_op){.methods = settings->training ? &linear_training : &linear_inference,
                     .backend = backend,
                     .dst = flr_tensor_desc_dense(FLR_F32, (flr_shape){s.n, 1, 1, settings->out_features})};
  if (settings->training)
    l->head.backward_needs = (settings->frozen ? 0U : FLR_NEEDS_SRC) | (settings->relu ? FLR_NEEDS_DST : 0U);
  l->rows = s.n;
  l->in = s.h * s.w * s.c;
  l->out = settings->out_features;
  l->bias = settings->bias;
  l->relu = settings->relu;
  const flr_status status = flr_cpu_dense_init(flr_cpu_of(backend), &l->dense, src);
  l->head.scratch_bytes = l->dense.scratch_bytes;
  if (status != FLR_OK)
    linear_destroy(&l->head);
  else
    *out = &l->head;
  return status;
}
