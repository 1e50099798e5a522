/* One batch size of an executor: its prepared ops and where its tensors lie. */
#ifndef FLR_NN_EXECUTOR_PLAN_H
#define FLR_NN_EXECUTOR_PLAN_H

#include "nn/executor.h"
#include "nn/layer.h"
#include "nn/memory_plan.h"

enum { FLR_NO_ITEM = -1 };

/* Memory of a node's step, as indices into the plan's items. */
typedef struct flr_node_memory {
  int saved;               /* from forward to backward */
  int diff_src, diff_src2; /* where backward writes; FLR_NO_ITEM: not wanted */
  int add_src, add_src2;   /* 1: diff_src is a temporary to be added to the tensor's gradient */
} flr_node_memory;

typedef struct flr_plan {
  int64_t batch;
  int training;
  flr_op *input, *loss;
  flr_op **ops;            /* [nodes] */
  flr_tensor_desc *descs;  /* [nodes + 1] */
  int *tensor_item;        /* [nodes + 1] */
  int *gradient_item;      /* [nodes + 1], FLR_NO_ITEM: needs none */
  flr_node_memory *memory; /* [nodes] */
  flr_memory_item *items;
  int item_count, item_limit;
  int scratch_item, loss_saved_item;
  int64_t *params_before; /* [nodes]: where the gradients of the nodes before it end, padding included */
  int *needs_gradient;    /* [nodes + 1]: whether backward reaches the tensor, and the node that makes it */
  int64_t most_shared;    /* numbers that an op shares */
  size_t peak;
  size_t scratch_bytes;
} flr_plan;

/* Prepares ops and places memory. The caller clears it, also after a failure. Errors: those of the backend, FLR_ERROR_INTERNAL
 * (memory). */
flr_status flr_plan_init(flr_plan *out, const flr_graph *graph, flr_backend *backend, const flr_executor_options *options,
                         const flr_executor_plan *wanted);
void flr_plan_release(flr_plan *plan, const flr_graph *graph);

#endif
