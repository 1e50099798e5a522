/* David Page's ResNet-9 ("How to train your ResNet"): prep 64, layer1 128 with a residual, layer2 256, layer3 512 with a
   residual, global max pooling, linear. Groups: prep and layer1; layer2 and layer3; linear. */
#include "nn/models/models.h"

static int conv_bn(flr_builder *b, const char *prefix, int x, int64_t channels) {
  char name[FLR_PARAM_NAME];
  x = flr_build_conv(b, flr_model_join(name, prefix, ".conv"), x, channels, 3, 1, 1);
  return flr_build_batch_norm(b, flr_model_join(name, prefix, ".bn"), x, 1);
}

static int halved(flr_builder *b, const char *prefix, int x, int64_t channels) {
  return flr_build_max_pool(b, conv_bn(b, prefix, x, channels), 2, 2, 0);
}

static int residual(flr_builder *b, const char *prefix, int x) {
  char name[FLR_PARAM_NAME];
  const int64_t channels = flr_build_shape(b, x).c;
  int y = conv_bn(b, flr_model_join(name, prefix, ".res1"), x, channels);
  y = conv_bn(b, flr_model_join(name, prefix, ".res2"), y, channels);
  return flr_build_add(b, y, x, 0);
}

/* Page pools the last 4x4 by its maximum; images that end up other than square are averaged. */
static int pool_all(flr_builder *b, int x) {
  const flr_shape shape = flr_build_shape(b, x);
  if (shape.h != shape.w) return flr_build_global_average_pool(b, x);
  return shape.h == 1 ? x : flr_build_max_pool(b, x, shape.h, shape.h, 0);
}

void flr_model_resnet9(flr_builder *b) {
  int x = conv_bn(b, "prep", 0, 64);
  x = residual(b, "layer1", halved(b, "layer1", x, 128));
  b->group = 1;
  x = halved(b, "layer2", x, 256);
  x = residual(b, "layer3", halved(b, "layer3", x, 512));
  b->group = 2;
  flr_model_finish(b, x, "linear", pool_all);
}
