/* Linear layer with or without bias and, on request, ReLU. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  flr_linear_settings settings = node->settings.linear;
  settings.training = use->mode == FLR_MODE_TRAIN;
  settings.need_diff_src = use->need_diff_src;
  settings.frozen = use->frozen;
  return flr_backend_linear(backend, out, &settings, src);
}

static const flr_layer linear_layer = {.name = "linear", .prepare = prepare};

static int build(flr_builder *b, const char *name, int src, int64_t features, int bias, int relu) {
  const flr_shape in = flr_build_shape(b, src);
  const int64_t inputs = in.h * in.w * in.c, dims[] = {features, inputs};
  flr_node node = flr_build_start(b, &linear_layer, src);
  node.weight = flr_build_param(b, name, "weight", FLR_PARAM_LINEAR_WEIGHT, b->linear_init, inputs, 0, 2, dims);
  if (bias) node.bias = flr_build_param(b, name, "bias", FLR_PARAM_BIAS, FLR_INIT_UNIFORM_FAN_IN, inputs, 0, 1, dims);
  node.shape = (flr_shape){1, 1, 1, features};
  node.settings.linear = (flr_linear_settings){.out_features = features, .bias = bias, .relu = relu};
  return flr_build_node(b, &node);
}

int flr_build_linear(flr_builder *b, const char *name, int src, int64_t features, int relu) {
  return build(b, name, src, features, 1, relu);
}

int flr_build_linear_plain(flr_builder *b, const char *name, int src, int64_t features, int relu) {
  return build(b, name, src, features, 0, relu);
}
