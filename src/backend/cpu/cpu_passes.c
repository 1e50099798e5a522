/* Passes over flat buffers: optimizer updates, axpy, scale, sums. Cut into blocks whose size depends on the data alone, so that
   neither values nor sums depend on the number of threads. */
#include <math.h>

#include "backend/cpu/cpu_impl.h"

enum { SUM_LANES = 16 };

FLR_TARGET_CLONES static double block_sum_of_squares(const float *x, int64_t n) {
  double lanes[SUM_LANES] = {0};
  int64_t i = 0;
  for (; i + SUM_LANES <= n; i += SUM_LANES)
    for (int k = 0; k < SUM_LANES; k++) lanes[k] += (double)x[i + k] * (double)x[i + k];
  double sum = 0.0;
  for (int k = 0; k < SUM_LANES; k++) sum += lanes[k];
  for (; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}

/* --- optimizer --------------------------------------------------------------------------------------------------------------
 */

/* Numbers of one range, in the f32 the pass computes with. */
typedef struct update_numbers {
  float lr, momentum, keep, decay; /* keep: decoupled factor; decay: l2 */
  float scale;                     /* of the gradient */
  float sqr_mom, step, inverse_root, eps;
  float correction; /* lamb: 1 / (1 - mom^t), which is in step beside the rate and q */
} update_numbers;

FLR_TARGET_CLONES static void sgd_block(float *restrict p, float *restrict slot, const float *restrict g, int64_t n,
                                        const update_numbers *u) {
  const float lr = u->lr, momentum = u->momentum, keep = u->keep, decay = u->decay, scale = u->scale;
  for (int64_t i = 0; i < n; i++) {
    const float value = p[i] * keep, velocity = momentum * slot[i] + (scale * g[i] + decay * p[i]);
    slot[i] = velocity;
    p[i] = value - lr * velocity;
  }
}

FLR_TARGET_CLONES static void adam_block(float *restrict p, float *restrict m, float *restrict v, const float *restrict g,
                                         int64_t n, const update_numbers *u) {
  const float momentum = u->momentum, sqr_mom = u->sqr_mom, keep = u->keep, decay = u->decay, scale = u->scale;
  for (int64_t i = 0; i < n; i++) {
    const float value = p[i] * keep, gradient = scale * g[i] + decay * p[i];
    const float first = momentum * m[i] + (1.0F - momentum) * gradient;
    const float second = sqr_mom * v[i] + (1.0F - sqr_mom) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = value - u->step * first / (sqrtf(second) * u->inverse_root + u->eps);
  }
}

/* The moments; out: the sums of squares of the decayed parameters and of adam's steps. */
FLR_TARGET_CLONES static void lamb_moments(const float *restrict p, float *restrict m, float *restrict v,
                                           const float *restrict g, int64_t n, const update_numbers *u, double out[2]) {
  const float momentum = u->momentum, sqr_mom = u->sqr_mom, keep = u->keep, decay = u->decay, scale = u->scale;
  double params[SUM_LANES] = {0}, steps[SUM_LANES] = {0};
  for (int64_t start = 0; start < n; start += SUM_LANES) {
    const int64_t lanes = n - start < SUM_LANES ? n - start : SUM_LANES;
    for (int64_t k = 0; k < lanes; k++) {
      const int64_t i = start + k;
      const float value = p[i] * keep, gradient = scale * g[i] + decay * p[i];
      const float first = momentum * m[i] + (1.0F - momentum) * gradient;
      const float second = sqr_mom * v[i] + (1.0F - sqr_mom) * gradient * gradient;
      const float step = u->correction * first / (sqrtf(second) * u->inverse_root + u->eps);
      m[i] = first;
      v[i] = second;
      params[k] += (double)value * (double)value;
      steps[k] += (double)step * (double)step;
    }
  }
  out[0] = out[1] = 0.0;
  for (int k = 0; k < SUM_LANES; k++) {
    out[0] += params[k];
    out[1] += steps[k];
  }
}

FLR_TARGET_CLONES static void lamb_block(float *restrict p, const float *restrict m, const float *restrict v, int64_t n,
                                         const update_numbers *u) {
  const float keep = u->keep, rate = u->step;
  for (int64_t i = 0; i < n; i++) p[i] = p[i] * keep - rate * m[i] / (sqrtf(v[i]) * u->inverse_root + u->eps);
}

/* What the gradient is multiplied by. */
static double scale_of(const flr_update *u) {
  const double clip = u->clip_norm > 0 ? fmin(1, u->clip_norm / (sqrt(*u->grad_sumsq) + 1e-6)) : 1;
  return clip / u->values->loss_scale;
}

/* Of range r. (Lamb's q is that of the update before while the moments are made, which do not look at it.) */
static update_numbers numbers_of(const flr_update *u, int r) {
  const flr_update_range *range = &u->ranges[r];
  const flr_step_values *values = u->values;
  const double lr = values->lr[range->group], t = (double)values->update_count;
  const double correction = 1.0 / (1.0 - pow(values->momentum, t)), q = u->kind == FLR_UPDATE_LAMB ? u->sums[r] : 1.0;
  return (update_numbers){.lr = (float)lr,
                          .momentum = (float)values->momentum,
                          .keep = u->decoupled ? (float)(1.0 - lr * range->decay) : 1.0F,
                          .decay = u->decoupled ? 0.0F : (float)range->decay,
                          .scale = (float)scale_of(u),
                          .sqr_mom = (float)u->sqr_mom,
                          .step = (float)(lr * q * correction),
                          .correction = (float)correction,
                          .inverse_root = (float)(1.0 / sqrt(1.0 - pow(u->sqr_mom, t))),
                          .eps = (float)u->eps};
}

typedef enum update_pass { PASS_SQUARES, PASS_LAMB_MOMENTS, PASS_UPDATE } update_pass;

typedef struct update_work {
  const flr_update *update;
  update_pass pass;
  int64_t block;
  double *partial; /* a number per block, of lamb two */
} update_work;

/* A pass over block `index` of all, which begins at `offset` of the range. */
static void update_block(const update_work *w, const flr_update_range *range, const update_numbers *numbers, int64_t offset,
                         int64_t index) {
  const flr_update *u = w->update;
  const int64_t left = range->count - offset, n = left < w->block ? left : w->block, at = range->offset + offset;
  const float *grad = u->grad + at + range->grad_shift;
  if (w->pass == PASS_SQUARES)
    w->partial[index] = block_sum_of_squares(grad, n);
  else if (w->pass == PASS_LAMB_MOMENTS)
    lamb_moments(u->param + at, u->slot0 + at, u->slot1 + at, grad, n, numbers, &w->partial[2 * index]);
  else if (u->kind == FLR_UPDATE_SGD)
    sgd_block(u->param + at, u->slot0 + at, grad, n, numbers);
  else if (u->kind == FLR_UPDATE_LAMB)
    lamb_block(u->param + at, u->slot0 + at, u->slot1 + at, n, numbers);
  else
    adam_block(u->param + at, u->slot0 + at, u->slot1 + at, grad, n, numbers);
}

/* Blocks begin..end-1 of all ranges in a row. */
static void update_body(void *context, int64_t begin, int64_t end) {
  const update_work *w = context;
  const flr_update *u = w->update;
  int64_t first = 0;
  for (int r = 0; r < u->range_count && first < end; r++) {
    const flr_update_range *range = &u->ranges[r];
    const int64_t blocks = (range->count + w->block - 1) / w->block;
    if (first + blocks > begin) {
      const update_numbers numbers = numbers_of(u, r);
      for (int64_t b = begin > first ? begin - first : 0; b < blocks && first + b < end; b++)
        update_block(w, range, &numbers, b * w->block, first + b);
    }
    first += blocks;
  }
}

static int64_t count_blocks(const flr_update *u, int64_t block) {
  int64_t blocks = 0;
  for (int r = 0; r < u->range_count; r++) blocks += (u->ranges[r].count + block - 1) / block;
  return blocks;
}

static double sum_partial(const flr_cpu *cpu, int64_t blocks) {
  double sum = 0.0;
  for (int64_t i = 0; i < blocks; i++) sum += cpu->partial[i];
  return sum;
}

/* The first pass of lamb: moments, then q of each range from the sums of its blocks. */
static void prepare_lamb(const flr_cpu *cpu, const flr_update *u) {
  update_work work = {u, PASS_LAMB_MOMENTS, FLR_UPDATE_BLOCK, u->sums + u->range_count};
  flr_cpu_parallel(cpu, count_blocks(u, FLR_UPDATE_BLOCK), 1, update_body, &work);
  const double *block = work.partial;
  for (int r = 0; r < u->range_count; r++) {
    double params = 0.0, steps = 0.0;
    for (int64_t b = 0; b < flr_update_blocks(&u->ranges[r]); b++, block += 2) {
      params += block[0];
      steps += block[1];
    }
    const double q = sqrt(params / steps);
    u->sums[r] = params == 0.0 || steps == 0.0 ? 1.0 : q > 10.0 ? 10.0 : q;
  }
}

flr_status flr_cpu_update(flr_backend *backend, const flr_update *update) {
  flr_cpu *cpu = flr_cpu_of(backend);
  if (update->range_count > FLR_CPU_MAX_BLOCKS / 2)
    return flr_fail(FLR_ERROR_USAGE, "%d ranges in one update: at most %d", update->range_count, FLR_CPU_MAX_BLOCKS / 2);
  int64_t block = FLR_CPU_BLOCK;
  while (count_blocks(update, block) > FLR_CPU_MAX_BLOCKS) block *= 2;
  const int64_t blocks = count_blocks(update, block);
  if (update->grad_sumsq) {
    const double scale = update->values->loss_scale;
    update_work squares = {update, PASS_SQUARES, block, cpu->partial};
    flr_cpu_parallel(cpu, blocks, 1, update_body, &squares);
    *update->grad_sumsq = sum_partial(cpu, blocks) / (scale * scale);
    if (update->skip_when_infinite && !isfinite(*update->grad_sumsq)) return FLR_OK;
  }
  if (update->kind == FLR_UPDATE_LAMB) prepare_lamb(cpu, update);
  update_work work = {update, PASS_UPDATE, block, NULL};
  flr_cpu_parallel(cpu, blocks, 1, update_body, &work);
  return FLR_OK;
}

/* --- axpy, scale, sum of squares --------------------------------------------------------------------------------------------
 */

typedef struct flat_work {
  float alpha;
  const float *x;
  float *y;
  int64_t n, block;
  double *partial;
} flat_work;

FLR_TARGET_CLONES static void axpy_loop(float *restrict y, const float *restrict x, float alpha, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += alpha * x[i];
}

FLR_TARGET_CLONES static void scale_loop(float *y, float alpha, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] *= alpha;
}

