/* Dropout and the parameter-free shortcut: loops over dense NHWC. */
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"
#include "core/rng.h"

/* --- dropout ----------------------------------------------------------------------------------------------------------------
 */

typedef struct dropout_op {
  flr_op head;
  flr_cpu_dense dense;
  flr_dropout_settings settings;
} dropout_op;

typedef struct dropout_work {
  const dropout_op *op;
  const float *from;
  float *to;
  uint64_t first; /* counter of element 0 */
} dropout_work;

static void dropout_body(void *context, int64_t begin, int64_t end) {
  const dropout_work *w = context;
  const double probability = w->op->settings.probability;
  const float scale = (float)(1.0 / (1.0 - probability));
  const uint64_t key = w->op->settings.key;
  for (int64_t i = begin; i < end; i++)
    w->to[i] = (double)flr_rng_uniform(key, w->first + (uint64_t)i) < probability ? 0.0F : w->from[i] * scale;
}

static void run_dropout(dropout_op *d, const flr_op_args *args, const float *from, float *to) {
  const flr_shape s = d->head.dst.shape;
  dropout_work work = {d, from, to, (uint64_t)(args->values->first_sample * (s.h * s.w * s.c))};
  flr_cpu_parallel(flr_cpu_of(d->head.backend), flr_shape_elements(s), 1024, dropout_body, &work);
}

static flr_status dropout_forward(flr_op *op, const flr_op_args *args) {
  dropout_op *d = (dropout_op *)op;
  const float *from;
  FLR_TRY(flr_cpu_dense_in(flr_cpu_of(op->backend), &d->dense, args->src, args->scratch, &from));
  run_dropout(d, args, from, args->dst);
  return FLR_OK;
}

static flr_status dropout_backward(flr_op *op, const flr_op_args *args) {
  dropout_op *d = (dropout_op *)op;
  if (!args->diff_src) return FLR_OK;
  run_dropout(d, args, args->diff_dst, flr_cpu_dense_target(&d->dense, args->diff_src, args->scratch));
  return flr_cpu_dense_back(flr_cpu_of(op->backend), &d->dense, args->scratch, args->diff_src);
}

static void dropout_destroy(flr_op *op) {
  flr_cpu_dense_clear(&((dropout_op *)op)->dense);
  flr_free(op);
}

static const flr_op_methods dropout_methods = {"dropout", dropout_forward, dropout_backward, dropout_destroy};

flr_status flr_cpu_dropout(flr_backend *backend, flr_op **out, const flr_dropout_settings *settings,
                           const flr_tensor_desc *src) {
  dropout_op *d;
  FLR_TRY(flr_alloc(&d, 1, sizeof *d));
  d->head = (flr_op){.methods = &dropout_methods, .backend = backend, .dst = flr_tensor_desc_dense(FLR_F32, src->shape)};
  d->settings = *settings;
  const flr_status status = flr_cpu_dense_init(flr_cpu_of(backend), &d->dense, src);
  d->head.scratch_bytes = d->dense.scratch_bytes;
  d->head.in_place = d->dense.copy_bytes == 0;
  if (status != FLR_OK)
    dropout_destroy(&d->head);
  else
    *out = &d->head;
  return status;
}

/* --- shortcut ---------------------------------------------------------------------------------------------------------------
 */

typedef struct shortcut_op {
  flr_op head;
  flr_cpu_dense dense;
  flr_shape src;
  int64_t stride, before;
} shortcut_op;

typedef struct shortcut_work {
  const shortcut_op *op;
  const float *from;
  float *to;
} shortcut_work;

/* Rows (n, y) of dst. */
static void shortcut_body(void *context, int64_t begin, int64_t end) {
  const shortcut_work *w = context;
  const shortcut_op *s = w->op;
  const flr_shape in = s->src, out = s->head.dst.shape;
  for (int64_t row = begin; row < end; row++) {
    float *to = w->to + row * out.w * out.c;
    const float *from = w->from + (row / out.h * in.h + row % out.h * s->stride) * in.w * in.c;
    memset(to, 0, (size_t)(out.w * out.c) * sizeof(float));
    for (int64_t x = 0; x < out.w; x++)
      memcpy(to + x * out.c + s->before, from + x * s->stride * in.c, (size_t)in.c * sizeof(float));
  }
}

/* Rows (n, y) of src; those between strides get no gradient. */
static void shortcut_backward_body(void *context, int64_t begin, int64_t end) {
  const shortcut_work *w = context;
  const shortcut_op *s = w->op;
  const flr_shape in = s->src, out = s->head.dst.shape;
  for (int64_t row = begin; row < end; row++) {
    float *to = w->to + row * in.w * in.c;
    const int64_t y = row % in.h;
    memset(to, 0, (size_t)(in.w * in.c) * sizeof(float));
    if (y % s->stride != 0 || y / s->stride >= out.h) continue;
    const float *from = w->from + (row / in.h * out.h + y / s->stride) * out.w * out.c + s->before;
    for (int64_t x = 0; x < out.w; x++) memcpy(to + x * s->stride * in.c, from + x * out.c, (size_t)in.c * sizeof(float));
  }
}

static flr_status shortcut_forward(flr_op *op, const flr_op_args *args) {
  shortcut_op *s = (shortcut_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  shortcut_work work = {.op = s, .to = args->dst};
  FLR_TRY(flr_cpu_dense_in(cpu, &s->dense, args->src, args->scratch, &work.from));
  flr_cpu_parallel(cpu, op->dst.shape.n * op->dst.shape.h, 1, shortcut_body, &work);
  return FLR_OK;
}

static flr_status shortcut_backward(flr_op *op, const flr_op_args *args) {
  shortcut_op *s = (shortcut_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  if (!args->diff_src) return FLR_OK;
  shortcut_work work = {s, args->diff_dst, flr_cpu_dense_target(&s->dense, args->diff_src, args->scratch)};
  flr_cpu_parallel(cpu, s->src.n * s->src.h, 1, shortcut_backward_body, &work);
  return flr_cpu_dense_back(cpu, &s->dense, args->scratch, args->diff_src);
}

static void shortcut_destroy(flr_op *op) {
  flr_cpu_dense_clear(&((shortcut_op *)op)->dense);
  flr_free(op);
}

static const flr_op_methods shortcut_training = {"shortcut", shortcut_forward, shortcut_backward, shortcut_destroy};
static const flr_op_methods shortcut_inference = {"shortcut", shortcut_forward, NULL, shortcut_destroy};

flr_status flr_cpu_shortcut(flr_backend *backend, flr_op **out, const flr_shortcut_settings *settings,
                            const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape shape = {in.n, (in.h + settings->stride - 1) / settings->stride,
                           (in.w + settings->stride - 1) / settings->stride, settings->out_channels};
  shortcut_op *s;
  FLR_TRY(flr_alloc(&s, 1, sizeof *s));
  s->head = (flr_op){.methods = settings->training ? &shortcut_training : &shortcut_inference,
                     .backend = backend,
                     .dst = flr_tensor_desc_dense(FLR_F32, shape)};
  s->src = in;
  s->stride = settings->stride;
  s->before = (settings->out_channels - in.c) / 2;
  const flr_status status = flr_cpu_dense_init(flr_cpu_of(backend), &s->dense, src);
  s->head.scratch_bytes = s->dense.scratch_bytes;
  if (status != FLR_OK)
    shortcut_destroy(&s->head);
  else
    *out = &s->head;
  return status;
}
