/* ReLU, add and input: loops over raw memory. Padding of blocked layouts is zero and stays zero under all of them. */
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

enum { ELEMENT_GRAIN = 4096 };

typedef struct elements_work {
  const float *a, *b;
  float *x, *y;
  int relu;
} elements_work;

/* --- relu -------------------------------------------------------------------------------------------------------------------
 */

/* Written so that NaN passes through. */
FLR_TARGET_CLONES static void relu_loop(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] < 0.0F ? 0.0F : x[i];
}

FLR_TARGET_CLONES static void mask_loop(float *out, const float *diff, const float *dst, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = dst[i] > 0.0F ? diff[i] : 0.0F;
}

static void relu_body(void *context, int64_t begin, int64_t end) {
  const elements_work *w = context;
  relu_loop(w->x + begin, w->a + begin, end - begin);
}

static void mask_body(void *context, int64_t begin, int64_t end) {
  const elements_work *w = context;
  mask_loop(w->x + begin, w->a + begin, w->b + begin, end - begin);
}

static int64_t raw_elements(const flr_op *op) { return (int64_t)(op->dst.bytes / sizeof(float)); }

static void plain_destroy(flr_op *op) { flr_free(op); }

static flr_status relu_forward(flr_op *op, const flr_op_args *args) {
  elements_work work = {.a = args->src, .x = args->dst};
  flr_cpu_parallel(flr_cpu_of(op->backend), raw_elements(op), ELEMENT_GRAIN, relu_body, &work);
  return FLR_OK;
}

static flr_status relu_backward(flr_op *op, const flr_op_args *args) {
  if (!args->diff_src) return FLR_OK;
  elements_work work = {.a = args->diff_dst, .b = args->dst, .x = args->diff_src};
  flr_cpu_parallel(flr_cpu_of(op->backend), raw_elements(op), ELEMENT_GRAIN, mask_body, &work);
  return FLR_OK;
}

static const flr_op_methods relu_training = {"relu", relu_forward, relu_backward, plain_destroy};
static const flr_op_methods relu_inference = {"relu", relu_forward, NULL, plain_destroy};

flr_status flr_cpu_relu(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  flr_op *op;
  FLR_TRY(flr_alloc(&op, 1, sizeof *op));
  *op = (flr_op){.methods = training ? &relu_training : &relu_inference,
                 .backend = backend,
                 .dst = *src,
                 .backward_needs = training ? FLR_NEEDS_DST : 0,
                 .in_place = 1};
  *out = op;
  return FLR_OK;
}

/* --- add --------------------------------------------------------------------------------------------------------------------
 */

typedef struct add_op {
  flr_op head;
  flr_cpu_reorder in, back; /* between the layout of the input that differs and dst's */
  int other;                /* which input differs: 0 none, 1 src, 2 src2 */
  size_t copy_bytes;
  int relu;
} add_op;

FLR_TARGET_CLONES static void add_loop(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

FLR_TARGET_CLONES static void add_relu_loop(float *y, const float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float sum = a[i] + b[i];
    y[i] = sum < 0.0F ? 0.0F : sum;
  }
}

/* One gradient for both inputs; x may be diff. */
FLR_TARGET_CLONES static void mask_twice_loop(float *x, float *y, const float *diff, const float *dst, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float masked = dst[i] > 0.0F ? diff[i] : 0.0F;
    x[i] = masked;
    y[i] = masked;
  }
}

static void add_body(void *context, int64_t begin, int64_t end) {
  const elements_work *w = context;
  if (w->relu)
    add_relu_loop(w->x + begin, w->a + begin, w->b + begin, end - begin);
  else
    add_loop(w->x + begin, w->a + begin, w->b + begin, end - begin);
}

static void copy_if(float *to, const float *from, int64_t begin, int64_t end) {
  if (to && to != from) memcpy(to + begin, from + begin, (size_t)(end - begin) * sizeof(float));
}

static void add_backward_body(void *context, int64_t begin, int64_t end) {
  const elements_work *w = context;
  const int64_t n = end - begin;
  if (!w->relu) {
    copy_if(w->x, w->a, begin, end);
    copy_if(w->y, w->a, begin, end);
  } else if (w->x && w->y) {
    mask_twice_loop(w->x + begin, w->y + begin, w->a + begin, w->b + begin, n);
  } else {
    mask_loop((w->x ? w->x : w->y) + begin, w->a + begin, w->b + begin, n);
  }
}

