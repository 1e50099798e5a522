/* Running prepared ops over the planned arena. */
#include "nn/executor.h"

#include "core/memory.h"
#include "nn/executor_plan.h"

struct flr_executor {
  const flr_graph *graph;
  flr_backend *backend;
  flr_plan *plans;
  int plan_count;
  flr_buffer arena;
};

static int known_plan(const flr_executor *e, const flr_executor_plan *wanted) {
  for (int i = 0; i < e->plan_count; i++)
    if (e->plans[i].batch == wanted->batch && e->plans[i].training == wanted->training) return 1;
  return 0;
}

static flr_status make_plans(flr_executor *e, const flr_executor_options *options) {
  size_t peak = 0;
  FLR_TRY(flr_alloc(&e->plans, options->plan_count, sizeof(flr_plan)));
  for (int i = 0; i < options->plan_count; i++) {
    const flr_executor_plan *wanted = &options->plans[i];
    if (wanted->batch <= 0 || known_plan(e, wanted)) continue;
    flr_plan *plan = &e->plans[e->plan_count++];
    FLR_TRY(flr_plan_init(plan, e->graph, e->backend, options, wanted));
    if (plan->peak > peak) peak = plan->peak;
  }
  return flr_backend_alloc(e->backend, &e->arena, peak);
}

flr_status flr_executor_create(flr_executor **out, const flr_graph *graph, flr_backend *backend,
                               const flr_executor_options *options) {
  *out = NULL;
  flr_executor *e;
  FLR_TRY(flr_alloc(&e, 1, sizeof *e));
  e->graph = graph;
  e->backend = backend;
  const flr_status status = make_plans(e, options);
  if (status != FLR_OK) {
    flr_executor_destroy(e);
    return status;
  }
  *out = e;
  return FLR_OK;
}

void flr_executor_destroy(flr_executor *e) {
  if (!e) return;
  for (int i = 0; i < e->plan_count; i++) flr_plan_release(&e->plans[i], e->graph);
  flr_free(e->plans);
  flr_buffer_clear(&e->arena);
  flr_free(e);
}

size_t flr_executor_arena_bytes(const flr_executor *e) { return e->arena.bytes; }

static flr_status find_plan(const flr_executor *e, int64_t batch, int training, const flr_plan **out) {
  *out = NULL;
  for (int i = 0; i < e->plan_count; i++)
    if (e->plans[i].batch == batch && e->plans[i].training == training) *out = &e->plans[i];
  if (*out) return FLR_OK;
  return flr_fail(FLR_ERROR_INTERNAL, "no plan for a %s batch of %lld", training ? "training" : "evaluation", (long long)batch);
}

static void *at(const flr_executor *e, const flr_plan *p, int item) {
  return item == FLR_NO_ITEM || p->items[item].bytes == 0 ? NULL : (char *)e->arena.data + p->items[item].offset;
}

static void *tensor_at(const flr_executor *e, const flr_plan *p, int tensor) { return at(e, p, p->tensor_item[tensor]); }

/* The parameter's copy in the compute type. */
static const void *low_param(const flr_executor *e, const flr_executor_io *io, int param) {
  if (!io->params_low || param < 0) return NULL;
  const size_t size = flr_dtype_size(e->backend->compute);
  return (const char *)io->params_low + (size_t)e->graph->params.params[param].offset * size;
}

/* A statistic of batch norm; NULL where it shall not be updated. */
static float *state_at(const flr_executor *e, const flr_executor_io *io, const flr_node *node, int state) {
  if (state < 0 || !io->states || (io->hold_states && !node->hold)) return NULL;
  return io->states + e->graph->params.states[state].offset;
}

/* Where the gradient of a parameter goes, NULL for none. */
static float *gradient_at(const flr_executor *e, const flr_executor_io *io, int param) {
  if (param < 0 || e->graph->params.params[param].frozen) return NULL;
  return io->gradients + e->graph->params.params[param].offset + e->graph->params.params[param].grad_shift;
}

