/* Time per operation: stands between a backend's users and its prepared ops. */
#ifndef FLR_TESTS_BENCH_OP_TIMER_H
#define FLR_TESTS_BENCH_OP_TIMER_H

#include <stdio.h>

#include "backend/backend.h"

enum { OP_TIMER_MAX = 512 };

typedef struct op_record op_record;

/* Every op that was prepared while the timer was attached, in order. */
typedef struct op_timer {
  flr_backend *backend;
  const flr_backend_ops *real;
  flr_backend_ops wrapped;
  op_record *records[OP_TIMER_MAX];
  int count;
} op_timer;

struct op_record {
  flr_op_methods methods; /* first: found again from the op */
  const flr_op_methods *real;
  flr_op *op; /* NULL once destroyed */
  flr_shape src;
  double forward, backward; /* seconds, summed */
};

/* Attaches to a backend: ops prepared from now on are timed. One timer at a time, as the slots carry no context. The timer must
   stay until the ops are destroyed. */
void op_timer_attach(op_timer *timer, flr_backend *backend);
void op_timer_reset(op_timer *timer);
/* Sums by kind of op, one line each, in milliseconds per step; `steps` since the last reset. */
void op_timer_print(const op_timer *timer, FILE *out, int steps);
/* Restores the backend and frees the records. */
void op_timer_detach(op_timer *timer);

#endif
