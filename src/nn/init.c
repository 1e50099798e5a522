/* Starting values: torch's distributions from our own random numbers. */
#include <math.h>

#include "core/rng.h"
#include "nn/param.h"

/* Element `index` in file order. */
static float initial_value(const flr_param *param, uint64_t key, int64_t index) {
  const double fan = (double)param->fan;
  switch (param->init) {
    case FLR_INIT_UNIFORM_FAN_IN: return (float)((2.0 * (double)flr_rng_uniform(key, (uint64_t)index) - 1.0) / sqrt(fan));
    case FLR_INIT_KAIMING_FAN_OUT:
    case FLR_INIT_KAIMING_FAN_IN: return (float)(sqrt(2.0 / fan) * flr_rng_normal(key, (uint64_t)index));
    case FLR_INIT_CONSTANT: break;
  }
  return (float)param->constant;
}

static void init_param(const flr_param *param, uint64_t key, float *values) {
  if (param->kind != FLR_PARAM_CONV_WEIGHT) {
    for (int64_t i = 0; i < param->count; i++) values[i] = initial_value(param, key, i);
    return;
  }
  const int64_t area = param->dims[1] * param->dims[2], inputs = param->dims[3];
  for (int64_t i = 0; i < param->count; i++) {
    const int64_t out = i / (inputs * area), in = i / area % inputs, place = i % area;
    values[(out * area + place) * inputs + in] = initial_value(param, key, i);
  }
}

void flr_params_init(const flr_params *params, uint64_t seed, float *values, float *states) {
  for (int64_t i = 0; i < params->elements; i++) values[i] = 0;
  for (int64_t i = 0; i < params->state_elements; i++) states[i] = 0;
  for (int i = 0; i < params->param_count; i++)
    init_param(&params->params[i], flr_rng_key(seed, FLR_STREAM_INIT, (uint64_t)i), values + params->params[i].offset);
  for (int i = 0; i < params->state_count; i++)
    for (int64_t e = 0; e < params->states[i].count; e++)
      states[params->states[i].offset + e] = (float)params->states[i].initial;
}
