/* Batch norm with fused ReLU, or with a residual addition and ReLU behind it; the library's statistics, our running averages.
 */
#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

typedef struct norm_op {
  flr_op head;
  flr_cpu_primitive forward, backward;
  size_t variance_offset, mask_offset; /* in saved memory; the mean is first */
  int64_t channels, samples;           /* samples per channel */
  double momentum;
  int training, relu;          /* relu: fused into the primitive */
  flr_op *add;                 /* the addition behind it, NULL: none */
  size_t add_scratch, between; /* in scratch: the addition's, and what it reads where it cannot work in place */
} norm_op;

static void norm_destroy(flr_op *op) {
  norm_op *b = (norm_op *)op;
  flr_cpu_primitive_clear(&b->forward);
  flr_cpu_primitive_clear(&b->backward);
  flr_op_destroy(b->add);
  flr_free(b);
}

static void update_running(const norm_op *b, const float *mean, const float *variance, float *running_mean,
                           float *running_var) {
  const double m = b->momentum, unbiased = b->samples > 1 ? (double)b->samples / (double)(b->samples - 1) : 1.0;
  for (int64_t c = 0; c < b->channels; c++) {
    running_mean[c] = (float)((1.0 - m) * running_mean[c] + m * mean[c]);
    running_var[c] = (float)((1.0 - m) * running_var[c] + m * unbiased * variance[c]);
  }
}

static flr_status plain_forward(flr_op *op, const flr_op_args *args) {
  norm_op *b = (norm_op *)op;
  char *saved = args->saved;
  float *mean = b->training ? (float *)args->saved : args->running_mean;
  float *variance = b->training ? (float *)(void *)(saved + b->variance_offset) : args->running_var;
  const void *const pointers[] = {args->src, args->dst, args->weight, args->bias, mean, variance, saved + b->mask_offset};
  FLR_TRY(flr_cpu_primitive_run(flr_cpu_of(op->backend), &b->forward, pointers, args->scratch));
  if (b->training && args->running_mean) update_running(b, mean, variance, args->running_mean, args->running_var);
  return FLR_OK;
}

static void hand_over(float *to, const float *from, int64_t n, int accumulate) {
  if (!to) return;
  for (int64_t i = 0; i < n; i++) to[i] = accumulate ? to[i] + from[i] : from[i];
}

static flr_status plain_backward(flr_op *op, const flr_op_args *args) {
  norm_op *b = (norm_op *)op;
  char *saved = args->saved, *scratch = args->scratch;
  const size_t row = flr_align_up((size_t)b->channels * sizeof(float));
  float *diff_scale = args->scratch, *diff_shift = (float *)(void *)(scratch + row);
  void *diff_src = args->diff_src ? args->diff_src : args->diff_dst; /* nobody reads diff_dst afterwards */
  const void *pointers[FLR_CPU_MAX_ARGS] = {args->src, args->diff_dst, args->weight, saved, saved + b->variance_offset,
                                            diff_src,  diff_scale,     diff_shift};
  int count = 8; /* as backward_arguments has them */
  if (b->relu) pointers[count++] = saved + b->mask_offset;
  if (flr_dnnl_norm_backward_wants_shift()) pointers[count++] = args->bias;
  FLR_TRY(flr_cpu_primitive_run(flr_cpu_of(op->backend), &b->backward, pointers, scratch + 2 * row));
  hand_over(args->diff_weight, diff_scale, b->channels, args->accumulate);
  hand_over(args->diff_bias, diff_shift, b->channels, args->accumulate);
  return FLR_OK;
}

/* Where the normalised values, or their gradient, lie between the two halves. */
static void *between(const norm_op *b, void *outer, void *scratch) {
  return b->add->in_place ? outer : (char *)scratch + b->between;
}

static flr_status added_forward(flr_op *op, const flr_op_args *args) {
  norm_op *b = (norm_op *)op;
  flr_op_args norm = *args;
  norm.dst = between(b, args->dst, args->scratch);
  FLR_TRY(plain_forward(op, &norm));
  const flr_op_args add = {
      .src = norm.dst, .src2 = args->src2, .dst = args->dst, .scratch = (char *)args->scratch + b->add_scratch};
  return flr_op_forward(b->add, &add);
}

static flr_status added_backward(flr_op *op, const flr_op_args *args) {
  norm_op *b = (norm_op *)op;
  flr_op_args norm = *args;
  norm.diff_dst = between(b, args->diff_dst, args->scratch);
  const flr_op_args add = {.dst = args->dst,
                           .diff_dst = args->diff_dst,
                           .diff_src = norm.diff_dst,
                           .diff_src2 = args->diff_src2,
                           .scratch = (char *)args->scratch + b->add_scratch};
  FLR_TRY(flr_op_backward(b->add, &add));
  return plain_backward(op, &norm);
}

static const flr_op_methods training_methods = {"batch_norm", plain_forward, plain_backward, norm_destroy};
static const flr_op_methods inference_methods = {"batch_norm", plain_forward, NULL, norm_destroy};
static const flr_op_methods added_training_methods = {"batch_norm", added_forward, added_backward, norm_destroy};
static const flr_op_methods added_inference_methods = {"batch_norm", added_forward, NULL, norm_destroy};

