/* Preparing ops for one batch size and planning the memory of a step.
   Time: 0 input, 1 + i forward of node i, n + 1 loss, n + 2 its gradient, 2n + 2 - i backward of node i. */
#include "nn/executor_plan.h"

#include <string.h>

#include "core/memory.h"

static int forward_time(int node) { return 1 + node; }
static int loss_time(const flr_graph *g) { return g->node_count + 1; }
static int backward_time(const flr_graph *g, int node) { return 2 * g->node_count + 2 - node; }

static int add_item(flr_plan *p, size_t bytes) {
  p->items[p->item_count] = (flr_memory_item){.bytes = bytes, .first = -1, .last = -1};
  return p->item_count++;
}

static int node_trains(const flr_graph *g, const flr_node *node) {
  const flr_param *params = g->params.params;
  return (node->weight >= 0 && !params[node->weight].frozen) || (node->bias >= 0 && !params[node->bias].frozen);
}

/* For every tensor, whether anything that trains lies before it: the network's input needs no gradient. */
static void find_gradients(flr_plan *p, const flr_graph *g) {
  p->needs_gradient[0] = 0;
  for (int i = 0; i < g->node_count; i++) {
    const flr_node *node = &g->nodes[i];
    p->needs_gradient[i + 1] = p->training && (node_trains(g, node) || p->needs_gradient[node->src] ||
                                               (node->src2 >= 0 && p->needs_gradient[node->src2]));
  }
}

/* What backward reads of node i's forward pass. */
static unsigned backward_needs(const flr_plan *p, int i) { return p->needs_gradient[i + 1] ? p->ops[i]->backward_needs : 0; }

static void note_scratch(flr_plan *p, const flr_op *op) {
  if (op->scratch_bytes > p->scratch_bytes) p->scratch_bytes = op->scratch_bytes;
}

static flr_status prepare_nodes(flr_plan *p, const flr_graph *g, flr_backend *backend, int shared) {
  for (int i = 0; i < g->node_count; i++) {
    const flr_node *node = &g->nodes[i];
    const flr_layer_mode in_training = p->needs_gradient[i + 1] ? FLR_MODE_TRAIN : FLR_MODE_FORWARD;
    const flr_layer_use use = {.mode = p->training ? in_training : FLR_MODE_EVALUATE,
                               .need_diff_src = p->needs_gradient[node->src],
                               .frozen = !node_trains(g, node),
                               .shared = shared};
    FLR_TRY(node->layer->prepare(node, backend, &use, &p->descs[node->src], node->src2 >= 0 ? &p->descs[node->src2] : NULL,
                                 &p->ops[i]));
    p->descs[i + 1] = p->ops[i]->dst;
    note_scratch(p, p->ops[i]);
    if (p->ops[i]->shared_count > p->most_shared) p->most_shared = p->ops[i]->shared_count;
  }
  return FLR_OK;
}

static flr_status prepare_ops(flr_plan *p, const flr_graph *g, flr_backend *backend, const flr_executor_options *options) {
  flr_shape shape = g->input;
  shape.n = p->batch;
  const flr_tensor_desc raw = flr_tensor_desc_dense(options->input_dtype, shape);
  const flr_input_settings input = {.mean = options->mean, .inverse_std = options->inverse_std};
  const flr_loss_settings loss = {.label_smoothing = p->training ? options->label_smoothing : 0, .training = p->training};
  FLR_TRY(flr_backend_input(backend, &p->input, &input, &raw));
  p->descs[0] = p->input->dst;
  note_scratch(p, p->input);
  FLR_TRY(prepare_nodes(p, g, backend, options->sync != NULL));
  FLR_TRY(flr_backend_loss(backend, &p->loss, &loss, &p->descs[g->node_count]));
  note_scratch(p, p->loss);
  return FLR_OK;
}

/* Where the gradients of a parameter end, padding included; 0 for none. */
static int64_t gradient_end(const flr_graph *g, int param) {
  if (param < 0 || g->params.params[param].frozen) return 0;
  const flr_param *p = &g->params.params[param];
  return flr_param_aligned(p->offset + p->grad_shift + p->count);
}

