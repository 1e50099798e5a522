/* Passes over flat buffers, number by number in double (the update's formulas: backend.h). */
#include <math.h>

#include "backend/ref/ref_impl.h"

static double gradient_at(const flr_update *u, const flr_update_range *range, int64_t i) {
  return (double)u->grad[i + range->grad_shift] / u->values->loss_scale;
}

static void sgd_one(const flr_update *u, int64_t i, double g, double lr, double decay) {
  double p = (double)u->param[i];
  if (!u->decoupled) g += decay * p;
  if (u->decoupled) p *= 1 - lr * decay;
  const double velocity = u->values->momentum * (double)u->slot0[i] + g;
  u->slot0[i] = (float)velocity;
  u->param[i] = (float)(p - lr * velocity);
}

static void adam_one(const flr_update *u, int64_t i, double g, double lr, double decay) {
  const double mom = u->values->momentum, sqr = u->sqr_mom, t = (double)u->values->update_count;
  double p = (double)u->param[i];
  if (!u->decoupled) g += decay * p;
  if (u->decoupled) p *= 1 - lr * decay;
  const double m = mom * (double)u->slot0[i] + (1 - mom) * g, v = sqr * (double)u->slot1[i] + (1 - sqr) * g * g;
  u->slot0[i] = (float)m;
  u->slot1[i] = (float)v;
  u->param[i] = (float)(p - lr / (1 - pow(mom, t)) * m / (sqrt(v / (1 - pow(sqr, t))) + u->eps));
}

/* Adam's step of element i by the moments as they are, without a rate. */
static double lamb_step(const flr_update *u, int64_t i) {
  const double t = (double)u->values->update_count, m = (double)u->slot0[i], v = (double)u->slot1[i];
  return m / (1 - pow(u->values->momentum, t)) / (sqrt(v / (1 - pow(u->sqr_mom, t))) + u->eps);
}

/* What stands between the moments and the parameters: a range's own factor. */
static void lamb_range(const flr_update *u, const flr_update_range *range, double clip) {
  const double lr = u->values->lr[range->group], mom = u->values->momentum, sqr = u->sqr_mom;
  const double keep = u->decoupled ? 1 - lr * range->decay : 1;
  const int64_t end = range->offset + range->count;
  double params = 0, steps = 0;
  for (int64_t i = range->offset; i < end; i++) {
    const double p = (double)u->param[i], g = clip * gradient_at(u, range, i) + (u->decoupled ? 0 : range->decay * p);
    u->slot0[i] = (float)(mom * (double)u->slot0[i] + (1 - mom) * g);
    u->slot1[i] = (float)(sqr * (double)u->slot1[i] + (1 - sqr) * g * g);
    params += pow(keep * p, 2);
    steps += pow(lamb_step(u, i), 2);
  }
  const double quotient = sqrt(params / steps), q = params == 0 || steps == 0 ? 1 : quotient > 10 ? 10 : quotient;
  for (int64_t i = range->offset; i < end; i++) u->param[i] = (float)(keep * (double)u->param[i] - lr * q * lamb_step(u, i));
}

/* Of the gradient without its scale. */
static double gradient_squares(const flr_update *u) {
  double sum = 0;
  for (int r = 0; r < u->range_count; r++)
    for (int64_t i = u->ranges[r].offset; i < u->ranges[r].offset + u->ranges[r].count; i++)
      sum += pow(gradient_at(u, &u->ranges[r], i), 2);
  return sum;
}

static double clip_factor(const flr_update *u) {
  return u->clip_norm > 0 && u->grad_sumsq ? fmin(1, u->clip_norm / (sqrt(*u->grad_sumsq) + 1e-6)) : 1;
}

flr_status ref_update(flr_backend *backend, const flr_update *u) {
  (void)backend;
  if (u->grad_sumsq) {
    *u->grad_sumsq = gradient_squares(u);
    if (u->skip_when_infinite && !isfinite(*u->grad_sumsq)) return FLR_OK;
  }
  const double clip = clip_factor(u);
  for (int r = 0; r < u->range_count; r++) {
    const flr_update_range *range = &u->ranges[r];
    const double lr = u->values->lr[range->group];
    if (u->kind == FLR_UPDATE_LAMB) {
      lamb_range(u, range, clip);
      continue;
    }
    for (int64_t i = range->offset; i < range->offset + range->count; i++) {
      const double g = clip * gradient_at(u, range, i);
      if (u->kind == FLR_UPDATE_SGD)
        sgd_one(u, i, g, lr, range->decay);
      else
        adam_one(u, i, g, lr, range->decay);
    }
  }
  return FLR_OK;
}

flr_status ref_sum_into(flr_backend *backend, const flr_tensor_desc *desc, const void *x, void *y) {
  return ref_axpy(backend, flr_shape_elements(desc->shape), 1, x, y);
}

flr_status ref_axpy(flr_backend *backend, int64_t n, double alpha, const float *x, float *y) {
  (void)backend;
  for (int64_t i = 0; i < n; i++) y[i] = (float)((double)y[i] + alpha * (double)x[i]);
  return FLR_OK;
}

flr_status ref_scale(flr_backend *backend, int64_t n, double alpha, float *x) {
  (void)backend;
  for (int64_t i = 0; i < n; i++) x[i] = (float)(alpha * (double)x[i]);
  return FLR_OK;
}

flr_status ref_sum_of_squares(flr_backend *backend, int64_t n, const float *x, double *out) {
  double sum = 0;
  (void)backend;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  *out = sum;
  return FLR_OK;
}
