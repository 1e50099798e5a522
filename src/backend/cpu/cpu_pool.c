/* Pooling: windows by the library in the layout they come in, the global average by own loops to dense. */
#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

typedef struct pool_op {
  flr_op head;
  flr_cpu_primitive forward, backward;
  int workspace; /* the library remembers where the maxima were */
} pool_op;

static void pool_destroy(flr_op *op) {
  pool_op *p = (pool_op *)op;
  flr_cpu_primitive_clear(&p->forward);
  flr_cpu_primitive_clear(&p->backward);
  flr_free(p);
}

static flr_status pool_forward(flr_op *op, const flr_op_args *args) {
  pool_op *p = (pool_op *)op;
  const void *const pointers[] = {args->src, args->dst, args->saved};
  return flr_cpu_primitive_run(flr_cpu_of(op->backend), &p->forward, pointers, args->scratch);
}

static flr_status pool_backward(flr_op *op, const flr_op_args *args) {
  pool_op *p = (pool_op *)op;
  if (!args->diff_src) return FLR_OK;
  const void *const pointers[] = {args->diff_src, args->diff_dst, args->saved};
  return flr_cpu_primitive_run(flr_cpu_of(op->backend), &p->backward, pointers, args->scratch);
}

static const flr_op_methods pool_training = {"pool2d", pool_forward, pool_backward, pool_destroy};
static const flr_op_methods pool_inference = {"pool2d", pool_forward, NULL, pool_destroy};

static flr_status prepare_pool(flr_cpu *cpu, pool_op *p, flr_dnnl_pool *pool, int training) {
  static const int forward[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE};
  static const int backward[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WORKSPACE};
  dnnl_primitive_desc_t desc;
  FLR_DNNL(flr_dnnl_pool_create(&desc, pool, cpu->engine, cpu->attr, NULL));
  p->workspace = training && pool->algorithm == dnnl_pooling_max;
  FLR_TRY(flr_cpu_primitive_init(cpu, &p->forward, desc, forward, p->workspace ? 3 : 2));
  p->head.scratch_bytes = p->forward.scratch_bytes;
  if (!training) return FLR_OK;
  pool->kind = dnnl_backward_data;
  pool->dst = p->forward.layouts[1]->md;
  FLR_DNNL(flr_dnnl_pool_create(&desc, pool, cpu->engine, cpu->attr, p->forward.desc));
  FLR_TRY(flr_cpu_primitive_init(cpu, &p->backward, desc, backward, p->workspace ? 3 : 2));
  p->head.saved_bytes = p->workspace ? flr_align_up(p->forward.layouts[2]->bytes) : 0;
  if (p->backward.scratch_bytes > p->head.scratch_bytes) p->head.scratch_bytes = p->backward.scratch_bytes;
  return FLR_OK;
}

static flr_status prepare_pool_op(flr_cpu *cpu, pool_op *p, const flr_pool2d_settings *s, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape out = {in.n, (in.h + 2 * s->pad - s->kernel) / s->stride + 1, (in.w + 2 * s->pad - s->kernel) / s->stride + 1,
                         in.c};
  const int64_t dims[4] = {out.n, out.c, out.h, out.w};
  const flr_layout *layout;
  void *any;
  FLR_TRY(flr_cpu_layout_of(cpu, &layout, src));
  FLR_TRY(flr_dnnl_md_create(&any, 4, dims, NULL));
  flr_dnnl_pool pool = {.kind = s->training ? dnnl_forward_training : dnnl_forward_inference,
                        .algorithm = s->kind == FLR_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
                        .src = layout->md,
                        .dst = any,
                        .strides = {s->stride, s->stride},
                        .kernel = {s->kernel, s->kernel},
                        .padding = {s->pad, s->pad}};
  flr_status status = prepare_pool(cpu, p, &pool, s->training);
  flr_dnnl_md_destroy(any);
  if (status == FLR_OK) status = flr_cpu_desc(cpu, &p->head.dst, out, p->forward.layouts[1]);
  return status;
}

flr_status flr_cpu_pool2d(flr_backend *backend, flr_op **out, const flr_pool2d_settings *settings, const flr_tensor_desc *src) {
  pool_op *p;
  FLR_TRY(flr_alloc(&p, 1, sizeof *p));
  p->head = (flr_op){.methods = settings->training ? &pool_training : &pool_inference, .backend = backend};
  const flr_status status = prepare_pool_op(flr_cpu_of(backend), p, settings, src);
  if (status != FLR_OK)
    pool_destroy(&p->head);
  else
    *out = &p->head;
  return status;
}

/* --- global average --------------------------------------------------------------------------------------------------------
 */

typedef struct average_op {
  flr_op head;
  flr_cpu_dense dense;                 /* empty for channel-blocked layouts, which the loops know */
  int64_t n, c, pixels, block, groups; /* memory is [n, groups, pixels, block] */
} average_op;

