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
  const int64_t channels = flr_build_shape(b, src).c;
  flr_node node = flr_build_start(b, &batch_norm_layer, src);
  node.weight = flr_build_param(b, name, "weight", FLR_PARAM_NORM_SCALE, FLR_INIT_CONSTANT, 0, 1, 1, &channels);
  node.bias = flr_build_param(b, name, "bias", FLR_PARAM_NORM_SHIFT, FLR_INIT_CONSTANT, 0, 0, 1, &channels);
  node.mean = flr_build_state(b, name, "running_mean", channels, 0);
  node.var = flr_build_state(b, name, "running_var", channels, 1);
  node.settings.batch_norm =
      (flr_batch_norm_settings){.epsilon = 1e-5, .momentum = 0.1, .relu = relu}; /* torch's BatchNorm2d */
  return flr_build_node(b, &node);
}
