/* torchvision's ResNets (He et al. 2015; stride in the 3x3 convolution of a bottleneck) under torchvision's names. Groups, as
   fastai cuts them: stem, layer1 and layer2; layer3 and layer4; fc. */
#include <stdio.h>
#include <string.h>

#include "nn/models/models.h"

typedef struct resnet_shape {
  int blocks[4];
  int bottleneck;
} resnet_shape;

/* One convolution and the batch norm behind it, named prefix + conv and prefix + bn. */
static int conv_bn(flr_builder *b, const char *prefix, const char *conv, const char *bn, int x, int64_t channels,
                   int64_t kernel, int64_t stride, int relu) {
  char name[FLR_PARAM_NAME];
  x = flr_build_conv(b, flr_model_join(name, prefix, conv), x, channels, kernel, stride, kernel / 2);
  return flr_build_batch_norm(b, flr_model_join(name, prefix, bn), x, relu);
}

/* Closes a block with its last batch norm on y. The shortcut comes after the block's own layers, as in a torch state dict. */
static int close_block(flr_builder *b, const char *prefix, const char *bn, int y, int x, int64_t stride) {
  char name[FLR_PARAM_NAME];
  const int64_t channels = flr_build_shape(b, y).c;
  const flr_node last = flr_build_batch_norm_start(b, flr_model_join(name, prefix, bn), y);
  if (stride != 1 || flr_build_shape(b, x).c != channels)
    x = conv_bn(b, prefix, ".downsample.0", ".downsample.1", x, channels, 1, stride, 0);
  return flr_build_batch_norm_add(b, last, x, 1);
}

static int conv(flr_builder *b, const char *prefix, const char *layer, int x, int64_t channels, int64_t kernel) {
  char name[FLR_PARAM_NAME];
  return flr_build_conv(b, flr_model_join(name, prefix, layer), x, channels, kernel, 1, kernel / 2);
}

static int basic_block(flr_builder *b, const char *prefix, int x, int64_t channels, int64_t stride) {
  int y = conv_bn(b, prefix, ".conv1", ".bn1", x, channels, 3, stride, 1);
  y = conv(b, prefix, ".conv2", y, channels, 3);
  return close_block(b, prefix, ".bn2", y, x, stride);
}

static int bottleneck_block(flr_builder *b, const char *prefix, int x, int64_t width, int64_t stride) {
  int y = conv_bn(b, prefix, ".conv1", ".bn1", x, width, 1, 1, 1);
  y = conv_bn(b, prefix, ".conv2", ".bn2", y, width, 3, stride, 1);
  y = conv(b, prefix, ".conv3", y, 4 * width, 1);
  return close_block(b, prefix, ".bn3", y, x, stride);
}

static int wants_small_stem(const flr_model_options *options) {
  const int64_t side = options->height > options->width ? options->height : options->width;
  return strcmp(options->stem, "small") == 0 || (strcmp(options->stem, "auto") == 0 && side <= 64);
}

static int stem(flr_builder *b) {
  if (wants_small_stem(b->options)) return conv_bn(b, "", "conv1", "bn1", 0, 64, 3, 1, 1);
  return flr_build_max_pool(b, conv_bn(b, "", "conv1", "bn1", 0, 64, 7, 2, 1), 3, 2, 1);
}

static void build(flr_builder *b, const resnet_shape *shape) {
  b->conv_init = FLR_INIT_KAIMING_FAN_OUT;
  int x = stem(b);
  for (int stage = 0; stage < 4; stage++) {
    b->group = stage >= 2;
    for (int block = 0; block < shape->blocks[stage]; block++) {
      char prefix[32];
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      (void)snprintf(prefix, sizeof prefix, "layer%d.%d", stage + 1, block);
      x = (shape->bottleneck ? bottleneck_block : basic_block)(b, prefix, x, (int64_t)64 << stage, stride);
    }
  }
  b->group = 2;
  flr_model_finish(b, x, "fc", flr_build_global_average_pool);
}

void flr_model_resnet18(flr_builder *b) { build(b, &(resnet_shape){{2, 2, 2, 2}, 0}); }

void flr_model_resnet34(flr_builder *b) { build(b, &(resnet_shape){{3, 4, 6, 3}, 0}); }

void flr_model_resnet50(flr_builder *b) { build(b, &(resnet_shape){{3, 4, 6, 3}, 1}); }

void flr_model_resnet101(flr_builder *b) { build(b, &(resnet_shape){{3, 4, 23, 3}, 1}); }
