/* Residual addition, with ReLU behind it on request. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2, flr_op **out) {
  flr_add_settings settings = node->settings.add;
  settings.training = use->mode == FLR_MODE_TRAIN;
  return flr_backend_add(backend, out, &settings, src, src2);
}

static const flr_layer add_layer = {.name = "add", .prepare = prepare};

int flr_build_add(flr_builder *b, int src, int src2, int relu) {
  flr_node node = flr_build_start(b, &add_layer, src);
  node.src2 = src2;
  node.settings.add = (flr_add_settings){.relu = relu};
  return flr_build_node(b, &node);
}
