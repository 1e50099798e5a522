/* Max pooling and global average pooling. */
#include "nn/layer.h"

static flr_status prepare_pool(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                               const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  flr_pool2d_settings settings = node->settings.pool2d;
  settings.training = use->mode == FLR_MODE_TRAIN;
  return flr_backend_pool2d(backend, out, &settings, src);
}

static const flr_layer pool_layer = {.name = "max_pool", .prepare = prepare_pool};

int flr_build_max_pool(flr_builder *b, int src, int64_t kernel, int64_t stride, int64_t pad) {
  const flr_shape in = flr_build_shape(b, src);
  if (in.h + 2 * pad < kernel || in.w + 2 * pad < kernel)
    flr_build_fail(b, flr_fail(FLR_ERROR_USAGE, "--model: images of %lldx%lld are too small for %s",
                               (long long)b->options->height, (long long)b->options->width, b->options->name));
  flr_node node = flr_build_start(b, &pool_layer, src);
  node.shape.h = (in.h + 2 * pad - kernel) / stride + 1;
  node.shape.w = (in.w + 2 * pad - kernel) / stride + 1;
  node.settings.pool2d = (flr_pool2d_settings){.kind = FLR_POOL_MAX, .kernel = kernel, .stride = stride, .pad = pad};
  return flr_build_node(b, &node);
}

static flr_status prepare_global(const flr_node *node, flr_backend *backend, const flr_layer_use *use,
                                 const flr_tensor_desc *src, const flr_tensor_desc *src2, flr_op **out) {
  (void)node;
  (void)src2;
  return flr_backend_global_average_pool(backend, out, use->mode == FLR_MODE_TRAIN, src);
}

static const flr_layer global_layer = {.name = "global_average_pool", .prepare = prepare_global};

int flr_build_global_average_pool(flr_builder *b, int src) {
  flr_node node = flr_build_start(b, &global_layer, src);
  node.shape.h = node.shape.w = 1;
  return flr_build_node(b, &node);
}

static flr_status prepare_concat(const flr_node *node, flr_backend *backend, const flr_layer_use *use,
                                 const flr_tensor_desc *src, const flr_tensor_desc *src2, flr_op **out) {
  (void)node;
  (void)src2;
  return flr_backend_global_concat_pool(backend, out, use->mode == FLR_MODE_TRAIN, src);
}

static const flr_layer concat_layer = {.name = "global_concat_pool", .prepare = prepare_concat};

int flr_build_global_concat_pool(flr_builder *b, int src) {
  flr_node node = flr_build_start(b, &concat_layer, src);
  node.shape.h = node.shape.w = 1;
  node.shape.c *= 2;
  return flr_build_node(b, &node);
}
