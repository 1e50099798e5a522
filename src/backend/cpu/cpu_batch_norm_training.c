/* Batch norm in training, of a batch or of several parts of one: own loops, as fast as the library's and with sums in double.
   In single precision the statistics are off by some 1e-6, which in a small network turns ReLUs over. */
#include <math.h>

#include "backend/cpu/cpu_impl.h"
#include "core/memory.h"

enum { LANES = 16, MAX_PIECES = 64 };

typedef struct training_norm {
  flr_op head;
  flr_batch_norm_settings settings;
  int64_t n, c, pixels, block, groups; /* memory is [n, groups, pixels, block] */
  int64_t padded;                      /* groups * block channels */
  int64_t numbers;                     /* that it shares */
  int64_t pieces;                      /* of the samples, whose sums are added in order */
  int relu;                            /* done here, not by the addition */
  flr_cpu_reorder in, back;            /* of a layout that the loops do not know: src is kept dense, dst is dense */
  int foreign;
  size_t dense_offset;         /* of that copy in saved memory */
  size_t reorder_offset;       /* of what a reorder needs, in scratch */
  flr_op *add;                 /* the addition behind it, NULL: none */
  size_t add_scratch, between; /* in scratch: the addition's, and what it reads where it cannot work in place */
  size_t own_numbers;          /* in scratch, of an op that shares nothing */
} training_norm;

/* What lives from forward to backward: y = (x - center) * gain + shift per channel, padded with zeros. */
typedef struct saved_numbers {
  double *mean, *inverse;
  float *center, *gain, *shift;
} saved_numbers;

static saved_numbers saved_of(const training_norm *b, void *memory) {
  double *wide = memory;
  float *narrow = (float *)(void *)(wide + 2 * b->padded);
  return (saved_numbers){wide, wide + b->padded, narrow, narrow + b->padded, narrow + 2 * b->padded};
}

static size_t saved_bytes(const training_norm *b) {
  return flr_align_up((size_t)b->padded * (2 * sizeof(double) + 3 * sizeof(float)));
}

static void norm_destroy(flr_op *op) {
  training_norm *b = (training_norm *)op;
  flr_cpu_reorder_clear(&b->in);
  flr_cpu_reorder_clear(&b->back);
  flr_op_destroy(b->add);
  flr_free(b);
}

/* ---- loops over the pixels of up to LANES neighbouring channels; inlined with a constant for a full run ---- */

typedef struct channels {
  const float *center, *gain, *shift; /* of the first of them */
} channels;

#define LANES_LOOP static inline __attribute__((always_inline)) void

/* Copies that the compiler can keep in registers. */
LANES_LOOP load(float to[LANES], const float *from, int64_t lanes) {
  for (int64_t i = 0; i < lanes; i++) to[i] = from[i];
}

LANES_LOOP sum_lanes(double *restrict sums, const float *restrict x, int64_t pixels, int64_t step, int64_t squares,
                     int64_t lanes) {
  double plain[LANES] = {0}, square[LANES] = {0};
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t i = 0; i < lanes; i++) {
      const double value = (double)x[p * step + i];
      plain[i] += value;
      square[i] += value * value;
    }
  for (int64_t i = 0; i < lanes; i++) sums[i] += plain[i];
  for (int64_t i = 0; i < lanes; i++) sums[squares + i] += square[i];
}

FLR_TARGET_CLONES static void sum_pixels(double *sums, const float *x, int64_t pixels, int64_t step, int64_t squares,
                                         int64_t lanes) {
  if (lanes == LANES)
    sum_lanes(sums, x, pixels, step, squares, LANES);
  else
    sum_lanes(sums, x, pixels, step, squares, lanes);
}

LANES_LOOP apply_lanes(float *restrict y, const float *restrict x, int64_t pixels, int64_t step, channels c, int relu,
                       int64_t lanes) {
  float center[LANES], gain[LANES], shift[LANES];
  load(center, c.center, lanes);
  load(gain, c.gain, lanes);
  load(shift, c.shift, lanes);
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t i = 0; i < lanes; i++) {
      const float value = (x[p * step + i] - center[i]) * gain[i] + shift[i];
      y[p * step + i] = relu && value < 0.0F ? 0.0F : value;
    }
}