/* The parameters of a node need not lie behind those of all nodes before it (a residual block's last batch norm runs after the
   shortcut, whose parameters come later in the order of names). */
static void place_params(flr_plan *p, const flr_graph *g) {
  int64_t end = 0;
  for (int i = 0; i < g->node_count; i++) {
    const int64_t weight = gradient_end(g, g->nodes[i].weight), bias = gradient_end(g, g->nodes[i].bias);
    p->params_before[i] = end;
    if (weight > end) end = weight;
    if (bias > end) end = bias;
  }
}

static int consumers(const flr_graph *g, int tensor) {
  int count = 0;
  for (int i = 0; i < g->node_count; i++) count += (g->nodes[i].src == tensor) + (g->nodes[i].src2 == tensor);
  return count;
}

/* Whether node i may write its output over its input. */
static int can_overwrite(const flr_plan *p, const flr_graph *g, int i) {
  const flr_node *node = &g->nodes[i];
  const flr_op *op = p->ops[i];
  if (!op->in_place || node->src == 0 || consumers(g, node->src) != 1) return 0;
  if (op->dst.bytes != p->descs[node->src].bytes) return 0;
  return !(backward_needs(p, i) & FLR_NEEDS_SRC) && !(backward_needs(p, node->src - 1) & FLR_NEEDS_DST);
}

static void extend_tensor(flr_plan *p, int tensor, int time) {
  flr_memory_item_extend(&p->items[p->tensor_item[tensor]], time);
}

/* How long each forward tensor lives. */
static void place_tensors(flr_plan *p, const flr_graph *g) {
  p->tensor_item[0] = add_item(p, p->descs[0].bytes);
  extend_tensor(p, 0, 0);
  for (int i = 0; i < g->node_count; i++) {
    const flr_node *node = &g->nodes[i];
    const unsigned needs = backward_needs(p, i);
    p->tensor_item[i + 1] = can_overwrite(p, g, i) ? p->tensor_item[node->src] : add_item(p, p->descs[i + 1].bytes);
    extend_tensor(p, i + 1, forward_time(i));
    extend_tensor(p, node->src, needs & FLR_NEEDS_SRC ? backward_time(g, i) : forward_time(i));
    if (node->src2 >= 0) extend_tensor(p, node->src2, needs & FLR_NEEDS_SRC2 ? backward_time(g, i) : forward_time(i));
    if (needs & FLR_NEEDS_DST) extend_tensor(p, i + 1, backward_time(g, i));
    p->memory[i].saved = add_item(p, p->ops[i]->saved_bytes);
    flr_memory_item_extend(&p->items[p->memory[i].saved], forward_time(i));
    if (p->needs_gradient[i + 1]) flr_memory_item_extend(&p->items[p->memory[i].saved], backward_time(g, i));
  }
  extend_tensor(p, g->node_count, loss_time(g));
}

/* The gradient of `tensor` as node i's backward writes it: the first writer (the last reader in forward order) owns the memory,
   later ones get a temporary that is then added. `shared` is the item of diff_dst when node i may hand it on, else FLR_NO_ITEM.
 */
static int place_gradient(flr_plan *p, const flr_graph *g, int i, int tensor, int shared, int *add) {
  *add = 0;
  if (!p->needs_gradient[tensor]) return FLR_NO_ITEM;
  int item;
  if (p->gradient_item[tensor] != FLR_NO_ITEM) {
    *add = 1;
    item = add_item(p, p->descs[tensor].bytes);
  } else {
    item = shared != FLR_NO_ITEM && consumers(g, tensor) == 1 ? shared : add_item(p, p->descs[tensor].bytes);
    p->gradient_item[tensor] = item;
  }
  flr_memory_item_extend(&p->items[item], backward_time(g, i));
  flr_memory_item_extend(&p->items[p->gradient_item[tensor]], backward_time(g, i));
  if (tensor > 0) flr_memory_item_extend(&p->items[p->gradient_item[tensor]], backward_time(g, tensor - 1));
  return item;
}

