/* Batch norm, with a residual addition and ReLU fused behind it on request. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2, flr_op **out) {
  flr_batch_norm_settings settings = node->settings.batch_norm;
  settings.training = use->mode != FLR_MODE_EVALUATE && !node->hold;
  settings.shared = settings.training && use->shared;
  return flr_backend_batch_norm(backend, out, &settings, src, src2);
}

static const flr_layer batch_norm_layer = {.name = "batch_norm", .prepare = prepare};

flr_node flr_build_batch_norm_start(flr_builder *b, const char *name, int src) {
  const int64_t channels = flr_build_shape(b, src).c;
  flr_node node = flr_build_start(b, &batch_norm_layer, src);
  node.weight = flr_build_param(b, name, "weight", FLR_PARAM_NORM_SCALE, FLR_INIT_CONSTANT, 0, 1, 1, &channels);
  node.bias = flr_build_param(b, name, "bias", FLR_PARAM_NORM_SHIFT, FLR_INIT_CONSTANT, 0, b->norm_shift, 1, &channels);
  node.mean = flr_build_state(b, name, "running_mean", channels, 0);
  node.var = flr_build_state(b, name, "running_var", channels, 1);
  node.settings.batch_norm = (flr_batch_norm_settings){.epsilon = 1e-5, .momentum = 0.1}; /* torch's BatchNorm2d */
  return node;
}

int flr_build_batch_norm_add(flr_builder *b, flr_node node, int src2, int relu) {
  node.src2 = src2;
  node.settings.batch_norm.add = 1;
  node.settings.batch_norm.relu = relu;
  return flr_build_node(b, &node);
}

int flr_build_batch_norm(flr_builder *b, const char *name, int src, int relu) {
  flr_node node = flr_build_batch_norm_start(b, name, src);
  node.settings.batch_norm.relu = relu;
  return flr_build_node(b, &node);
}
