/* What stands behind the features of a convolutional model: a linear layer, or the head of fastai v2,
   whose layers have the numbers that they have in its create_head: 0 concat pooling, 1 flatten, 2 batch norm, 3
   dropout, 4 linear, 5 ReLU, 6 batch norm, 7 dropout, 8 linear. */
#include <string.h>

#include "nn/models/models.h"

enum { HIDDEN = 512 };

static void fastai_head(flr_builder *b, int x) {
  const double dropout = b->options->dropout;
  b->linear_init = FLR_INIT_KAIMING_FAN_IN;
  b->norm_shift = 1e-3;
  x = flr_build_global_concat_pool(b, x);
  x = flr_build_dropout(b, flr_build_batch_norm(b, "head.2", x, 0), dropout / 2);
  x = flr_build_linear_plain(b, "head.4", x, HIDDEN, 1);
  x = flr_build_dropout(b, flr_build_batch_norm(b, "head.6", x, 0), dropout);
  (void)flr_build_linear_plain(b, "head.8", x, b->options->classes, 0);
}

void flr_model_finish(flr_builder *b, int x, const char *name, int (*pool)(flr_builder *b, int x)) {
  b->head = 1;
  if (b->options->head && strcmp(b->options->head, "fastai") == 0) {
    fastai_head(b, x);
    return;
  }
  x = flr_build_dropout(b, pool(b, x), b->options->dropout);
  (void)flr_build_linear(b, name, x, b->options->classes, 0);
}
