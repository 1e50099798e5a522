/* Convolution: forward, backward data and backward weights primitives with reorders where the neighbours' layouts differ. */
#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

/* Winograd where it gains: for fewer channels, or small images of few, direct code is as fast, and its sums are exact to the
   last digits (Winograd's are off by 1e-6, which in a small network turns ReLUs over). */
enum { CONV_WINOGRAD_CHANNELS = 32, CONV_WINOGRAD_ELEMENTS = 64 * 8 * 8 };

/* Tensors of a pass, in the order of its primitive's arguments. */
enum { CONV_SRC, CONV_WEIGHT, CONV_DST, CONV_BIAS, CONV_ARGS };

/* One pass: the primitive, a reorder per argument, and where the reordered copies lie in scratch. */
typedef struct conv_pass {
  flr_cpu_primitive primitive;
  flr_cpu_reorder reorders[3];  /* inputs in, output out */
  flr_cpu_reorder accumulate;   /* backward weights: adds the gradient to what is there */
  size_t offsets[3];            /* of the copies */
  size_t scratch_offset, bytes; /* the primitive's own scratch; all of the pass */
} conv_pass;

typedef struct conv_op {
  flr_op head;
  conv_pass forward, data, weights;
  const flr_layout *src, *dst, *weight, *bias; /* as the neighbours and the flat buffers have them */
  flr_cpu_reorder bias_accumulate;
  size_t bias_offset;
  int has_bias;
  int keep_weights; /* backward data wants the weights as forward had them: they stay in saved memory */
} conv_op;

/* The shapes of a convolution as oneDNN wants them. */
typedef struct conv_shape {
  int64_t src[4], weight[4], dst[4], bias[1];
  dnnl_dims_t strides, padding;
  int winograd; /* worth trying */
} conv_shape;

static void conv_pass_clear(conv_pass *pass) {
  flr_cpu_primitive_clear(&pass->primitive);
  for (int i = 0; i < 3; i++) flr_cpu_reorder_clear(&pass->reorders[i]);
  flr_cpu_reorder_clear(&pass->accumulate);
}

static void conv_destroy(flr_op *op) {
  conv_op *c = (conv_op *)op;
  conv_pass_clear(&c->forward);
  conv_pass_clear(&c->data);
  conv_pass_clear(&c->weights);
  flr_cpu_reorder_clear(&c->bias_accumulate);
  flr_free(c);
}

static conv_shape shape_of(const flr_conv2d_settings *s, flr_shape src, flr_shape dst) {
  return (conv_shape){.src = {src.n, src.c, src.h, src.w},
                      .weight = {s->out_channels, src.c, s->kernel_h, s->kernel_w},
                      .dst = {dst.n, dst.c, dst.h, dst.w},
                      .bias = {s->out_channels},
                      .strides = {s->stride, s->stride},
                      .padding = {s->pad, s->pad},
                      .winograd = s->kernel_h == 3 && s->kernel_w == 3 && s->stride == 1 && src.c >= CONV_WINOGRAD_CHANNELS &&
                                  src.c * src.h * src.w >= CONV_WINOGRAD_ELEMENTS};
}

/* Tries Winograd, then direct, with these descriptions; no reference code. *out stays NULL when there is none. */
static void try_conv(flr_cpu *cpu, dnnl_primitive_desc_t *out, flr_dnnl_conv *conv, int winograd, int reference,
                     const_dnnl_primitive_desc_t hint) {
  static const dnnl_alg_kind_t algorithms[] = {dnnl_convolution_winograd, dnnl_convolution_direct};
  *out = NULL;
  for (int i = winograd ? 0 : 1; i < 2; i++) {
    conv->algorithm = algorithms[i];
    if (flr_dnnl_conv_create(out, conv, cpu->engine, cpu->attr, hint) != dnnl_success) {
      *out = NULL;
      continue;
    }
    if (reference || !flr_cpu_desc_is_reference(*out)) return;
    (void)dnnl_primitive_desc_destroy(*out);
    *out = NULL;
  }
}

/* The best descriptor of a pass: first with the neighbours' layouts, then free, then whatever there is. */
static flr_status choose_conv(flr_cpu *cpu, dnnl_primitive_desc_t *out, flr_dnnl_conv *fixed, flr_dnnl_conv *free_layout,
                              int winograd, const_dnnl_primitive_desc_t hint) {
  *out = NULL;
  if (fixed) try_conv(cpu, out, fixed, winograd, 0, hint);
  if (!*out) try_conv(cpu, out, free_layout, winograd, 0, hint);
  if (!*out) try_conv(cpu, out, free_layout, winograd, 1, hint);
  if (!*out) return flr_fail(FLR_ERROR_UNAVAILABLE, "oneDNN has no convolution for these sizes: use the ref backend");
  return FLR_OK;
}