/* What forward and backward of a node share. */
static flr_op_args node_args(const flr_executor *e, const flr_plan *p, const flr_executor_io *io, int i) {
  const flr_node *node = &e->graph->nodes[i];
  const flr_params *params = &e->graph->params;
  return (flr_op_args){.src = tensor_at(e, p, node->src),
                       .src2 = node->src2 >= 0 ? tensor_at(e, p, node->src2) : NULL,
                       .dst = tensor_at(e, p, i + 1),
                       .weight = node->weight >= 0 ? io->params + params->params[node->weight].offset : NULL,
                       .bias = node->bias >= 0 ? io->params + params->params[node->bias].offset : NULL,
                       .weight_low = low_param(e, io, node->weight),
                       .bias_low = low_param(e, io, node->bias),
                       .running_mean = state_at(e, io, node, node->mean),
                       .running_var = state_at(e, io, node, node->var),
                       .saved = at(e, p, p->memory[i].saved),
                       .scratch = at(e, p, p->scratch_item),
                       .values = io->values};
}

static flr_op_args loss_args(const flr_executor *e, const flr_plan *p, const flr_executor_io *io) {
  return (flr_op_args){.src = tensor_at(e, p, e->graph->node_count),
                       .dst = io->probabilities,
                       .labels = io->labels,
                       .result = io->result,
                       .saved = at(e, p, p->loss_saved_item),
                       .scratch = at(e, p, p->scratch_item),
                       .values = io->values};
}

static flr_status forward(const flr_executor *e, const flr_plan *p, const flr_executor_io *io) {
  const flr_op_args input = {.src = io->input, .dst = tensor_at(e, p, 0), .scratch = at(e, p, p->scratch_item)};
  FLR_TRY(flr_op_forward(p->input, &input));
  for (int i = 0; i < e->graph->node_count; i++) {
    const flr_op_args args = node_args(e, p, io, i);
    FLR_TRY(flr_op_forward(p->ops[i], &args));
  }
  const flr_op_args loss = loss_args(e, p, io);
  return flr_op_forward(p->loss, &loss);
}

static flr_status add_gradient(const flr_executor *e, const flr_plan *p, int tensor, const void *part) {
  return flr_backend_sum_into(e->backend, &p->descs[tensor], part, at(e, p, p->gradient_item[tensor]));
}

static flr_status backward_node(const flr_executor *e, const flr_plan *p, const flr_executor_io *io, int i) {
  const flr_node *node = &e->graph->nodes[i];
  const flr_node_memory *m = &p->memory[i];
  flr_op_args args = node_args(e, p, io, i);
  args.diff_dst = at(e, p, p->gradient_item[i + 1]);
  args.diff_src = at(e, p, m->diff_src);
  args.diff_src2 = at(e, p, m->diff_src2);
  args.diff_weight = gradient_at(e, io, node->weight);
  args.diff_bias = gradient_at(e, io, node->bias);
  args.accumulate = io->accumulate;
  FLR_TRY(flr_op_backward(p->ops[i], &args));
  if (m->add_src) FLR_TRY(add_gradient(e, p, node->src, args.diff_src));
  if (m->add_src2) FLR_TRY(add_gradient(e, p, node->src2, args.diff_src2));
  return FLR_OK;
}

flr_status flr_executor_forward(flr_executor *e, const flr_executor_io *io) {
  const flr_plan *plan;
  FLR_TRY(find_plan(e, io->batch, 1, &plan));
  return forward(e, plan, io);
}

flr_status flr_executor_evaluate(flr_executor *e, const flr_executor_io *io) {
  const flr_plan *plan;
  FLR_TRY(find_plan(e, io->batch, 0, &plan));
  return forward(e, plan, io);
}

flr_status flr_executor_backward(flr_executor *e, const flr_executor_io *io, flr_range_ready ready, void *context) {
  const flr_graph *g = e->graph;
  const flr_plan *p;
  FLR_TRY(find_plan(e, io->batch, 1, &p));
  flr_op_args loss = loss_args(e, p, io);
  loss.diff_src = at(e, p, p->gradient_item[g->node_count]);
  FLR_TRY(flr_op_backward(p->loss, &loss));
  int64_t tail = g->params.grad_elements;
  for (int i = g->node_count - 1; i >= 0; i--) {
    if (p->gradient_item[i + 1] != FLR_NO_ITEM) FLR_TRY(backward_node(e, p, io, i));
    if (!ready) continue;
    const int64_t offset = p->params_before[i] < tail ? p->params_before[i] : tail;
    FLR_TRY(ready(context, offset, tail - offset));
    tail = offset;
  }
  return FLR_OK;
}

flr_status flr_executor_train(flr_executor *e, const flr_executor_io *io, flr_range_ready ready, void *context) {
  FLR_TRY(flr_executor_forward(e, io));
  return flr_executor_backward(e, io, ready, context);
}
