/* A small convolutional net: 32, 64, 128, 128 channels, halved twice where the image allows. Groups: conv1 and conv2, conv3 and
 * conv4, fc. */
#include <stdio.h>

#include "nn/models/models.h"

static int conv_bn(flr_builder *b, int number, int x, int64_t channels) {
  char name[16];
  (void)snprintf(name, sizeof name, "conv%d", number);
  x = flr_build_conv(b, name, x, channels, 3, 1, 1);
  (void)snprintf(name, sizeof name, "bn%d", number);
  return flr_build_batch_norm(b, name, x, 1);
}

static int halve(flr_builder *b, int x) {
  const flr_shape shape = flr_build_shape(b, x);
  return shape.h >= 4 && shape.w >= 4 ? flr_build_max_pool(b, x, 2, 2, 0) : x;
}

void flr_model_cnn(flr_builder *b) {
  int x = conv_bn(b, 1, 0, 32);
  x = halve(b, conv_bn(b, 2, x, 64));
  b->group = 1;
  x = halve(b, conv_bn(b, 3, x, 128));
  x = conv_bn(b, 4, x, 128);
  b->group = 2;
  flr_model_finish(b, x, "fc", flr_build_global_average_pool);
}
