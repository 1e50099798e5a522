/* Looking parameters up, and moving them between memory order and file order. */
#include "nn/param.h"

#include <string.h>

int flr_params_find(const flr_params *params, const char *name) {
  for (int i = 0; i < params->param_count; i++)
    if (strcmp(params->params[i].name, name) == 0) return i;
  return -1;
}

int flr_params_find_state(const flr_params *params, const char *name) {
  for (int i = 0; i < params->state_count; i++)
    if (strcmp(params->states[i].name, name) == 0) return i;
  return -1;
}

static int is_norm(const flr_param *param) {
  return param->kind == FLR_PARAM_NORM_SCALE || param->kind == FLR_PARAM_NORM_SHIFT;
}

void flr_params_freeze(flr_params *params, int groups, int train_norms) {
  params->grad_elements = params->trained = 0;
  for (int i = 0; i < params->param_count; i++) {
    flr_param *param = &params->params[i];
    param->frozen = param->group < groups && !(train_norms && is_norm(param));
    param->grad_shift = params->grad_elements - param->offset;
    if (param->frozen) continue;
    params->grad_elements = flr_param_aligned(params->grad_elements + param->count);
    params->trained += param->count;
  }
}

int flr_param_file_shape(const flr_param *param, int64_t dims[4]) {
  for (int i = 0; i < param->rank; i++) dims[i] = param->dims[i];
  if (param->kind == FLR_PARAM_CONV_WEIGHT) {
    dims[1] = param->dims[3];
    dims[2] = param->dims[1];
    dims[3] = param->dims[2];
  }
  return param->rank;
}

/* Calls for each element of a conv weight: its index in files [o, i, h, w] and in memory [o, h, w, i]. */
#define FOR_CONV_ELEMENTS(param, in_file, in_memory)                                                                   \
  for (int64_t o_ = 0, in_file = 0, in_memory; o_ < (param)->dims[0]; o_++)                                            \
    for (int64_t i_ = 0; i_ < (param)->dims[3]; i_++)                                                                  \
      for (int64_t hw_ = 0; hw_ < (param)->dims[1] * (param)->dims[2] &&                                               \
                            (in_memory = (o_ * (param)->dims[1] * (param)->dims[2] + hw_) * (param)->dims[3] + i_, 1); \
           hw_++, in_file++)

int flr_param_is_in_file_order(const flr_param *param) {
  return param->kind != FLR_PARAM_CONV_WEIGHT || param->dims[1] * param->dims[2] == 1 || param->dims[3] == 1;
}

void flr_param_to_file(const flr_param *param, float *file, const float *memory) {
  if (flr_param_is_in_file_order(param)) {
    memcpy(file, memory, (size_t)param->count * sizeof(float));
    return;
  }
  FOR_CONV_ELEMENTS(param, to, from) file[to] = memory[from];
}

void flr_param_from_file(const flr_param *param, float *memory, const float *file) {
  if (flr_param_is_in_file_order(param)) {
    memcpy(memory, file, (size_t)param->count * sizeof(float));
    return;
  }
  FOR_CONV_ELEMENTS(param, from, to) memory[to] = file[from];
}
