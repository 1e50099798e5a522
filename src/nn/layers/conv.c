/* Convolution without a bias (batch norm follows). */
#include "nn/layer.h"

static flr_status prepare(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                          const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  flr_conv2d_settings settings = node->settings.conv2d;
  settings.training = use->mode == FLR_MODE_TRAIN;
  settings.need_diff_src = use->need_diff_src;
  settings.frozen = use->frozen;
  return flr_backend_conv2d(backend, out, &settings, src);
}

static const flr_layer conv_layer = {.name = "conv", .prepare = prepare};

int flr_build_conv(flr_builder *b, const char *name, int src, int64_t channels, int64_t kernel, int64_t stride, int64_t pad) {
  const flr_shape in = flr_build_shape(b, src);
  const int64_t height = (in.h + 2 * pad - kernel) / stride + 1, width = (in.w + 2 * pad - kernel) / stride + 1;
  if (in.h + 2 * pad < kernel || in.w + 2 * pad < kernel)
    flr_build_fail(b, flr_fail(FLR_ERROR_USAGE, "--model: images of %lldx%lld are too small for layer %s",
                               (long long)b->options->height, (long long)b->options->width, name));
  const int64_t dims[] = {channels, kernel, kernel, in.c};
  const int64_t area = kernel * kernel;
  const int64_t fan = b->conv_init == FLR_INIT_KAIMING_FAN_OUT ? channels * area : in.c * area;
  flr_node node = flr_build_start(b, &conv_layer, src);
  node.weight = flr_build_param(b, name, "weight", FLR_PARAM_CONV_WEIGHT, b->conv_init, fan, 0, 4, dims);
  node.shape = (flr_shape){1, height, width, channels};
  node.settings.conv2d =
      (flr_conv2d_settings){.out_channels = channels, .kernel_h = kernel, .kernel_w = kernel, .stride = stride, .pad = pad};
  return flr_build_node(b, &node);
}
