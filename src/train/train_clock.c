/* Adding up. */
#include "train/train_clock.h"

#include "core/clock.h"

static double loader_stall(const flr_train_clock *c) { return c->loader ? flr_loader_stall_seconds(c->loader) : 0; }

void flr_train_clock_start(flr_train_clock *c, const flr_loader *loader) {
  c->loader = loader;
  c->began = flr_clock_seconds();
  c->mark = 0;
}

void flr_train_clock_stop(flr_train_clock *c) {
  const flr_train_cost cost = flr_train_clock_cost(c);
  c->epoch_past = flr_train_clock_epoch_stall(c);
  c->past = cost;
  c->loader = NULL;
  c->mark = 0;
}

void flr_train_clock_pause(flr_train_clock *c) { c->past.seconds += flr_clock_seconds() - c->began; }

void flr_train_clock_go_on(flr_train_clock *c) { c->began = flr_clock_seconds(); }

double flr_train_clock_epoch_stall(const flr_train_clock *c) { return c->epoch_past + loader_stall(c) - c->mark; }

void flr_train_clock_begin_epoch(flr_train_clock *c, double stall) {
  c->epoch_past = stall;
  c->mark = loader_stall(c);
}

flr_train_cost flr_train_clock_cost(const flr_train_clock *c) {
  return (flr_train_cost){.seconds = c->past.seconds + (c->loader ? flr_clock_seconds() - c->began : 0),
                          .stall = c->past.stall + loader_stall(c)};
}