/* Reorders between the primitive's layouts and the outside ones, and the plan of the pass's scratch memory. output: which of
   src, weight, dst the pass writes. */
static flr_status plan_pass(flr_cpu *cpu, conv_pass *pass, const flr_layout *const outside[3], int output) {
  size_t at = 0;
  for (int i = 0; i < 3; i++) {
    const flr_layout *inside = pass->primitive.layouts[i];
    const flr_layout *from = i == output ? inside : outside[i], *to = i == output ? outside[i] : inside;
    FLR_TRY(flr_cpu_reorder_init(cpu, &pass->reorders[i], from, to, 0));
    pass->offsets[i] = at;
    if (pass->reorders[i].active || (i == output && i == CONV_WEIGHT)) at += flr_align_up(inside->bytes);
  }
  size_t own = pass->primitive.scratch_bytes;
  for (int i = 0; i < 3; i++)
    if (pass->reorders[i].primitive.scratch_bytes > own) own = pass->reorders[i].primitive.scratch_bytes;
  if (pass->accumulate.primitive.scratch_bytes > own) own = pass->accumulate.primitive.scratch_bytes;
  pass->scratch_offset = at;
  pass->bytes = at + own;
  return FLR_OK;
}

/* Descriptions for one pass, "any" and fixed to the outside layouts. */
typedef struct conv_descs {
  void *src, *weight, *dst, *bias;
} conv_descs;

static void descs_clear(conv_descs *d) {
  flr_dnnl_md_destroy(d->src);
  flr_dnnl_md_destroy(d->weight);
  flr_dnnl_md_destroy(d->dst);
}

static flr_status descs_any(conv_descs *out, const conv_shape *s, const flr_layout *bias) {
  *out = (conv_descs){.bias = bias ? bias->md : NULL};
  flr_status status = flr_dnnl_md_create(&out->src, 4, s->src, NULL);
  if (status == FLR_OK) status = flr_dnnl_md_create(&out->weight, 4, s->weight, NULL);
  if (status == FLR_OK) status = flr_dnnl_md_create(&out->dst, 4, s->dst, NULL);
  if (status != FLR_OK) descs_clear(out);
  return status;
}

static flr_dnnl_conv conv_of(const conv_shape *s, dnnl_prop_kind_t kind, const void *src, const conv_descs *any,
                             const void *dst) {
  flr_dnnl_conv conv = {.kind = kind, .src = src, .weights = any->weight, .bias = any->bias, .dst = dst};
  for (int i = 0; i < 2; i++) {
    conv.strides[i] = s->strides[i];
    conv.padding[i] = s->padding[i];
  }
  return conv;
}

static flr_status prepare_forward(flr_cpu *cpu, conv_op *c, const conv_shape *s, const conv_descs *any) {
  static const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS};
  /* In evaluation too: inference would have Winograd weights transformed by a slow reorder before every batch. */
  flr_dnnl_conv conv = conv_of(s, dnnl_forward_training, any->src, any, any->dst);
  dnnl_primitive_desc_t desc;
  FLR_TRY(choose_conv(cpu, &desc, NULL, &conv, s->winograd, NULL));
  FLR_TRY(flr_cpu_primitive_init(cpu, &c->forward.primitive, desc, arguments, c->has_bias ? 4 : 3));
  c->dst = c->forward.primitive.layouts[CONV_DST];
  const flr_layout *const outside[] = {c->src, c->weight, c->dst};
  return plan_pass(cpu, &c->forward, outside, CONV_DST);
}

static flr_status prepare_data(flr_cpu *cpu, conv_op *c, const conv_shape *s, const conv_descs *any) {
  static const int arguments[] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
  flr_dnnl_conv fixed = conv_of(s, dnnl_backward_data, c->src->md, any, c->dst->md);
  flr_dnnl_conv conv = conv_of(s, dnnl_backward_data, any->src, any, any->dst);
  dnnl_primitive_desc_t desc;
  FLR_TRY(choose_conv(cpu, &desc, &fixed, &conv, s->winograd, c->forward.primitive.desc));
  FLR_TRY(flr_cpu_primitive_init(cpu, &c->data.primitive, desc, arguments, 3));
  const flr_layout *const outside[] = {c->src, c->weight, c->dst}, *blocked = c->forward.primitive.layouts[CONV_WEIGHT];
  c->keep_weights = blocked != c->weight && blocked == c->data.primitive.layouts[CONV_WEIGHT];
  c->head.saved_bytes = c->keep_weights ? flr_align_up(blocked->bytes) : 0;
  return plan_pass(cpu, &c->data, outside, CONV_SRC);
}