FLR_TARGET_CLONES static void apply_pixels(float *y, const float *x, int64_t pixels, int64_t step, channels c, int relu,
                                           int64_t lanes) {
  if (lanes == LANES && relu)
    apply_lanes(y, x, pixels, step, c, 1, LANES);
  else if (lanes == LANES)
    apply_lanes(y, x, pixels, step, c, 0, LANES);
  else
    apply_lanes(y, x, pixels, step, c, relu, lanes);
}

/* g is masked by the sign of y, where there is one, and stays so. */
LANES_LOOP sum_gradient_lanes(double *restrict sums, float *restrict g, const float *restrict x, const float *restrict y,
                              int64_t pixels, int64_t step, const float *from, int64_t products, int64_t lanes) {
  double plain[LANES] = {0}, product[LANES] = {0};
  float center[LANES], value[LANES];
  load(center, from, lanes);
  for (int64_t at = 0; at < pixels * step; at += step) {
    for (int64_t i = 0; i < lanes; i++) value[i] = g[at + i];
    for (int64_t i = 0; y && i < lanes; i++) value[i] = y[at + i] > 0.0F ? value[i] : 0.0F;
    for (int64_t i = 0; y && i < lanes; i++) g[at + i] = value[i];
    for (int64_t i = 0; i < lanes; i++) plain[i] += (double)value[i];
    for (int64_t i = 0; i < lanes; i++) product[i] += (double)value[i] * (double)(x[at + i] - center[i]);
  }
  for (int64_t i = 0; i < lanes; i++) sums[i] += plain[i];
  for (int64_t i = 0; i < lanes; i++) sums[products + i] += product[i];
}

FLR_TARGET_CLONES static void sum_gradient_pixels(double *sums, float *g, const float *x, const float *y, int64_t pixels,
                                                  int64_t step, const float *center, int64_t products, int64_t lanes) {
  if (lanes == LANES && y)
    sum_gradient_lanes(sums, g, x, y, pixels, step, center, products, LANES);
  else if (lanes == LANES)
    sum_gradient_lanes(sums, g, x, NULL, pixels, step, center, products, LANES);
  else
    sum_gradient_lanes(sums, g, x, y, pixels, step, center, products, lanes);
}

/* to may be g. */
LANES_LOOP gradient_lanes(float *to, const float *g, const float *x, int64_t pixels, int64_t step, channels c,
                          const float *slopes, const float *offsets, int64_t lanes) {
  float center[LANES], gain[LANES], slope[LANES], offset[LANES], out[LANES];
  load(center, c.center, lanes);
  load(gain, c.gain, lanes);
  load(slope, slopes, lanes);
  load(offset, offsets, lanes);
  for (int64_t at = 0; at < pixels * step; at += step) {
    for (int64_t i = 0; i < lanes; i++) out[i] = gain[i] * (g[at + i] - (slope[i] * (x[at + i] - center[i]) + offset[i]));
    for (int64_t i = 0; i < lanes; i++) to[at + i] = out[i];
  }
}

FLR_TARGET_CLONES static void gradient_pixels(float *to, const float *g, const float *x, int64_t pixels, int64_t step,
                                              channels c, const float *slope, const float *offset, int64_t lanes) {
  if (lanes == LANES)
    gradient_lanes(to, g, x, pixels, step, c, slope, offset, LANES);
  else
    gradient_lanes(to, g, x, pixels, step, c, slope, offset, lanes);
}

/* ---- passes ---- */

typedef struct norm_work {
  const training_norm *op;
  channels per_channel;
  const float *slope, *offset; /* of diff_src */
  const float *x, *y;
  float *g, *to;
  double *partial; /* [pieces, 2, padded] */
  int relu;
} norm_work;

static channels channels_at(const channels *all, int64_t first) {
  return (channels){all->center + first, all->gain + first, all->shift + first};
}

