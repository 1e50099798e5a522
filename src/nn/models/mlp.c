/* fc1 .. fcK: hidden layers with ReLU, the last one the output. Groups: all but the last layer, the last. */
#include <stdio.h>
#include <stdlib.h>

#include "nn/models/models.h"

enum { MAX_HIDDEN = 64 };

/* Widths of a list such as "256,128" into out; returns how many, -1 when it is not such a list. "" is none: a linear
 * classifier. */
static int parse_widths(const char *text, int64_t out[MAX_HIDDEN]) {
  int count = 0;
  while (text && *text) {
    char *end;
    const long long width = strtoll(text, &end, 10);
    if (end == text || width < 1 || width > 1 << 24 || count == MAX_HIDDEN || (*end != ',' && *end != '\0')) return -1;
    out[count++] = width;
    if (*end == ',' && end[1] == '\0') return -1;
    text = *end == ',' ? end + 1 : end;
  }
  return count;
}

void flr_model_mlp(flr_builder *b) {
  int64_t widths[MAX_HIDDEN];
  const int hidden = parse_widths(b->options->hidden, widths);
  char name[16];
  int x = 0;
  if (hidden < 0) {
    flr_build_fail(b, flr_fail(FLR_ERROR_USAGE, "--hidden: %s is not allowed: widths such as 256,128", b->options->hidden));
    return;
  }
  for (int i = 0; i < hidden; i++) {
    (void)snprintf(name, sizeof name, "fc%d", i + 1);
    x = flr_build_linear(b, name, x, widths[i], 1);
  }
  x = flr_build_dropout(b, x, b->options->dropout);
  b->group = hidden > 0;
  b->head = 1;
  (void)snprintf(name, sizeof name, "fc%d", hidden + 1);
  (void)flr_build_linear(b, name, x, b->options->classes, 0);
}