static void axpy_body(void *context, int64_t begin, int64_t end) {
  const flat_work *w = context;
  axpy_loop(w->y + begin, w->x + begin, w->alpha, end - begin);
}

static void scale_body(void *context, int64_t begin, int64_t end) {
  const flat_work *w = context;
  scale_loop(w->y + begin, w->alpha, end - begin);
}

static void squares_body(void *context, int64_t begin, int64_t end) {
  const flat_work *w = context;
  for (int64_t b = begin; b < end; b++) {
    const int64_t at = b * w->block, left = w->n - at;
    w->partial[b] = block_sum_of_squares(w->x + at, left < w->block ? left : w->block);
  }
}

flr_status flr_cpu_axpy(flr_backend *backend, int64_t n, double alpha, const float *x, float *y) {
  flat_work work = {.alpha = (float)alpha, .x = x, .y = y};
  flr_cpu_parallel(flr_cpu_of(backend), n, FLR_CPU_BLOCK, axpy_body, &work);
  return FLR_OK;
}

flr_status flr_cpu_sum_into(flr_backend *backend, const flr_tensor_desc *desc, const void *x, void *y) {
  return flr_cpu_axpy(backend, (int64_t)(desc->bytes / sizeof(float)), 1, x, y);
}

flr_status flr_cpu_scale(flr_backend *backend, int64_t n, double alpha, float *x) {
  flat_work work = {.alpha = (float)alpha, .y = x};
  flr_cpu_parallel(flr_cpu_of(backend), n, FLR_CPU_BLOCK, scale_body, &work);
  return FLR_OK;
}

flr_status flr_cpu_sum_of_squares(flr_backend *backend, int64_t n, const float *x, double *out) {
  flr_cpu *cpu = flr_cpu_of(backend);
  int64_t block = FLR_CPU_BLOCK;
  while (n / block >= FLR_CPU_MAX_BLOCKS) block *= 2;
  const int64_t blocks = (n + block - 1) / block;
  flat_work work = {.x = x, .n = n, .block = block, .partial = cpu->partial};
  flr_cpu_parallel(cpu, blocks, 1, squares_body, &work);
  *out = sum_partial(cpu, blocks);
  return FLR_OK;
}
