/* Doubling and halving. */
#include "train/loss_scale.h"

enum { START = 65536, GROWTH_INTERVAL = 2000 };

flr_loss_scale flr_loss_scale_start(int on) { return (flr_loss_scale){.scale = on ? START : 1, .on = on}; }

void flr_loss_scale_passed(flr_loss_scale *state) {
  if (!state->on || ++state->good_steps < GROWTH_INTERVAL) return;
  state->scale *= 2;
  state->good_steps = 0;
}

int flr_loss_scale_overflowed(flr_loss_scale *state) {
  if (!state->on || state->scale <= 1) return 0;
  state->scale /= 2;
  state->good_steps = 0;
  return 1;
}
