/* Running prepared ops over the planned arena. */
#include "nn/executor.h"

#include "core/memory.h"
#include "nn/executor_plan.h"

/* One part of a batch: what it works on, and where. */
typedef struct lane {
  const flr_executor_io *io;
  const flr_plan *plan; /* NULL: no samples */
  char *arena;
} lane;

struct flr_executor {
  const flr_graph *graph;
  flr_backend *backend;
  flr_plan *plans;
  int plan_count;
  flr_buffer arena; /* of all lanes */
  size_t lane_bytes;
  flr_executor_sync sync; /* sum NULL: none */
  flr_buffer shared;      /* [sync.parts, most that an op shares] double */
  lane *lanes;            /* [sync.lanes] */
};

static int known_plan(const flr_executor *e, const flr_executor_plan *wanted) {
  for (int i = 0; i < e->plan_count; i++)
    if (e->plans[i].batch == wanted->batch && e->plans[i].training == wanted->training) return 1;
  return 0;
}

static flr_status make_plans(flr_executor *e, const flr_executor_options *options) {
  FLR_TRY(flr_alloc(&e->plans, options->plan_count, sizeof(flr_plan)));
  for (int i = 0; i < options->plan_count; i++) {
    const flr_executor_plan *wanted = &options->plans[i];
    if (wanted->batch <= 0 || known_plan(e, wanted)) continue;
    FLR_TRY(flr_plan_init(&e->plans[e->plan_count++], e->graph, e->backend, options, wanted));
  }
  return FLR_OK;
}

static flr_status allocate(flr_executor *e) {
  size_t peak = 0;
  int64_t shared = 0;
  for (int i = 0; i < e->plan_count; i++) {
    const flr_plan *plan = &e->plans[i];
    if (plan->peak > peak) peak = plan->peak;
    if (plan->most_shared > shared) shared = plan->most_shared;
  }
  e->lane_bytes = flr_align_up(peak);
  FLR_TRY(flr_alloc(&e->lanes, e->sync.lanes, sizeof(lane)));
  for (int64_t i = 0; i < e->sync.lanes; i++) e->lanes[i] = (lane){0};
  if (shared > 0) FLR_TRY(flr_backend_alloc(e->backend, &e->shared, (size_t)(e->sync.parts * shared) * sizeof(double)));
  return flr_backend_alloc(e->backend, &e->arena, (size_t)e->sync.lanes * e->lane_bytes);
}

flr_status flr_executor_create(flr_executor **out, const flr_graph *graph, flr_backend *backend,
                               const flr_executor_options *options) {
  *out = NULL;
  flr_executor *e;
  FLR_TRY(flr_alloc(&e, 1, sizeof *e));
  e->graph = graph;
  e->backend = backend;
  e->sync = options->sync ? *options->sync : (flr_executor_sync){.lanes = 1, .parts = 1};
  flr_status status = make_plans(e, options);
  if (status == FLR_OK) status = allocate(e);
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
  flr_free(e->lanes);
  flr_buffer_clear(&e->shared);
  flr_buffer_clear(&e->arena);
  flr_free(e);
}

size_t flr_executor_arena_bytes(const flr_executor *e) { return e->arena.bytes; }

int64_t flr_executor_shared_numbers(const flr_executor *e) { return (int64_t)(e->shared.bytes / sizeof(double)); }

static flr_status find_plan(const flr_executor *e, int64_t batch, int training, const flr_plan **out) {
  *out = NULL;
  for (int i = 0; i < e->plan_count; i++)
    if (e->plans[i].batch == batch && e->plans[i].training == training) *out = &e->plans[i];
  if (*out) return FLR_OK;
  return flr_fail(FLR_ERROR_INTERNAL, "no plan for a %s batch of %lld", training ? "training" : "evaluation", (long long)batch);
}

/* A lane's memory is the same from forward to backward. */
static flr_status open_lanes(flr_executor *e, const flr_executor_io *ios, int64_t count, int training) {
  if (count < 1 || count > e->sync.lanes)
    return flr_fail(FLR_ERROR_INTERNAL, "%lld lanes where there are %lld", (long long)count, (long long)e->sync.lanes);
  for (int64_t i = 0; i < count; i++) {
    e->lanes[i] = (lane){.io = &ios[i], .arena = (char *)e->arena.data + (size_t)i * e->lane_bytes};
    if (ios[i].batch > 0) FLR_TRY(find_plan(e, ios[i].batch, training, &e->lanes[i].plan));
  }
  return FLR_OK;
}

