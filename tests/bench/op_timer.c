/* Time per operation. */
#include "op_timer.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

/* The slots of the contract have no room for a context, so a bench program has one timer. */
static op_timer *active;

static flr_status timed_forward(flr_op *op, const flr_op_args *args) {
  op_record *record = (op_record *)(uintptr_t)op->methods;
  const double start = flr_clock_seconds();
  const flr_status status = record->real->forward(op, args);
  record->forward += flr_clock_seconds() - start;
  return status;
}

static flr_status timed_backward(flr_op *op, const flr_op_args *args) {
  op_record *record = (op_record *)(uintptr_t)op->methods;
  const double start = flr_clock_seconds();
  const flr_status status = record->real->backward(op, args);
  record->backward += flr_clock_seconds() - start;
  return status;
}

static void timed_destroy(flr_op *op) {
  op_record *record = (op_record *)(uintptr_t)op->methods;
  const flr_op_methods *real = record->real;
  record->op = NULL;
  op->methods = real;
  real->destroy(op);
}

static flr_status wrap(flr_status status, flr_op **out, const flr_tensor_desc *src) {
  if (status != FLR_OK || active->count >= OP_TIMER_MAX) return status;
  flr_op *op = *out;
  op_record *record = calloc(1, sizeof *record);
  if (!record) return flr_fail(FLR_ERROR_INTERNAL, "out of memory");
  *record = (op_record){{op->methods->name, timed_forward, op->methods->backward ? timed_backward : NULL, timed_destroy},
                        .real = op->methods,
                        .op = op,
                        .src = src->shape};
  op->methods = &record->methods;
  active->records[active->count++] = record;
  return FLR_OK;
}

#define TIMED_SLOT(slot, settings_type)                                                                              \
  static flr_status timed_##slot(flr_backend *b, flr_op **out, settings_type settings, const flr_tensor_desc *src) { \
    return wrap(active->real->slot(b, out, settings, src), out, src);                                                \
  }
TIMED_SLOT(conv2d, const flr_conv2d_settings *)
TIMED_SLOT(linear, const flr_linear_settings *)
TIMED_SLOT(relu, int)
TIMED_SLOT(pool2d, const flr_pool2d_settings *)
TIMED_SLOT(global_average_pool, int)
TIMED_SLOT(global_concat_pool, int)
TIMED_SLOT(dropout, const flr_dropout_settings *)
TIMED_SLOT(shortcut, const flr_shortcut_settings *)
TIMED_SLOT(input, const flr_input_settings *)
TIMED_SLOT(loss, const flr_loss_settings *)

static flr_status timed_batch_norm(flr_backend *b, flr_op **out, const flr_batch_norm_settings *settings,
                                   const flr_tensor_desc *src, const flr_tensor_desc *src2) {
  return wrap(active->real->batch_norm(b, out, settings, src, src2), out, src);
}

static flr_status timed_add(flr_backend *b, flr_op **out, const flr_add_settings *settings, const flr_tensor_desc *src,
                            const flr_tensor_desc *src2) {
  return wrap(active->real->add(b, out, settings, src, src2), out, src);
}

void op_timer_attach(op_timer *timer, flr_backend *backend) {
  *timer = (op_timer){.backend = backend, .real = backend->ops, .wrapped = *backend->ops};
  flr_backend_ops *w = &timer->wrapped;
  w->conv2d = timed_conv2d;
  w->linear = timed_linear;
  w->batch_norm = timed_batch_norm;
  w->relu = timed_relu;
  w->pool2d = timed_pool2d;
  w->global_average_pool = timed_global_average_pool;
  w->global_concat_pool = timed_global_concat_pool;
  w->add = timed_add;
  w->dropout = timed_dropout;
  w->shortcut = timed_shortcut;
  w->input = timed_input;
  w->loss = timed_loss;
  backend->ops = w;
  active = timer;
}

void op_timer_reset(op_timer *timer) {
  for (int i = 0; i < timer->count; i++) timer->records[i]->forward = timer->records[i]->backward = 0.0;
}

void op_timer_print(const op_timer *timer, FILE *out, int steps) {
  for (int i = 0; i < timer->count; i++) {
    const char *name = timer->records[i]->methods.name;
    int first = 1, ops = 0;
    for (int k = 0; k < i; k++) first = first && strcmp(timer->records[k]->methods.name, name) != 0;
    if (!first) continue;
    double forward = 0.0, backward = 0.0;
    for (int k = i; k < timer->count; k++)
      if (strcmp(timer->records[k]->methods.name, name) == 0) {
        forward += timer->records[k]->forward;
        backward += timer->records[k]->backward;
        ops++;
      }
    fprintf(out, "  %-20s %3d ops  forward %8.3f ms  backward %8.3f ms\n", name, ops, 1e3 * forward / steps,
            1e3 * backward / steps);
  }
}

void op_timer_detach(op_timer *timer) {
  timer->backend->ops = timer->real;
  for (int i = 0; i < timer->count; i++) {
    op_record *record = timer->records[i];
    if (record->op) record->op->methods = record->real;
    free(record);
  }
  timer->count = 0;
  active = NULL;
}