typedef void (*lanes_pass)(const norm_work *w, double *sums, int64_t at, int64_t channel, int64_t lanes);

/* Calls the pass on each sample and run of channels among the samples begin .. end - 1. */
static void over_samples(const norm_work *w, double *sums, int64_t begin, int64_t end, lanes_pass pass) {
  const training_norm *b = w->op;
  for (int64_t i = begin * b->groups; i < end * b->groups; i++)
    for (int64_t c = 0; c < b->block; c += LANES) {
      const int64_t left = b->block - c, at = i * b->pixels * b->block + c;
      pass(w, sums, at, i % b->groups * b->block + c, left < LANES ? left : LANES);
    }
}

static void sum_pass(const norm_work *w, double *sums, int64_t at, int64_t channel, int64_t lanes) {
  sum_pixels(sums + channel, w->x + at, w->op->pixels, w->op->block, w->op->padded, lanes);
}

static void sum_gradient_pass(const norm_work *w, double *sums, int64_t at, int64_t channel, int64_t lanes) {
  sum_gradient_pixels(sums + channel, w->g + at, w->x + at, w->y ? w->y + at : NULL, w->op->pixels, w->op->block,
                      w->per_channel.center + channel, w->op->padded, lanes);
}

static void apply_pass(const norm_work *w, double *sums, int64_t at, int64_t channel, int64_t lanes) {
  (void)sums;
  apply_pixels(w->to + at, w->x + at, w->op->pixels, w->op->block, channels_at(&w->per_channel, channel), w->relu, lanes);
}

static void gradient_pass(const norm_work *w, double *sums, int64_t at, int64_t channel, int64_t lanes) {
  (void)sums;
  gradient_pixels(w->to + at, w->g + at, w->x + at, w->op->pixels, w->op->block, channels_at(&w->per_channel, channel),
                  w->slope + channel, w->offset + channel, lanes);
}

static void sum_pieces(norm_work *w, int64_t begin, int64_t end, lanes_pass pass) {
  const training_norm *b = w->op;
  for (int64_t piece = begin; piece < end; piece++) {
    double *sums = w->partial + piece * 2 * b->padded;
    for (int64_t i = 0; i < 2 * b->padded; i++) sums[i] = 0;
    over_samples(w, sums, b->n * piece / b->pieces, b->n * (piece + 1) / b->pieces, pass);
  }
}

static void sum_body(void *context, int64_t begin, int64_t end) { sum_pieces(context, begin, end, sum_pass); }
static void sum_gradient_body(void *context, int64_t begin, int64_t end) { sum_pieces(context, begin, end, sum_gradient_pass); }
static void apply_body(void *context, int64_t begin, int64_t end) { over_samples(context, NULL, begin, end, apply_pass); }
static void gradient_body(void *context, int64_t begin, int64_t end) { over_samples(context, NULL, begin, end, gradient_pass); }

/* The pieces' sums of a channel, in their order. */
static double piece_sum(const norm_work *w, int64_t which, int64_t c) {
  double sum = 0;
  for (int64_t piece = 0; piece < w->op->pieces; piece++) sum += w->partial[(2 * piece + which) * w->op->padded + c];
  return sum;
}

/* ---- forward ---- */

static const float *dense_src(const training_norm *b, const flr_op_args *args) {
  return b->foreign ? (const float *)(const void *)((const char *)args->saved + b->dense_offset) : args->src;
}

