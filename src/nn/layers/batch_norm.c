/* Batch norm, with ReLU fused behind it on request. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, int training, int need_diff_src,
                          const flr_tensor_desc *src, const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  (void)need_diff_src;
  flr_batch_norm_settings settings = node->settings.batch_norm;
  settings.training = training;
  return flr_backend_batch_norm(backend, out, &settings, src);
}

static const flr_layer batch_norm_layer = {.name = "batch_norm", .prepare = prepare};

int flr_build_batch_norm(flr_builder *b, const char *name, int src, int relu) {
  const flr_shape in = flr_build_shape(b, src);
  const flr_node node = {.layer = &batch_norm_layer,
                         .src = src,
                         .src2 = -1,
                         .weight = flr_build_param(b, name, "weight", FLR_PARAM_NORM_SCALE, FLR_INIT_CONSTANT, 0, 1, 1, &in.c),
                         .bias = flr_build_param(b, name, "bias", FLR_PARAM_NORM_SHIFT, FLR_INIT_CONSTANT, 0, 0, 1, &in.c),
                         .mean = flr_build_state(b, name, "running_mean", in.c, 0),
                         .var = flr_build_state(b, name, "running_var", in.c, 1),
                         .shape = in,
                         .settings.batch_norm = {.epsilon = 1e-5, .momentum = 0.1, .relu = relu}}; /* torch's BatchNorm2d */
  return flr_build_node(b, &node);
}