static flr_status add_forward(flr_op *op, const flr_op_args *args) {
  add_op *a = (add_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  elements_work work = {.a = args->src, .b = args->src2, .x = args->dst, .relu = a->relu};
  if (a->other != 0) {
    const void *from = a->other == 1 ? args->src : args->src2;
    FLR_TRY(flr_cpu_reorder_run(cpu, &a->in, from, args->scratch, (char *)args->scratch + a->copy_bytes));
    *(a->other == 1 ? &work.a : &work.b) = args->scratch;
  }
  flr_cpu_parallel(cpu, raw_elements(op), ELEMENT_GRAIN, add_body, &work);
  return FLR_OK;
}

static flr_status add_backward(flr_op *op, const flr_op_args *args) {
  add_op *a = (add_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  float *first = args->diff_src, *second = args->diff_src2;
  void *other = a->other == 1 ? first : a->other == 2 ? second : NULL;
  if (other) *(a->other == 1 ? &first : &second) = args->scratch;
  if (!first && !second) return FLR_OK;
  elements_work work = {.a = args->diff_dst, .b = args->dst, .x = first, .y = second, .relu = a->relu};
  flr_cpu_parallel(cpu, raw_elements(op), ELEMENT_GRAIN, add_backward_body, &work);
  if (!other) return FLR_OK;
  return flr_cpu_reorder_run(cpu, &a->back, args->scratch, other, (char *)args->scratch + a->copy_bytes);
}

static void add_destroy(flr_op *op) {
  add_op *a = (add_op *)op;
  flr_cpu_reorder_clear(&a->in);
  flr_cpu_reorder_clear(&a->back);
  flr_free(a);
}

static const flr_op_methods add_training = {"add", add_forward, add_backward, add_destroy};
static const flr_op_methods add_inference = {"add", add_forward, NULL, add_destroy};

/* dst takes the blocked layout when one input is dense. */
static flr_status prepare_add(flr_cpu *cpu, add_op *a, const flr_tensor_desc *src, const flr_tensor_desc *src2) {
  a->head.dst = src->layout ? *src : *src2;
  if (src->layout == src2->layout) return FLR_OK;
  a->other = src->layout ? 2 : 1;
  const flr_layout *from, *to;
  FLR_TRY(flr_cpu_layout_of(cpu, &from, a->other == 1 ? src : src2));
  FLR_TRY(flr_cpu_layout_of(cpu, &to, &a->head.dst));
  FLR_TRY(flr_cpu_reorder_init(cpu, &a->in, from, to, 0));
  FLR_TRY(flr_cpu_reorder_init(cpu, &a->back, to, from, 0));
  a->copy_bytes = flr_align_up(to->bytes);
  a->head.scratch_bytes = a->copy_bytes + a->in.primitive.scratch_bytes + a->back.primitive.scratch_bytes;
  return FLR_OK;
}

flr_status flr_cpu_add(flr_backend *backend, flr_op **out, const flr_add_settings *settings, const flr_tensor_desc *src,
                       const flr_tensor_desc *src2) {
  add_op *a;
  FLR_TRY(flr_alloc(&a, 1, sizeof *a));
  a->head = (flr_op){.methods = settings->training ? &add_training : &add_inference,
                     .backend = backend,
                     .backward_needs = settings->training && settings->relu ? FLR_NEEDS_DST : 0};
  a->relu = settings->relu;
  const flr_status status = prepare_add(flr_cpu_of(backend), a, src, src2);
  a->head.in_place = a->other != 1;
  if (status != FLR_OK)
    add_destroy(&a->head);
  else
    *out = &a->head;
  return status;
}

/* --- input ------------------------------------------------------------------------------------------------------------------
 */

typedef struct input_op {
  flr_op head;
  flr_dtype from;
  int64_t channels;
  float *mean, *inverse_std; /* [channels] each, one block that starts at mean */
} input_op;

typedef struct input_work {
  const input_op *op;
  const void *src;
  float *dst;
} input_work;

/* Pixels begin..end-1. */
static void input_body(void *context, int64_t begin, int64_t end) {
  const input_work *w = context;
  const input_op *op = w->op;
  const int64_t c = op->channels;
  const uint8_t *bytes = w->src;
  const float *floats = w->src;
  for (int64_t p = begin; p < end; p++)
    for (int64_t k = 0; k < c; k++) {
      const float value = op->from == FLR_U8 ? (float)bytes[p * c + k] * (1.0F / 255.0F) : floats[p * c + k];
      w->dst[p * c + k] = (value - op->mean[k]) * op->inverse_std[k];
    }
}

static flr_status input_forward(flr_op *op, const flr_op_args *args) {
  const input_op *input = (const input_op *)op;
  const int64_t pixels = flr_shape_elements(op->dst.shape) / input->channels;
  input_work work = {input, args->src, args->dst};
  flr_cpu_parallel(flr_cpu_of(op->backend), pixels, 64, input_body, &work);
  return FLR_OK;
}

static void input_destroy(flr_op *op) {
  flr_free(((input_op *)op)->mean);
  flr_free(op);
}

static const flr_op_methods input_methods = {"input", input_forward, NULL, input_destroy};

flr_status flr_cpu_input(flr_backend *backend, flr_op **out, const flr_input_settings *settings, const flr_tensor_desc *src) {
  input_op *op;
  const int64_t c = src->shape.c;
  FLR_TRY(flr_alloc(&op, 1, sizeof *op));
  const flr_status status = flr_alloc(&op->mean, 2 * c, sizeof(float));
  if (status != FLR_OK) {
    flr_free(op);
    return status;
  }
  op->head = (flr_op){.methods = &input_methods, .backend = backend, .dst = flr_tensor_desc_dense(FLR_F32, src->shape)};
  op->from = src->dtype;
  op->channels = c;
  op->inverse_std = op->mean + c;
  for (int64_t i = 0; i < c; i++) {
    op->mean[i] = settings->mean ? settings->mean[i] : 0.0F;
    op->inverse_std[i] = settings->inverse_std ? settings->inverse_std[i] : 1.0F;
  }
  *out = &op->head;
  return FLR_OK;
}
