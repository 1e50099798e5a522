/* The residual nets of He et al. (2015) section 4.2 for 32-pixel images: 3 stages of n blocks, 16, 32, 64 channels,
   parameter-free shortcuts (option A), kaiming-normal (fan_in) weights as the paper's [13]. Groups: stem and layer1, layer2
   and layer3, fc. */
#include <stdio.h>

#include "nn/models/models.h"

static int block(flr_builder *b, const char *prefix, int x, int64_t channels, int64_t stride) {
  char name[FLR_PARAM_NAME];
  const int64_t in = flr_build_shape(b, x).c;
  int y = flr_build_conv(b, flr_model_join(name, prefix, ".conv1"), x, channels, 3, stride, 1);
  y = flr_build_batch_norm(b, flr_model_join(name, prefix, ".bn1"), y, 1);
  y = flr_build_conv(b, flr_model_join(name, prefix, ".conv2"), y, channels, 3, 1, 1);
  const flr_node last = flr_build_batch_norm_start(b, flr_model_join(name, prefix, ".bn2"), y);
  const int identity = stride != 1 || in != channels ? flr_build_shortcut(b, x, channels, stride) : x;
  return flr_build_batch_norm_add(b, last, identity, 1);
}

static void build(flr_builder *b, int blocks) {
  b->conv_init = FLR_INIT_KAIMING_FAN_IN;
  b->linear_init = FLR_INIT_KAIMING_FAN_IN;
  int x = flr_build_conv(b, "conv1", 0, 16, 3, 1, 1);
  x = flr_build_batch_norm(b, "bn1", x, 1);
  for (int stage = 0; stage < 3; stage++) {
    b->group = stage > 0;
    for (int i = 0; i < blocks; i++) {
      char prefix[32];
      (void)snprintf(prefix, sizeof prefix, "layer%d.%d", stage + 1, i);
      x = block(b, prefix, x, (int64_t)16 << stage, stage > 0 && i == 0 ? 2 : 1);
    }
  }
  b->group = 2;
  flr_model_finish(b, x, "fc", flr_build_global_average_pool);
}

void flr_model_resnet20(flr_builder *b) { build(b, 3); }

void flr_model_resnet56(flr_builder *b) { build(b, 9); }