static flr_status measure(flr_op *op, const flr_op_args *args) {
  training_norm *b = (training_norm *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  if (b->foreign)
    FLR_TRY(flr_cpu_reorder_run(cpu, &b->in, args->src, (char *)args->saved + b->dense_offset,
                                (char *)args->scratch + b->reorder_offset));
  norm_work work = {.op = b, .x = dense_src(b, args), .partial = args->scratch};
  flr_cpu_parallel(cpu, b->pieces, 1, sum_body, &work);
  args->shared[0] += (double)(b->n * b->pixels);
  for (int64_t c = 0; c < b->c; c++) args->shared[1 + c] += piece_sum(&work, 0, c);
  for (int64_t c = 0; c < b->c; c++) args->shared[1 + b->c + c] += piece_sum(&work, 1, c);
  return FLR_OK;
}

/* Sums of squares in double lose nothing that f32 had. */
static double variance_of(const flr_op *op, const flr_op_args *args, double count, double mean, int64_t c) {
  const double variance = flr_op_shared_sum(op, args, 1 + op->dst.shape.c + c) / count - mean * mean;
  return variance < 0 ? 0 : variance;
}

static void finish_statistics(const training_norm *b, const flr_op_args *args, saved_numbers saved) {
  const double count = flr_op_shared_sum(&b->head, args, 0);
  for (int64_t c = 0; c < b->padded; c++) {
    saved.mean[c] = saved.inverse[c] = 0;
    saved.center[c] = saved.gain[c] = saved.shift[c] = 0.0F;
    if (c >= b->c) continue;
    const double mean = flr_op_shared_sum(&b->head, args, 1 + c) / count;
    const double inverse = 1 / sqrt(variance_of(&b->head, args, count, mean, c) + b->settings.epsilon);
    const double gain = (double)args->weight[c] * inverse;
    saved.mean[c] = mean;
    saved.inverse[c] = inverse;
    saved.center[c] = (float)mean;
    saved.gain[c] = (float)gain;
    saved.shift[c] = (float)((double)args->bias[c] + gain * ((double)saved.center[c] - mean));
  }
}

static flr_status adopt(flr_op *op, const flr_op_args *args) {
  const training_norm *b = (const training_norm *)op;
  const double m = b->settings.momentum, count = flr_op_shared_sum(op, args, 0);
  const double unbias = count > 1 ? count / (count - 1) : 1;
  for (int64_t c = 0; c < b->c; c++) {
    const double mean = flr_op_shared_sum(op, args, 1 + c) / count;
    args->running_mean[c] = (float)((1 - m) * (double)args->running_mean[c] + m * mean);
    args->running_var[c] = (float)((1 - m) * (double)args->running_var[c] + m * unbias * variance_of(op, args, count, mean, c));
  }
  return FLR_OK;
}

/* Where the normalised values, or their gradient, lie between norm and addition. */
static void *between(const training_norm *b, void *outer, void *scratch) {
  return !b->add || b->add->in_place ? outer : (char *)scratch + b->between;
}

static flr_status forward(flr_op *op, const flr_op_args *args) {
  training_norm *b = (training_norm *)op;
  const saved_numbers saved = saved_of(b, args->saved);
  norm_work work = {.op = b,
                    .per_channel = {.center = saved.center, .gain = saved.gain, .shift = saved.shift},
                    .x = dense_src(b, args),
                    .to = between(b, args->dst, args->scratch),
                    .relu = b->relu};
  finish_statistics(b, args, saved);
  flr_cpu_parallel(flr_cpu_of(op->backend), b->n, 1, apply_body, &work);
  if (!b->add) return FLR_OK;
  const flr_op_args add = {
      .src = work.to, .src2 = args->src2, .dst = args->dst, .scratch = (char *)args->scratch + b->add_scratch};
  return flr_op_forward(b->add, &add);
}

/* ---- backward ---- */

static void put(float *to, int64_t c, double value, int accumulate) {
  if (to) to[c] = accumulate ? to[c] + (float)value : (float)value;
}

static flr_status undo_add(const training_norm *b, const flr_op_args *args) {
  const flr_op_args add = {.dst = args->dst,
                           .diff_dst = args->diff_dst,
                           .diff_src = between(b, args->diff_dst, args->scratch),
                           .diff_src2 = args->diff_src2,
                           .scratch = (char *)args->scratch + b->add_scratch};
  return flr_op_backward(b->add, &add);
}

static flr_status measure_backward(flr_op *op, const flr_op_args *args) {
  training_norm *b = (training_norm *)op;
  const saved_numbers saved = saved_of(b, args->saved);
  if (b->add) FLR_TRY(undo_add(b, args));
  norm_work work = {.op = b,
                    .per_channel = {.center = saved.center, .gain = saved.gain, .shift = saved.shift},
                    .x = dense_src(b, args),
                    .y = b->relu ? args->dst : NULL,
                    .g = between(b, args->diff_dst, args->scratch),
                    .partial = args->scratch};
  flr_cpu_parallel(flr_cpu_of(op->backend), b->pieces, 1, sum_gradient_body, &work);
  args->shared[0] += (double)(b->n * b->pixels);
  for (int64_t c = 0; c < b->c; c++) {
    const double sum = piece_sum(&work, 0, c), rest = saved.mean[c] - (double)saved.center[c];
    const double normalised = saved.inverse[c] * (piece_sum(&work, 1, c) - rest * sum);
    args->shared[1 + c] += sum;
    args->shared[1 + b->c + c] += normalised;
    put(args->diff_weight, c, normalised, args->accumulate);
    put(args->diff_bias, c, sum, args->accumulate);
  }
  return FLR_OK;
}

/* diff_src = gain (g - (slope (x - center) + offset)). */
static void finish_gradients(const training_norm *b, const flr_op_args *args, saved_numbers saved, float *slope,
                             float *offset) {
  const double count = flr_op_shared_sum(&b->head, args, 0);
  for (int64_t c = 0; c < b->padded; c++) {
    slope[c] = offset[c] = 0.0F;
    if (c >= b->c) continue;
    const double steep = saved.inverse[c] * flr_op_shared_sum(&b->head, args, 1 + b->c + c) / count;
    const double rest = saved.mean[c] - (double)saved.center[c];
    slope[c] = (float)steep;
    offset[c] = (float)(flr_op_shared_sum(&b->head, args, 1 + c) / count - steep * rest);
  }
}

static flr_status backward(flr_op *op, const flr_op_args *args) {
  training_norm *b = (training_norm *)op;
  flr_cpu *cpu = flr_cpu_of(op->backend);
  const saved_numbers saved = saved_of(b, args->saved);
  float *slope = args->scratch, *offset = slope + b->padded, *g = between(b, args->diff_dst, args->scratch);
  if (!args->diff_src) return FLR_OK;
  finish_gradients(b, args, saved, slope, offset);
  norm_work work = {.op = b,
                    .per_channel = {.center = saved.center, .gain = saved.gain, .shift = saved.shift},
                    .slope = slope,
                    .offset = offset,
                    .x = dense_src(b, args),
                    .g = g,
                    .to = b->foreign ? g : args->diff_src};
  flr_cpu_parallel(cpu, b->n, 1, gradient_body, &work);
  if (!b->foreign) return FLR_OK;
  return flr_cpu_reorder_run(cpu, &b->back, g, args->diff_src, (char *)args->scratch + b->reorder_offset);
}

/* ---- preparation ---- */

/* A batch in one part. */
static flr_op_args alone(const training_norm *b, const flr_op_args *args) {
  flr_op_args out = *args;
  out.shared = (double *)(void *)((char *)args->scratch + b->own_numbers);
  out.shared_parts = 1;
  for (int64_t i = 0; i < b->numbers; i++) out.shared[i] = 0;
  return out;
}

static flr_status forward_alone(flr_op *op, const flr_op_args *args) {
  const flr_op_args own = alone((training_norm *)op, args);
  FLR_TRY(measure(op, &own));
  if (args->running_mean) FLR_TRY(adopt(op, &own));
  return forward(op, &own);
}

static flr_status backward_alone(flr_op *op, const flr_op_args *args) {
  const flr_op_args own = alone((training_norm *)op, args);
  FLR_TRY(measure_backward(op, &own));
  return backward(op, &own);
}

static const flr_op_methods methods = {"batch_norm", forward, backward, norm_destroy};
static const flr_op_methods methods_alone = {"batch_norm", forward_alone, backward_alone, norm_destroy};
static const flr_op_sharing sharing = {measure, measure_backward, adopt};

static flr_status prepare_foreign(flr_cpu *cpu, training_norm *b, const flr_tensor_desc *src) {
  const flr_layout *theirs, *dense;
  b->foreign = 1;
  b->block = b->c;
  b->head.dst = flr_tensor_desc_dense(FLR_F32, src->shape);
  FLR_TRY(flr_cpu_layout_of(cpu, &theirs, src));
  FLR_TRY(flr_cpu_layout_of(cpu, &dense, &b->head.dst));
  FLR_TRY(flr_cpu_reorder_init(cpu, &b->in, theirs, dense, 0));
  return flr_cpu_reorder_init(cpu, &b->back, dense, theirs, 0);
}

/* In scratch lie the pieces' sums or two numbers a channel, and behind these what a reorder needs. */
static void place_memory(training_norm *b) {
  const size_t sums = (size_t)(b->pieces * 2 * b->padded) * sizeof(double);
  const size_t reorder = b->foreign ? b->in.primitive.scratch_bytes + b->back.primitive.scratch_bytes : 0;
  b->dense_offset = saved_bytes(b);
  b->reorder_offset = flr_align_up(sums);
  b->head.saved_bytes = b->dense_offset + (b->foreign ? b->head.dst.bytes : 0);
  b->head.scratch_bytes = b->reorder_offset + flr_align_up(reorder);
  b->head.backward_needs = (b->foreign ? 0U : FLR_NEEDS_SRC) | (b->relu ? FLR_NEEDS_DST : 0U);
}

static flr_status prepare_add(training_norm *b, const flr_tensor_desc *src2) {
  const flr_add_settings add = {.relu = b->settings.relu, .training = 1};
  const flr_tensor_desc inner = b->head.dst;
  FLR_TRY(flr_cpu_add(b->head.backend, &b->add, &add, &inner, src2));
  b->head.dst = b->add->dst;
  b->head.backward_needs |= b->add->backward_needs;
  b->add_scratch = flr_align_up(b->head.scratch_bytes);
  b->between = b->add_scratch + flr_align_up(b->add->scratch_bytes);
  b->head.scratch_bytes = b->between + (b->add->in_place ? 0 : inner.bytes);
  return FLR_OK;
}

static flr_status prepare(flr_cpu *cpu, training_norm *b, const flr_tensor_desc *src, const flr_tensor_desc *src2) {
  b->head.dst = *src;
  FLR_TRY(flr_cpu_layout_block(&b->block, src));
  if (b->block == 0) FLR_TRY(prepare_foreign(cpu, b, src));
  b->groups = (b->c + b->block - 1) / b->block;
  b->padded = b->groups * b->block;
  place_memory(b);
  if (b->settings.add) FLR_TRY(prepare_add(b, src2));
  b->own_numbers = flr_align_up(b->head.scratch_bytes);
  if (!b->settings.shared) b->head.scratch_bytes = b->own_numbers + (size_t)b->numbers * sizeof(double);
  return FLR_OK;
}

flr_status flr_cpu_batch_norm_training(flr_backend *backend, flr_op **out, const flr_batch_norm_settings *settings,
                                       const flr_tensor_desc *src, const flr_tensor_desc *src2) {
  training_norm *b;
  const flr_shape s = src->shape;
  FLR_TRY(flr_alloc(&b, 1, sizeof *b));
  b->numbers = 1 + 2 * s.c;
  b->head = (flr_op){.methods = settings->shared ? &methods : &methods_alone, .backend = backend};
  b->head.sharing = settings->shared ? &sharing : NULL;
  b->head.shared_count = settings->shared ? b->numbers : 0;
  b->settings = *settings;
  b->n = s.n;
  b->c = s.c;
  b->pixels = s.h * s.w;
  b->pieces = s.n < MAX_PIECES ? s.n : MAX_PIECES;
  b->relu = settings->relu && !settings->add;
  const flr_status status = prepare(flr_cpu_of(backend), b, src, src2);
  if (status != FLR_OK)
    norm_destroy(&b->head);
  else
    *out = &b->head;
  return status;
}
