/* Residual addition, with ReLU behind it on request. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, int training, int need_diff_src,
                          const flr_tensor_desc *src, const flr_tensor_desc *src2, flr_op **out) {
  (void)need_diff_src;
  flr_add_settings settings = node->settings.add;
  settings.training = training;
  return flr_backend_add(backend, out, &settings, src, src2);
}

static const flr_layer add_layer = {.name = "add", .prepare = prepare};

int flr_build_add(flr_builder *b, int src, int src2, int relu) {
  flr_node node = flr_build_start(b, &add_layer, src);
  node.src2 = src2;
  node.settings.add = (flr_add_settings){.relu = relu};
  return flr_build_node(b, &node);
}
