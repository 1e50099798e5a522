/* Pooling over windows by the library, in the layout the tensor comes in. */
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
