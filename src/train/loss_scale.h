/* Dynamic loss scaling for fp16 (Micikevicius et al. 2018, section 3.2; the numbers are torch.amp.GradScaler's). */
#ifndef FLR_TRAIN_LOSS_SCALE_H
#define FLR_TRAIN_LOSS_SCALE_H

#include <stdint.h>

/* A power of two that gradients are multiplied with on their way. Plain data. */
typedef struct flr_loss_scale {
  double scale;       /* 1 when off */
  int64_t good_steps; /* since it last changed */
  int on;
} flr_loss_scale;

/* 65536 when on, else 1 for ever. Pure. */
flr_loss_scale flr_loss_scale_start(int on);

/* After a step whose gradient was finite: doubled after 2000 of them in a row. */
void flr_loss_scale_passed(flr_loss_scale *state);

/* After a step whose gradient overflowed: halved. Returns 1 when the step is to be tried again with it, 0 when the scale was 1
   or off already: then it is the gradient itself that is not finite. */
int flr_loss_scale_overflowed(flr_loss_scale *state);

#endif
