/* ReLU and dropout. */
#include "core/rng.h"
#include "nn/layer.h"

static flr_status prepare_relu(const flr_node *node, flr_backend *backend, const flr_layer_use *use, const flr_tensor_desc *src,
                               const flr_tensor_desc *src2, flr_op **out) {
  (void)node;
  (void)src2;
  return flr_backend_relu(backend, out, use->mode == FLR_MODE_TRAIN, src);
}

static const flr_layer relu_layer = {.name = "relu", .prepare = prepare_relu};

int flr_build_relu(flr_builder *b, int src) {
  const flr_node node = flr_build_start(b, &relu_layer, src);
  return flr_build_node(b, &node);
}

/* In evaluation dropout keeps everything: probability 0. */
static flr_status prepare_dropout(const flr_node *node, flr_backend *backend, const flr_layer_use *use,
                                  const flr_tensor_desc *src, const flr_tensor_desc *src2, flr_op **out) {
  (void)src2;
  flr_dropout_settings settings = node->settings.dropout;
  if (use->mode == FLR_MODE_EVALUATE) settings.probability = 0;
  return flr_backend_dropout(backend, out, &settings, src);
}

static const flr_layer dropout_layer = {.name = "dropout", .prepare = prepare_dropout};

int flr_build_dropout(flr_builder *b, int src, double probability) {
  if (probability <= 0) return src;
  const uint64_t layer = (uint64_t)b->graph->node_count;
  flr_node node = flr_build_start(b, &dropout_layer, src);
  node.settings.dropout =
      (flr_dropout_settings){.probability = probability, .key = flr_rng_key(b->options->seed, FLR_STREAM_DROPOUT, layer)};
  return flr_build_node(b, &node);
}
