/* The parameter-free shortcut of He et al. section 4.2 (option A): subsample, pad channels with zeros. */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, int training, int need_diff_src,
                          const flr_tensor_desc *src, const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  (void)need_diff_src;
  flr_shortcut_settings settings = node->settings.shortcut;
  settings.training = training;
  return flr_backend_shortcut(backend, out, &settings, src);
}

static const flr_layer shortcut_layer = {.name = "shortcut", .prepare = prepare};

int flr_build_shortcut(flr_builder *b, int src, int64_t channels, int64_t stride) {
  const flr_shape in = flr_build_shape(b, src);
  const flr_node node = {.layer = &shortcut_layer,
                         .src = src,
                         .src2 = -1,
                         .weight = -1,
                         .bias = -1,
                         .mean = -1,
                         .var = -1,
                         .shape = {1, (in.h + stride - 1) / stride, (in.w + stride - 1) / stride, channels},
                         .settings.shortcut = {.out_channels = channels, .stride = stride}};
  return flr_build_node(b, &node);
}