static flr_status create_primitive(flr_cpu *cpu, flr_cpu_primitive *out, const flr_dnnl_norm *norm, const int *arguments,
                                   int count, const_dnnl_primitive_desc_t hint) {
  dnnl_primitive_desc_t desc;
  FLR_DNNL(flr_dnnl_norm_create(&desc, norm, cpu->engine, cpu->attr, hint));
  return flr_cpu_primitive_init(cpu, out, desc, arguments, count);
}

static int backward_arguments(int arguments[FLR_CPU_MAX_ARGS], int relu) {
  static const int always[] = {DNNL_ARG_SRC,      DNNL_ARG_DIFF_DST, DNNL_ARG_SCALE,      DNNL_ARG_MEAN,
                               DNNL_ARG_VARIANCE, DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT};
  int count = 0;
  for (; count < 8; count++) arguments[count] = always[count];
  if (relu) arguments[count++] = DNNL_ARG_WORKSPACE;
  if (flr_dnnl_norm_backward_wants_shift()) arguments[count++] = DNNL_ARG_SHIFT;
  return count;
}

static flr_status prepare_training(flr_cpu *cpu, norm_op *b, flr_dnnl_norm *norm) {
  static const int forward[] = {DNNL_ARG_SRC,  DNNL_ARG_DST,      DNNL_ARG_SCALE,    DNNL_ARG_SHIFT,
                                DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_WORKSPACE};
  norm->kind = dnnl_forward_training;
  FLR_TRY(create_primitive(cpu, &b->forward, norm, forward, b->relu ? 7 : 6, NULL));
  norm->kind = dnnl_backward;
  int backward[FLR_CPU_MAX_ARGS];
  const int count = backward_arguments(backward, b->relu);
  FLR_TRY(create_primitive(cpu, &b->backward, norm, backward, count, b->forward.desc));
  const size_t row = flr_align_up((size_t)b->channels * sizeof(float));
  b->variance_offset = row;
  b->mask_offset = 2 * row;
  b->head.saved_bytes = 2 * row + (b->relu ? flr_align_up(b->forward.layouts[6]->bytes) : 0);
  b->head.scratch_bytes = 2 * row + b->backward.scratch_bytes;
  if (b->forward.scratch_bytes > b->head.scratch_bytes) b->head.scratch_bytes = b->forward.scratch_bytes;
  b->head.backward_needs = FLR_NEEDS_SRC;
  return FLR_OK;
}

static flr_status prepare_inference(flr_cpu *cpu, norm_op *b, flr_dnnl_norm *norm) {
  static const int forward[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE};
  norm->kind = dnnl_forward_inference;
  norm->global_statistics = 1;
  FLR_TRY(create_primitive(cpu, &b->forward, norm, forward, 6, NULL));
  b->head.scratch_bytes = b->forward.scratch_bytes;
  b->head.in_place = 1;
  return FLR_OK;
}

static flr_status prepare_add(norm_op *b, const flr_batch_norm_settings *settings, const flr_tensor_desc *src,
                              const flr_tensor_desc *src2) {
  const flr_add_settings add = {.relu = settings->relu, .training = settings->training};
  FLR_TRY(flr_cpu_add(b->head.backend, &b->add, &add, src, src2));
  b->head.methods = settings->training ? &added_training_methods : &added_inference_methods;
  b->head.dst = b->add->dst;
  b->head.in_place = 0;
  b->head.backward_needs |= b->add->backward_needs;
  b->add_scratch = flr_align_up(b->head.scratch_bytes);
  b->between = b->add_scratch + flr_align_up(b->add->scratch_bytes);
  b->head.scratch_bytes = b->between + (b->add->in_place ? 0 : src->bytes);
  return FLR_OK;
}

static flr_status prepare(flr_cpu *cpu, norm_op *b, const flr_batch_norm_settings *settings, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2) {
  const flr_layout *layout;
  FLR_TRY(flr_cpu_layout_of(cpu, &layout, src));
  flr_dnnl_norm norm = {.data = layout->md, .epsilon = (float)settings->epsilon, .relu = b->relu};
  FLR_TRY(settings->training ? prepare_training(cpu, b, &norm) : prepare_inference(cpu, b, &norm));
  return settings->add ? prepare_add(b, settings, src, src2) : FLR_OK;
}

flr_status flr_cpu_batch_norm(flr_backend *backend, flr_op **out, const flr_batch_norm_settings *settings,
                              const flr_tensor_desc *src, const flr_tensor_desc *src2) {
  norm_op *b;
  if (settings->training && settings->shared) return flr_cpu_shared_norm(backend, out, settings, src, src2);
  FLR_TRY(flr_alloc(&b, 1, sizeof *b));
  b->head = (flr_op){.methods = settings->training ? &training_methods : &inference_methods, .backend = backend, .dst = *src};
  b->channels = src->shape.c;
  b->samples = src->shape.n * src->shape.h * src->shape.w;
  b->momentum = settings->momentum;
  b->training = settings->training;
  b->relu = settings->relu && !settings->add;
  const flr_status status = prepare(flr_cpu_of(backend), b, settings, src, src2);
  if (status != FLR_OK)
    norm_destroy(&b->head);
  else
    *out = &b->head;
  return status;
}