static void average_destroy(flr_op *op) {
  average_op *a = (average_op *)op;
  flr_cpu_dense_clear(&a->dense);
  flr_free(a);
}

typedef struct average_work {
  const average_op *op;
  const float *from;
  float *to;
} average_work;

enum { AVERAGE_LANES = 64 };

/* Mean over pixels of up to AVERAGE_LANES neighbouring channels. */
FLR_TARGET_CLONES static void mean_of_pixels(float *restrict to, const float *restrict from, int64_t pixels, int64_t step,
                                             int64_t lanes) {
  float sums[AVERAGE_LANES] = {0};
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t i = 0; i < lanes; i++) sums[i] += from[p * step + i];
  for (int64_t i = 0; i < lanes; i++) to[i] = sums[i] / (float)pixels;
}

FLR_TARGET_CLONES static void spread_to_pixels(float *restrict to, const float *restrict from, int64_t pixels, int64_t block,
                                               int64_t valid) {
  for (int64_t p = 0; p < pixels; p++) {
    for (int64_t i = 0; i < valid; i++) to[p * block + i] = from[i] / (float)pixels;
    for (int64_t i = valid; i < block; i++) to[p * block + i] = 0.0F;
  }
}

static int64_t valid_channels(const average_op *a, int64_t group) {
  const int64_t left = a->c - group * a->block;
  return left < a->block ? left : a->block;
}

static void average_forward_body(void *context, int64_t begin, int64_t end) {
  const average_work *w = context;
  const average_op *a = w->op;
  for (int64_t i = begin; i < end; i++) {
    const int64_t group = i % a->groups, valid = valid_channels(a, group);
    for (int64_t c = 0; c < valid; c += AVERAGE_LANES)
      mean_of_pixels(w->to + i / a->groups * a->c + group * a->block + c, w->from + i * a->pixels * a->block + c, a->pixels,
                     a->block, valid - c < AVERAGE_LANES ? valid - c : AVERAGE_LANES);
  }
}

static void average_backward_body(void *context, int64_t begin, int64_t end) {
  const average_work *w = context;
  const average_op *a = w->op;
  for (int64_t i = begin; i < end; i++) {
    const int64_t group = i % a->groups;
    spread_to_pixels(w->to + i * a->pixels * a->block, w->from + i / a->groups * a->c + group * a->block, a->pixels, a->block,
                     valid_channels(a, group));
  }
}

static flr_status average_forward(flr_op *op, const flr_op_args *args) {
  average_op *a = (average_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  average_work work = {.op = a, .to = args->dst};
  FLR_TRY(flr_cpu_dense_in(cpu, &a->dense, args->src, args->scratch, &work.from));
  flr_cpu_parallel(cpu, a->n * a->groups, 1, average_forward_body, &work);
  return FLR_OK;
}

static flr_status average_backward(flr_op *op, const flr_op_args *args) {
  average_op *a = (average_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  if (!args->diff_src) return FLR_OK;
  average_work work = {a, args->diff_dst, flr_cpu_dense_target(&a->dense, args->diff_src, args->scratch)};
  flr_cpu_parallel(cpu, a->n * a->groups, 1, average_backward_body, &work);
  return flr_cpu_dense_back(cpu, &a->dense, args->scratch, args->diff_src);
}

static const flr_op_methods average_training = {"global_average_pool", average_forward, average_backward, average_destroy};
static const flr_op_methods average_inference = {"global_average_pool", average_forward, NULL, average_destroy};

/* A layout that the loops do not know is brought to dense first. */
static flr_status prepare_average(flr_cpu *cpu, average_op *a, const flr_tensor_desc *src) {
  FLR_TRY(flr_cpu_layout_block(&a->block, src));
  if (a->block == 0) {
    FLR_TRY(flr_cpu_dense_init(cpu, &a->dense, src));
    a->head.scratch_bytes = a->dense.scratch_bytes;
    a->block = src->shape.c;
  }
  a->groups = (src->shape.c + a->block - 1) / a->block;
  return FLR_OK;
}

flr_status flr_cpu_global_average_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  average_op *a;
  FLR_TRY(flr_alloc(&a, 1, sizeof *a));
  const flr_shape s = src->shape;
  a->head = (flr_op){.methods = training ? &average_training : &average_inference,
                     .backend = backend,
                     .dst = flr_tensor_desc_dense(FLR_F32, (flr_shape){s.n, 1, 1, s.c})};
  a->n = s.n;
  a->c = s.c;
  a->pixels = s.h * s.w;
  const flr_status status = prepare_average(flr_cpu_of(backend), a, src);
  if (status != FLR_OK)
    average_destroy(&a->head);
  else
    *out = &a->head;
  return status;
}