static flr_status prepare_weights(flr_cpu *cpu, conv_op *c, const conv_shape *s, const conv_descs *any) {
  static const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS};
  flr_dnnl_conv fixed = conv_of(s, dnnl_backward_weights, c->src->md, any, c->dst->md);
  flr_dnnl_conv conv = conv_of(s, dnnl_backward_weights, any->src, any, any->dst);
  dnnl_primitive_desc_t desc;
  FLR_TRY(choose_conv(cpu, &desc, &fixed, &conv, s->winograd, c->forward.primitive.desc));
  FLR_TRY(flr_cpu_primitive_init(cpu, &c->weights.primitive, desc, arguments, c->has_bias ? 4 : 3));
  FLR_TRY(flr_cpu_reorder_init(cpu, &c->weights.accumulate, c->weights.primitive.layouts[CONV_WEIGHT], c->weight, 1));
  const flr_layout *const outside[] = {c->src, c->weight, c->dst};
  FLR_TRY(plan_pass(cpu, &c->weights, outside, CONV_WEIGHT));
  if (!c->has_bias) return FLR_OK;
  FLR_TRY(flr_cpu_reorder_init(cpu, &c->bias_accumulate, c->weights.primitive.layouts[CONV_BIAS], c->bias, 1));
  c->bias_offset = flr_align_up(c->weights.bytes);
  c->weights.bytes = c->bias_offset + flr_align_up(c->bias->bytes);
  return FLR_OK;
}

/* Brings an input into the primitive's layout; the pointer to use comes back. */
static flr_status bring_in(flr_cpu *cpu, conv_pass *pass, int which, const void *outside, char *scratch, const void **inside) {
  *inside = outside;
  if (!pass->reorders[which].active) return FLR_OK;
  void *copy = scratch + pass->offsets[which];
  *inside = copy;
  return flr_cpu_reorder_run(cpu, &pass->reorders[which], outside, copy, scratch + pass->scratch_offset);
}

