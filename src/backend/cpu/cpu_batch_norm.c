/* Batch norm of evaluation with fused ReLU, or with a residual addition and ReLU behind it, by the library. */
#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

typedef struct norm_op {
  flr_op head;
  flr_cpu_primitive forward;
  int relu;                    /* fused into the primitive */
  flr_op *add;                 /* the addition behind it, NULL: none */
  size_t add_scratch, between; /* in scratch: the addition's, and what it reads where it cannot work in place */
} norm_op;

static void norm_destroy(flr_op *op) {
  norm_op *b = (norm_op *)op;
  flr_cpu_primitive_clear(&b->forward);
  flr_op_destroy(b->add);
  flr_free(b);
}

static flr_status plain_forward(flr_op *op, const flr_op_args *args) {
  norm_op *b = (norm_op *)op;
  const void *const pointers[] = {args->src, args->dst, args->weight, args->bias, args->running_mean, args->running_var};
  return flr_cpu_primitive_run(flr_cpu_of(op->backend), &b->forward, pointers, args->scratch);
}

static flr_status added_forward(flr_op *op, const flr_op_args *args) {
  norm_op *b = (norm_op *)op;
  flr_op_args norm = *args;
  norm.dst = b->add->in_place ? args->dst : (char *)args->scratch + b->between;
  FLR_TRY(plain_forward(op, &norm));
  const flr_op_args add = {
      .src = norm.dst, .src2 = args->src2, .dst = args->dst, .scratch = (char *)args->scratch + b->add_scratch};
  return flr_op_forward(b->add, &add);
}

static const flr_op_methods plain_methods = {"batch_norm", plain_forward, NULL, norm_destroy};
static const flr_op_methods added_methods = {"batch_norm", added_forward, NULL, norm_destroy};

static flr_status prepare_norm(flr_cpu *cpu, norm_op *b, const flr_batch_norm_settings *settings, const flr_tensor_desc *src) {
  static const int forward[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE};
  const flr_layout *layout;
  dnnl_primitive_desc_t desc;
  FLR_TRY(flr_cpu_layout_of(cpu, &layout, src));
  const flr_dnnl_norm norm = {.data = layout->md, .epsilon = (float)settings->epsilon, .relu = b->relu};
  FLR_DNNL(flr_dnnl_norm_create(&desc, &norm, cpu->engine, cpu->attr));
  FLR_TRY(flr_cpu_primitive_init(cpu, &b->forward, desc, forward, 6));
  b->head.scratch_bytes = b->forward.scratch_bytes;
  b->head.in_place = 1;
  return FLR_OK;
}

static flr_status prepare_add(norm_op *b, const flr_batch_norm_settings *settings, const flr_tensor_desc *src,
                              const flr_tensor_desc *src2) {
  const flr_add_settings add = {.relu = settings->relu};
  FLR_TRY(flr_cpu_add(b->head.backend, &b->add, &add, src, src2));
  b->head.methods = &added_methods;
  b->head.dst = b->add->dst;
  b->head.in_place = 0;
  b->add_scratch = flr_align_up(b->head.scratch_bytes);
  b->between = b->add_scratch + flr_align_up(b->add->scratch_bytes);
  b->head.scratch_bytes = b->between + (b->add->in_place ? 0 : src->bytes);
  return FLR_OK;
}

flr_status flr_cpu_batch_norm(flr_backend *backend, flr_op **out, const flr_batch_norm_settings *settings,
                              const flr_tensor_desc *src, const flr_tensor_desc *src2) {
  norm_op *b;
  if (settings->training) return flr_cpu_batch_norm_training(backend, out, settings, src, src2);
  FLR_TRY(flr_alloc(&b, 1, sizeof *b));
  b->head = (flr_op){.methods = &plain_methods, .backend = backend, .dst = *src};
  b->relu = settings->relu && !settings->add;
  flr_status status = prepare_norm(flr_cpu_of(backend), b, settings, src);
  if (status == FLR_OK && settings->add) status = prepare_add(b, settings, src, src2);
  if (status != FLR_OK)
    norm_destroy(&b->head);
  else
    *out = &b->head;
  return status;
}
