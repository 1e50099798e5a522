/* Global pooling by own loops to dense: the average, and the maximum beside it. */
#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

typedef struct global_op {
  flr_op head;
  flr_cpu_dense dense;                 /* empty for channel-blocked layouts, which the loops know */
  int64_t n, c, pixels, block, groups; /* memory is [n, groups, pixels, block] */
  int concat;                          /* the maxima stand before the means */
} global_op;

static void global_destroy(flr_op *op) {
  global_op *a = (global_op *)op;
  flr_cpu_dense_clear(&a->dense);
  flr_free(a);
}

typedef struct global_work {
  const global_op *op;
  const float *from;
  float *to;
  int32_t *where; /* [n, c]: pixels of the maxima; NULL: not wanted */
} global_work;

enum { LANES = 64 };

/* Mean over pixels of up to LANES neighbouring channels. */
FLR_TARGET_CLONES static void mean_of_pixels(float *restrict to, const float *restrict from, int64_t pixels, int64_t step,
                                             int64_t lanes) {
  float sums[LANES] = {0};
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t i = 0; i < lanes; i++) sums[i] += from[p * step + i];
  for (int64_t i = 0; i < lanes; i++) to[i] = sums[i] / (float)pixels;
}

/* The largest of the pixels and where it is: the first of equals, NaN above all. */
FLR_TARGET_CLONES static void max_of_pixels(float *restrict to, int32_t *restrict where, const float *restrict from,
                                            int64_t pixels, int64_t step, int64_t lanes) {
  float best[LANES];
  int32_t at[LANES] = {0};
  for (int64_t i = 0; i < lanes; i++) best[i] = from[i];
  for (int64_t p = 1; p < pixels; p++)
    for (int64_t i = 0; i < lanes; i++) {
      const float value = from[p * step + i];
      const int better = value > best[i] || (value != value && best[i] == best[i]);
      best[i] = better ? value : best[i];
      at[i] = better ? (int32_t)p : at[i];
    }
  for (int64_t i = 0; i < lanes; i++) to[i] = best[i];
  for (int64_t i = 0; where && i < lanes; i++) where[i] = at[i];
}

FLR_TARGET_CLONES static void spread_to_pixels(float *restrict to, const float *restrict from, int64_t pixels, int64_t block,
                                               int64_t valid) {
  for (int64_t p = 0; p < pixels; p++) {
    for (int64_t i = 0; i < valid; i++) to[p * block + i] = from[i] / (float)pixels;
    for (int64_t i = valid; i < block; i++) to[p * block + i] = 0.0F;
  }
}

static int64_t valid_channels(const global_op *a, int64_t group) {
  const int64_t left = a->c - group * a->block;
  return left < a->block ? left : a->block;
}

static int64_t row_width(const global_op *a) { return a->concat ? 2 * a->c : a->c; }

static void global_forward_body(void *context, int64_t begin, int64_t end) {
  const global_work *w = context;
  const global_op *a = w->op;
  for (int64_t i = begin; i < end; i++) {
    const int64_t group = i % a->groups, sample = i / a->groups, valid = valid_channels(a, group), first = group * a->block;
    float *row = w->to + sample * row_width(a), *means = row + (a->concat ? a->c : 0);
    for (int64_t c = 0; c < valid; c += LANES) {
      const float *from = w->from + i * a->pixels * a->block + c;
      const int64_t lanes = valid - c < LANES ? valid - c : LANES;
      int32_t *where = w->where ? w->where + sample * a->c + first + c : NULL;
      if (a->concat) max_of_pixels(row + first + c, where, from, a->pixels, a->block, lanes);
      mean_of_pixels(means + first + c, from, a->pixels, a->block, lanes);
    }
  }
}

static void global_backward_body(void *context, int64_t begin, int64_t end) {
  const global_work *w = context;
  const global_op *a = w->op;
  for (int64_t i = begin; i < end; i++) {
    const int64_t group = i % a->groups, sample = i / a->groups, valid = valid_channels(a, group), first = group * a->block;
    const float *row = w->from + sample * row_width(a) + first;
    float *to = w->to + i * a->pixels * a->block;
    spread_to_pixels(to, row + (a->concat ? a->c : 0), a->pixels, a->block, valid);
    const int32_t *where = a->concat ? w->where + sample * a->c + first : NULL;
    for (int64_t c = 0; where && c < valid; c++) to[where[c] * a->block + c] += row[c];
  }
}

static flr_status global_forward(flr_op *op, const flr_op_args *args) {
  global_op *a = (global_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  global_work work = {.op = a, .to = args->dst, .where = op->saved_bytes ? args->saved : NULL};
  FLR_TRY(flr_cpu_dense_in(cpu, &a->dense, args->src, args->scratch, &work.from));
  flr_cpu_parallel(cpu, a->n * a->groups, 1, global_forward_body, &work);
  return FLR_OK;
}

static flr_status global_backward(flr_op *op, const flr_op_args *args) {
  global_op *a = (global_op *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  if (!args->diff_src) return FLR_OK;
  global_work work = {a, args->diff_dst, flr_cpu_dense_target(&a->dense, args->diff_src, args->scratch), args->saved};
  flr_cpu_parallel(cpu, a->n * a->groups, 1, global_backward_body, &work);
  return flr_cpu_dense_back(cpu, &a->dense, args->scratch, args->diff_src);
}

static const flr_op_methods average_training = {"global_average_pool", global_forward, global_backward, global_destroy};
static const flr_op_methods average_inference = {"global_average_pool", global_forward, NULL, global_destroy};
static const flr_op_methods concat_training = {"global_concat_pool", global_forward, global_backward, global_destroy};
static const flr_op_methods concat_inference = {"global_concat_pool", global_forward, NULL, global_destroy};

/* A layout that the loops do not know is brought to dense first. */
static flr_status prepare_global(flr_cpu *cpu, global_op *a, const flr_tensor_desc *src) {
  FLR_TRY(flr_cpu_layout_block(&a->block, src));
  if (a->block == 0) {
    FLR_TRY(flr_cpu_dense_init(cpu, &a->dense, src));
    a->head.scratch_bytes = a->dense.scratch_bytes;
    a->block = src->shape.c;
  }
  a->groups = (src->shape.c + a->block - 1) / a->block;
  return FLR_OK;
}

static flr_status create(flr_backend *backend, flr_op **out, const flr_op_methods *methods, int concat,
                         const flr_tensor_desc *src) {
  global_op *a;
  FLR_TRY(flr_alloc(&a, 1, sizeof *a));
  const flr_shape s = src->shape;
  a->n = s.n;
  a->c = s.c;
  a->pixels = s.h * s.w;
  a->concat = concat;
  a->head = (flr_op){
      .methods = methods, .backend = backend, .dst = flr_tensor_desc_dense(FLR_F32, (flr_shape){s.n, 1, 1, row_width(a)})};
  const flr_status status = prepare_global(flr_cpu_of(backend), a, src);
  if (status != FLR_OK)
    global_destroy(&a->head);
  else
    *out = &a->head;
  return status;
}

flr_status flr_cpu_global_average_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  return create(backend, out, training ? &average_training : &average_inference, 0, src);
}

flr_status flr_cpu_global_concat_pool(flr_backend *backend, flr_op **out, int training, const flr_tensor_desc *src) {
  FLR_TRY(create(backend, out, training ? &concat_training : &concat_inference, 1, src));
  if (training) (*out)->saved_bytes = (size_t)(src->shape.n * src->shape.c) * sizeof(int32_t);
  return FLR_OK;
}