/* Gradients in the order that backward makes them. An addition hands its gradient on without a copy. */
static void place_gradients(flr_plan *p, const flr_graph *g) {
  const int logits = g->node_count;
  for (int t = 0; t <= g->node_count; t++) p->gradient_item[t] = FLR_NO_ITEM;
  for (int i = 0; i < g->node_count; i++) p->memory[i].diff_src = p->memory[i].diff_src2 = FLR_NO_ITEM;
  p->loss_saved_item = add_item(p, p->loss->saved_bytes);
  flr_memory_item_extend(&p->items[p->loss_saved_item], loss_time(g));
  if (!p->training) return;
  flr_memory_item_extend(&p->items[p->loss_saved_item], loss_time(g) + 1);
  p->gradient_item[logits] = add_item(p, p->descs[logits].bytes);
  flr_memory_item_extend(&p->items[p->gradient_item[logits]], loss_time(g) + 1);
  flr_memory_item_extend(&p->items[p->gradient_item[logits]], backward_time(g, logits - 1));
  for (int i = g->node_count - 1; i >= 0; i--) {
    const flr_node *node = &g->nodes[i];
    flr_node_memory *m = &p->memory[i];
    if (!p->needs_gradient[i + 1]) continue;
    const int two = node->src2 >= 0;
    const int same =
        two && p->descs[node->src].layout == p->descs[i + 1].layout && p->descs[node->src].bytes == p->descs[i + 1].bytes;
    m->diff_src = place_gradient(p, g, i, node->src, same ? p->gradient_item[i + 1] : FLR_NO_ITEM, &m->add_src);
    if (two) m->diff_src2 = place_gradient(p, g, i, node->src2, FLR_NO_ITEM, &m->add_src2);
  }
}

static flr_status place_memory(flr_plan *p, const flr_graph *g) {
  place_tensors(p, g);
  place_gradients(p, g);
  p->scratch_item = add_item(p, p->scratch_bytes);
  flr_memory_item_extend(&p->items[p->scratch_item], 0);
  flr_memory_item_extend(&p->items[p->scratch_item], 2 * g->node_count + 2);
  return flr_memory_plan(p->items, p->item_count, &p->peak);
}

flr_status flr_plan_init(flr_plan *out, const flr_graph *graph, flr_backend *backend, const flr_executor_options *options,
                         const flr_executor_plan *wanted) {
  const int64_t n = graph->node_count;
  *out = (flr_plan){.batch = wanted->batch, .training = wanted->training, .item_limit = (int)(5 * n + 8)};
  FLR_TRY(flr_alloc(&out->ops, n, sizeof(flr_op *)));
  FLR_TRY(flr_alloc(&out->descs, n + 1, sizeof(flr_tensor_desc)));
  FLR_TRY(flr_alloc(&out->tensor_item, n + 1, sizeof(int)));
  FLR_TRY(flr_alloc(&out->gradient_item, n + 1, sizeof(int)));
  FLR_TRY(flr_alloc(&out->params_before, n, sizeof(int64_t)));
  FLR_TRY(flr_alloc(&out->needs_gradient, n + 1, sizeof(int)));
  FLR_TRY(flr_alloc(&out->memory, n, sizeof(flr_node_memory)));
  FLR_TRY(flr_alloc(&out->items, out->item_limit, sizeof(flr_memory_item)));
  find_gradients(out, graph);
  place_params(out, graph);
  FLR_TRY(prepare_ops(out, graph, backend, options));
  return place_memory(out, graph);
}

void flr_plan_release(flr_plan *p, const flr_graph *graph) {
  for (int i = 0; p->ops && i < graph->node_count; i++) flr_op_destroy(p->ops[i]);
  flr_op_destroy(p->input);
  flr_op_destroy(p->loss);
  flr_free(p->ops);
  flr_free(p->descs);
  flr_free(p->tensor_item);
  flr_free(p->gradient_item);
  flr_free(p->params_before);
  flr_free(p->needs_gradient);
  flr_free(p->memory);
  flr_free(p->items);
}
