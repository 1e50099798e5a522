/* Growing a graph node by node. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "nn/layer.h"

void flr_build_fail(flr_builder *b, flr_status status) {
  if (b->status == FLR_OK) b->status = status;
}

flr_shape flr_build_shape(const flr_builder *b, int tensor) {
  return tensor == 0 ? b->graph->input : b->graph->nodes[tensor - 1].shape;
}

/* Makes room for one more element of `size` bytes in *array. */
static flr_status grow(void *array, int count, int *limit, size_t size) {
  if (count < *limit) return FLR_OK;
  void *old, *bigger;
  const int wanted = *limit ? 2 * *limit : 32;
  memcpy(&old, array, sizeof old);
  FLR_TRY(flr_alloc(&bigger, wanted, size));
  if (count > 0) memcpy(bigger, old, (size_t)count * size);
  flr_free(old);
  memcpy(array, &bigger, sizeof bigger);
  *limit = wanted;
  return FLR_OK;
}

flr_node flr_build_start(const flr_builder *b, const flr_layer *layer, int src) {
  return (flr_node){.layer = layer,
                    .src = src,
                    .src2 = -1,
                    .weight = -1,
                    .bias = -1,
                    .mean = -1,
                    .var = -1,
                    .shape = flr_build_shape(b, src)};
}

int flr_build_node(flr_builder *b, const flr_node *node) {
  flr_graph *g = b->graph;
  if (b->status == FLR_OK) flr_build_fail(b, grow(&g->nodes, g->node_count, &g->node_limit, sizeof *g->nodes));
  if (b->status != FLR_OK) return 0;
  g->nodes[g->node_count] = *node;
  return ++g->node_count;
}

int flr_build_param(flr_builder *b, const char *layer, const char *name, flr_param_kind kind, flr_init_kind init, int64_t fan,
                    double constant, int rank, const int64_t *dims) {
  flr_graph *g = b->graph;
  flr_params *all = &g->params;
  if (b->status == FLR_OK) flr_build_fail(b, grow(&all->params, all->param_count, &g->param_limit, sizeof *all->params));
  if (b->status != FLR_OK) return -1;
  flr_param *param = &all->params[all->param_count];
  *param = (flr_param){.kind = kind,
                       .rank = rank,
                       .offset = all->elements,
                       .count = 1,
                       .group = b->group,
                       .head = b->head,
                       .init = init,
                       .constant = constant,
                       .fan = fan};
  (void)snprintf(param->name, sizeof param->name, "%s.%s", layer, name);
  for (int i = 0; i < rank; i++) {
    param->dims[i] = dims[i];
    param->count *= dims[i];
  }
  all->elements = flr_param_aligned(all->elements + param->count);
  all->trainable += param->count;
  all->grad_elements = all->elements;
  all->trained = all->trainable;
  if (all->groups <= b->group) all->groups = b->group + 1;
  return all->param_count++;
}

int flr_build_state(flr_builder *b, const char *layer, const char *name, int64_t count, double initial) {
  flr_graph *g = b->graph;
  flr_params *all = &g->params;
  if (b->status == FLR_OK) flr_build_fail(b, grow(&all->states, all->state_count, &g->state_limit, sizeof *all->states));
  if (b->status != FLR_OK) return -1;
  flr_state *state = &all->states[all->state_count];
  *state = (flr_state){.offset = all->state_elements, .count = count, .initial = initial, .head = b->head};
  (void)snprintf(state->name, sizeof state->name, "%s.%s", layer, name);
  all->state_elements = flr_param_aligned(all->state_elements + count);
  return all->state_count++;
}