/* Any of the kind: what does not depend on the size of the batch. */
static flr_status any_plan(const flr_executor *e, int training, const flr_plan **out) {
  *out = NULL;
  for (int i = 0; i < e->plan_count && !*out; i++)
    if (e->plans[i].training == training) *out = &e->plans[i];
  return *out ? FLR_OK : flr_fail(FLR_ERROR_INTERNAL, "no plan for %s", training ? "training" : "evaluation");
}

static void *at(const lane *l, int item) {
  const flr_plan *p = l->plan;
  return item == FLR_NO_ITEM || p->items[item].bytes == 0 ? NULL : l->arena + p->items[item].offset;
}

static void *tensor_at(const lane *l, int tensor) { return at(l, l->plan->tensor_item[tensor]); }

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
static flr_op_args node_args(const flr_executor *e, const lane *l, int i) {
  const flr_executor_io *io = l->io;
  const flr_node *node = &e->graph->nodes[i];
  const flr_params *params = &e->graph->params;
  return (flr_op_args){.src = tensor_at(l, node->src),
                       .src2 = node->src2 >= 0 ? tensor_at(l, node->src2) : NULL,
                       .dst = tensor_at(l, i + 1),
                       .weight = node->weight >= 0 ? io->params + params->params[node->weight].offset : NULL,
                       .bias = node->bias >= 0 ? io->params + params->params[node->bias].offset : NULL,
                       .weight_low = low_param(e, io, node->weight),
                       .bias_low = low_param(e, io, node->bias),
                       .running_mean = state_at(e, io, node, node->mean),
                       .running_var = state_at(e, io, node, node->var),
                       .saved = at(l, l->plan->memory[i].saved),
                       .scratch = at(l, l->plan->scratch_item),
                       .values = io->values,
                       .shared = e->shared.data,
                       .shared_parts = e->sync.parts};
}

static flr_op_args backward_args(const flr_executor *e, const lane *l, int i) {
  const flr_node *node = &e->graph->nodes[i];
  const flr_node_memory *m = &l->plan->memory[i];
  flr_op_args args = node_args(e, l, i);
  args.diff_dst = at(l, l->plan->gradient_item[i + 1]);
  args.diff_src = at(l, m->diff_src);
  args.diff_src2 = at(l, m->diff_src2);
  args.diff_weight = gradient_at(e, l->io, node->weight);
  args.diff_bias = gradient_at(e, l->io, node->bias);
  args.accumulate = l->io->accumulate;
  return args;
}

static flr_op_args loss_args(const flr_executor *e, const lane *l) {
  return (flr_op_args){.src = tensor_at(l, e->graph->node_count),
                       .dst = l->io->probabilities,
                       .labels = l->io->labels,
                       .result = l->io->result,
                       .saved = at(l, l->plan->loss_saved_item),
                       .scratch = at(l, l->plan->scratch_item),
                       .values = l->io->values};
}

/* ---- numbers that the parts of a batch share ---- */

static flr_status measure(flr_executor *e, const lane *l, int i, int64_t part, int backward) {
  flr_op *op = l->plan->ops[i];
  flr_op_args args = backward ? backward_args(e, l, i) : node_args(e, l, i);
  args.shared += part * op->shared_count;
  return backward ? op->sharing->measure_backward(op, &args) : op->sharing->measure(op, &args);
}

/* Leaves the numbers of all parts in e->shared. */
static flr_status share(flr_executor *e, const flr_op *op, int i, int64_t count, int backward) {
  const int64_t numbers = e->sync.parts * op->shared_count;
  FLR_TRY(flr_backend_fill(e->backend, e->shared.data, 0, (size_t)numbers * sizeof(double)));
  for (int64_t k = 0; k < count; k++) {
    const int64_t part = e->sync.parts == 1 ? 0 : e->sync.first_part + k;
    if (e->lanes[k].plan) FLR_TRY(measure(e, &e->lanes[k], i, part, backward));
  }
  return e->sync.sum(e->sync.context, e->shared.data, numbers);
}

/* Every lane keeps running averages, with samples or without. */
static flr_status adopt(flr_executor *e, flr_op *op, int i, int64_t count) {
  const flr_node *node = &e->graph->nodes[i];
  for (int64_t k = 0; k < count; k++) {
    const flr_op_args args = {.running_mean = state_at(e, e->lanes[k].io, node, node->mean),
                              .running_var = state_at(e, e->lanes[k].io, node, node->var),
                              .shared = e->shared.data,
                              .shared_parts = e->sync.parts};
    if (args.running_mean) FLR_TRY(op->sharing->adopt(op, &args));
  }
  return FLR_OK;
}

/* ---- forward ---- */

static flr_status forward_input(const lane *l) {
  const flr_op_args input = {.src = l->io->input, .dst = tensor_at(l, 0), .scratch = at(l, l->plan->scratch_item)};
  return flr_op_forward(l->plan->input, &input);
}

