/* From a layer's settings to the problem that a library solves. */
#include "backend/cuda/cuda_plans.h"

cuda_conv_problem cuda_conv_problem_of(cuda_conv_pass pass, const flr_conv2d_settings *settings, flr_dtype dtype, flr_shape src,
                                       int deterministic) {
  const flr_shape dst = {src.n, (src.h + 2 * settings->pad - settings->kernel_h) / settings->stride + 1,
                         (src.w + 2 * settings->pad - settings->kernel_w) / settings->stride + 1, settings->out_channels};
  return (cuda_conv_problem){.pass = pass,
                             .dtype = dtype,
                             .x = src,
                             .y = dst,
                             .kernel_h = settings->kernel_h,
                             .kernel_w = settings->kernel_w,
                             .stride = settings->stride,
                             .pad = settings->pad,
                             .deterministic = deterministic};
}