static flr_status conv_forward(flr_op *op, const flr_op_args *args) {
  conv_op *c = (conv_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  char *scratch = args->scratch;
  const void *pointers[CONV_ARGS] = {[CONV_DST] = args->dst, [CONV_BIAS] = args->bias};
  FLR_TRY(bring_in(cpu, &c->forward, CONV_SRC, args->src, scratch, &pointers[CONV_SRC]));
  if (c->keep_weights) {
    pointers[CONV_WEIGHT] = args->saved;
    FLR_TRY(flr_cpu_reorder_run(cpu, &c->forward.reorders[CONV_WEIGHT], args->weight, args->saved,
                                scratch + c->forward.scratch_offset));
  } else {
    FLR_TRY(bring_in(cpu, &c->forward, CONV_WEIGHT, args->weight, scratch, &pointers[CONV_WEIGHT]));
  }
  return flr_cpu_primitive_run(cpu, &c->forward.primitive, pointers, scratch + c->forward.scratch_offset);
}

static flr_status run_data(flr_cpu *cpu, conv_op *c, const flr_op_args *args) {
  conv_pass *pass = &c->data;
  char *scratch = args->scratch;
  flr_cpu_reorder *out = &pass->reorders[CONV_SRC];
  const void *pointers[3] = {out->active ? scratch + pass->offsets[CONV_SRC] : args->diff_src};
  if (c->keep_weights)
    pointers[CONV_WEIGHT] = args->saved;
  else
    FLR_TRY(bring_in(cpu, pass, CONV_WEIGHT, args->weight, scratch, &pointers[CONV_WEIGHT]));
  FLR_TRY(bring_in(cpu, pass, CONV_DST, args->diff_dst, scratch, &pointers[CONV_DST]));
  FLR_TRY(flr_cpu_primitive_run(cpu, &pass->primitive, pointers, scratch + pass->scratch_offset));
  if (!out->active) return FLR_OK;
  return flr_cpu_reorder_run(cpu, out, pointers[CONV_SRC], args->diff_src, scratch + pass->scratch_offset);
}

static flr_status run_weights(flr_cpu *cpu, conv_op *c, const flr_op_args *args) {
  conv_pass *pass = &c->weights;
  char *scratch = args->scratch;
  char *own = scratch + pass->scratch_offset;
  flr_cpu_reorder *out = args->accumulate ? &pass->accumulate : &pass->reorders[CONV_WEIGHT];
  float *gradient =
      out->active || !args->diff_weight ? (float *)(void *)(scratch + pass->offsets[CONV_WEIGHT]) : args->diff_weight;
  const int bias_copy = c->has_bias && (args->accumulate || !args->diff_bias);
  const void *pointers[CONV_ARGS] = {
      [CONV_WEIGHT] = gradient, [CONV_BIAS] = bias_copy ? scratch + c->bias_offset : (char *)args->diff_bias};
  FLR_TRY(bring_in(cpu, pass, CONV_SRC, args->src, scratch, &pointers[CONV_SRC]));
  FLR_TRY(bring_in(cpu, pass, CONV_DST, args->diff_dst, scratch, &pointers[CONV_DST]));
  FLR_TRY(flr_cpu_primitive_run(cpu, &pass->primitive, pointers, own));
  if (gradient != args->diff_weight && args->diff_weight)
    FLR_TRY(flr_cpu_reorder_run(cpu, out, gradient, args->diff_weight, own));
  if (!bias_copy || !args->diff_bias) return FLR_OK;
  return flr_cpu_reorder_run(cpu, &c->bias_accumulate, pointers[CONV_BIAS], args->diff_bias, own);
}

static flr_status conv_backward(flr_op *op, const flr_op_args *args) {
  conv_op *c = (conv_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  if (args->diff_weight || args->diff_bias) FLR_TRY(run_weights(cpu, c, args));
  return args->diff_src ? run_data(cpu, c, args) : FLR_OK;
}

static const flr_op_methods conv_methods = {"conv2d", conv_forward, conv_backward, conv_destroy};

flr_cpu_primitive *flr_cpu_conv_primitive(flr_op *op, flr_cpu_conv_pass pass) {
  conv_op *c = (conv_op *)op;
  conv_pass *const passes[] = {
      [FLR_CPU_CONV_FORWARD] = &c->forward, [FLR_CPU_CONV_DATA] = &c->data, [FLR_CPU_CONV_WEIGHTS] = &c->weights};
  return passes[pass]->primitive.primitive ? &passes[pass]->primitive : NULL;
}

static size_t max_bytes(size_t a, size_t b) { return a > b ? a : b; }

static flr_status prepare_passes(flr_cpu *cpu, conv_op *c, const flr_conv2d_settings *settings, const conv_shape *shape) {
  conv_descs any;
  FLR_TRY(descs_any(&any, shape, c->has_bias ? c->bias : NULL));
  flr_status status = prepare_forward(cpu, c, shape, &any);
  if (status == FLR_OK && settings->training && !settings->frozen) status = prepare_weights(cpu, c, shape, &any);
  if (status == FLR_OK && settings->training && settings->need_diff_src) status = prepare_data(cpu, c, shape, &any);
  descs_clear(&any);
  return status;
}

static flr_status prepare_op(flr_cpu *cpu, conv_op *c, const flr_conv2d_settings *settings, const flr_tensor_desc *src) {
  const flr_shape in = src->shape;
  const flr_shape out = {in.n, (in.h + 2 * settings->pad - settings->kernel_h) / settings->stride + 1,
                         (in.w + 2 * settings->pad - settings->kernel_w) / settings->stride + 1, settings->out_channels};
  const conv_shape shape = shape_of(settings, in, out);
  const int64_t *w = shape.weight; /* logical OIHW, in memory OHWI */
  const int64_t strides[4] = {w[1] * w[2] * w[3], 1, w[3] * w[1], w[1]}, one[1] = {1};
  FLR_TRY(flr_cpu_layout_of(cpu, &c->src, src));
  FLR_TRY(flr_cpu_layout_plain(cpu, &c->weight, 4, w, strides));
  FLR_TRY(flr_cpu_layout_plain(cpu, &c->bias, 1, shape.bias, one));
  FLR_TRY(prepare_passes(cpu, c, settings, &shape));
  FLR_TRY(flr_cpu_desc(cpu, &c->head.dst, out, c->dst));
  c->head.scratch_bytes = max_bytes(c->forward.bytes, max_bytes(c->data.bytes, c->weights.bytes));
  c->head.backward_needs = settings->training && !settings->frozen ? FLR_NEEDS_SRC : 0;
  return FLR_OK;
}

flr_status flr_cpu_conv2d(flr_backend *backend, flr_op **out, const flr_conv2d_settings *settings, const flr_tensor_desc *src) {
  conv_op *c;
  FLR_TRY(flr_alloc(&c, 1, sizeof *c));
  c->head = (flr_op){.methods = &conv_methods, .backend = backend};
  c->has_bias = settings->bias;
  const flr_status status = prepare_op(flr_cpu_of(backend), c, settings, src);
  if (status != FLR_OK)
    conv_destroy(&c->head);
  else
    *out = &c->head;
  return status;
}