static flr_status forward_node(flr_executor *e, const flr_plan *any, int i, int64_t count) {
  flr_op *op = any->ops[i];
  if (op->sharing) {
    FLR_TRY(share(e, op, i, count, 0));
    FLR_TRY(adopt(e, op, i, count));
  }
  for (int64_t k = 0; k < count; k++) {
    if (!e->lanes[k].plan) continue;
    const flr_op_args args = node_args(e, &e->lanes[k], i);
    FLR_TRY(flr_op_forward(e->lanes[k].plan->ops[i], &args));
  }
  return FLR_OK;
}

static flr_status forward(flr_executor *e, const flr_executor_io *ios, int64_t count, int training) {
  const flr_plan *any;
  FLR_TRY(any_plan(e, training, &any));
  FLR_TRY(open_lanes(e, ios, count, training));
  for (int64_t k = 0; k < count; k++)
    if (e->lanes[k].plan) FLR_TRY(forward_input(&e->lanes[k]));
  for (int i = 0; i < e->graph->node_count; i++) FLR_TRY(forward_node(e, any, i, count));
  for (int64_t k = 0; k < count; k++) {
    if (!e->lanes[k].plan) continue;
    const flr_op_args loss = loss_args(e, &e->lanes[k]);
    FLR_TRY(flr_op_forward(e->lanes[k].plan->loss, &loss));
  }
  return FLR_OK;
}

flr_status flr_executor_forward_lanes(flr_executor *e, const flr_executor_io *ios, int64_t count) {
  return forward(e, ios, count, 1);
}

flr_status flr_executor_forward(flr_executor *e, const flr_executor_io *io) { return forward(e, io, 1, 1); }
flr_status flr_executor_evaluate(flr_executor *e, const flr_executor_io *io) { return forward(e, io, 1, 0); }

/* ---- backward ---- */

static flr_status add_gradient(const flr_executor *e, const lane *l, int tensor, const void *part) {
  const flr_plan *p = l->plan;
  return flr_backend_sum_into(e->backend, &p->descs[tensor], part, at(l, p->gradient_item[tensor]));
}

static flr_status backward_lane(const flr_executor *e, const lane *l, int i) {
  const flr_node *node = &e->graph->nodes[i];
  const flr_node_memory *m = &l->plan->memory[i];
  const flr_op_args args = backward_args(e, l, i);
  FLR_TRY(flr_op_backward(l->plan->ops[i], &args));
  if (m->add_src) FLR_TRY(add_gradient(e, l, node->src, args.diff_src));
  if (m->add_src2) FLR_TRY(add_gradient(e, l, node->src2, args.diff_src2));
  return FLR_OK;
}

static flr_status backward_node(flr_executor *e, const flr_plan *any, int i, int64_t count) {
  if (any->gradient_item[i + 1] == FLR_NO_ITEM) return FLR_OK;
  if (any->ops[i]->sharing) FLR_TRY(share(e, any->ops[i], i, count, 1));
  for (int64_t k = 0; k < count; k++)
    if (e->lanes[k].plan) FLR_TRY(backward_lane(e, &e->lanes[k], i));
  return FLR_OK;
}

static flr_status backward_loss(const flr_executor *e, const lane *l) {
  flr_op_args loss = loss_args(e, l);
  loss.diff_src = at(l, l->plan->gradient_item[e->graph->node_count]);
  return flr_op_backward(l->plan->loss, &loss);
}

flr_status flr_executor_backward_lanes(flr_executor *e, const flr_executor_io *ios, int64_t count, flr_range_ready ready,
                                       void *context) {
  const flr_graph *g = e->graph;
  const flr_plan *any;
  FLR_TRY(any_plan(e, 1, &any));
  FLR_TRY(open_lanes(e, ios, count, 1));
  for (int64_t k = 0; k < count; k++)
    if (e->lanes[k].plan) FLR_TRY(backward_loss(e, &e->lanes[k]));
  int64_t tail = g->params.grad_elements;
  for (int i = g->node_count - 1; i >= 0; i--) {
    FLR_TRY(backward_node(e, any, i, count));
    if (!ready) continue;
    const int64_t offset = any->params_before[i] < tail ? any->params_before[i] : tail;
    FLR_TRY(ready(context, offset, tail - offset));
    tail = offset;
  }
  return FLR_OK;
}

flr_status flr_executor_backward(flr_executor *e, const flr_executor_io *io, flr_range_ready ready, void *context) {
  return flr_executor_backward_lanes(e, io, 1, ready, context);
}

flr_status flr_executor_train(flr_executor *e, const flr_executor_io *io, flr_range_ready ready, void *context) {
  FLR_TRY(flr_executor_forward(e, io));
  return flr_executor_backward(e, io, ready, context);
}
