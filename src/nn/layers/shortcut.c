/* The parameter-free shortcut of He et al. section 4.2 (option A): subsample, pad channels with zeros. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  flr_shortcut_settings settings = node->settings.shortcut;
  settings.training = use->mode == FLR_MODE_TRAIN;
  return flr_backend_shortcut(backend, out, &settings, src);
}

static const flr_layer shortcut_layer = {.name = "shortcut", .prepare = prepare};

int flr_build_shortcut(flr_builder *b, int src, int64_t channels, int64_t stride) {
  flr_node node = flr_build_start(b, &shortcut_layer, src);
  node.shape = (flr_shape){1, (node.shape.h + stride - 1) / stride, (node.shape.w + stride - 1) / stride, channels};
  node.settings.shortcut = (flr_shortcut_settings){.out_channels = channels, .stride = stride};
  return flr_build_node(b, &node);
}
