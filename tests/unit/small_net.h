/* A small network ready to train, with parameters, samples and labels that are always the same; and slopes of its loss. */
#ifndef FLR_TESTS_SMALL_NET_H
#define FLR_TESTS_SMALL_NET_H

#include "harness/harness.h"

#include "core/rng.h"
#include "nn/executor.h"

enum { NET_CLASSES = 5, NET_SIDE = 8, NET_PIXELS = NET_SIDE * NET_SIDE * 3, NET_SAMPLES = 6, NET_LANES = 3 };

typedef struct net {
  flr_graph *graph;
  flr_backend *backend;
  flr_executor *executor;
  float *params, *states, *gradients; /* states: [NET_LANES], alike at first */
  uint8_t input[NET_SAMPLES * NET_PIXELS];
  int32_t labels[NET_SAMPLES];
  flr_step_values values; /* the loss is the mean over all samples */
  flr_loss_result result;
} net;

static inline net *net_open(const char *backend_name, const char *model, const flr_freezing *freezing,
                            const flr_executor_options *executor) {
  net *n = calloc(1, sizeof *n);
  const flr_model_options options = {.name = model,
                                     .height = NET_SIDE,
                                     .width = NET_SIDE,
                                     .channels = 3,
                                     .classes = NET_CLASSES,
                                     .hidden = "12,9",
                                     .stem = "auto",
                                     .seed = 3};
  const flr_backend_options backend = {.threads = 1, .local_size = 1};
  CHECK_OK(flr_model_create(&n->graph, &options));
  CHECK_OK(flr_graph_freeze(n->graph, freezing));
  CHECK_OK(flr_backend_create(&n->backend, backend_name, &backend));
  CHECK_OK(flr_executor_create(&n->executor, n->graph, n->backend, executor));
  const flr_params *p = flr_graph_params(n->graph);
  n->params = calloc((size_t)p->elements, sizeof(float));
  n->gradients = calloc((size_t)p->elements, sizeof(float));
  n->states = calloc((size_t)(NET_LANES * p->state_elements) + 1, sizeof(float));
  flr_params_init(p, 5, n->params, n->states);
  for (int lane = 1; lane < NET_LANES; lane++)
    memcpy(n->states + lane * p->state_elements, n->states, (size_t)p->state_elements * sizeof(float));
  for (size_t i = 0; i < sizeof n->input; i++) n->input[i] = (uint8_t)(flr_rng_uniform(9, i) * 255.0f);
  for (int i = 0; i < NET_SAMPLES; i++) n->labels[i] = i % NET_CLASSES;
  n->values = (flr_step_values){.grad_scale = 1.0 / NET_SAMPLES, .loss_scale = 1};
  return n;
}

static inline void net_close(net *n) {
  flr_executor_destroy(n->executor);
  flr_backend_destroy(n->backend);
  flr_graph_destroy(n->graph);
  free(n->params);
  free(n->gradients);
  free(n->states);
  free(n);
}

/* Work on `batch` samples from `first` on, with the statistics of a lane. */
static inline flr_executor_io net_io(net *n, int64_t first, int64_t batch, int lane) {
  return (flr_executor_io){.batch = batch,
                           .input = n->input + first * NET_PIXELS,
                           .labels = n->labels + first,
                           .params = n->params,
                           .states = n->states + lane * flr_graph_params(n->graph)->state_elements,
                           .gradients = n->gradients,
                           .values = &n->values,
                           .result = &n->result};
}

/* Element i of a parameter's random direction. */
static inline double net_direction(int param, int64_t i) { return flr_rng_normal((uint64_t)param + 100, (uint64_t)i); }

static inline double net_direction_length(int param, int64_t count) {
  double squares = 0;
  for (int64_t i = 0; i < count; i++) squares += net_direction(param, i) * net_direction(param, i);
  return sqrt(squares);
}

/* What the gradient says of the loss along the direction d of the index-th parameter, in a net that is not frozen: gradient . d
 * / |d|. */
static inline double net_gradient_along(const net *n, int index) {
  const flr_param *param = &flr_graph_params(n->graph)->params[index];
  double slope = 0;
  for (int64_t i = 0; i < param->count; i++) slope += net_direction(index, i) * (double)n->gradients[param->offset + i];
  return slope / net_direction_length(index, param->count);
}

/* What the loss itself says: (L(p + e d / |d|) - L(p - e d / |d|)) / 2e, with an e that is small enough to cross few kinks. */
static inline double net_slope_along(net *n, int index, double (*loss)(void *context), void *context) {
  const double step = 4e-4;
  const flr_param *param = &flr_graph_params(n->graph)->params[index];
  const double length = net_direction_length(index, param->count);
  float *values = n->params + param->offset, *kept = malloc((size_t)param->count * sizeof(float));
  double difference = 0;
  memcpy(kept, values, (size_t)param->count * sizeof(float));
  for (int sign = 1; sign >= -1; sign -= 2) {
    for (int64_t i = 0; i < param->count; i++)
      values[i] = (float)((double)kept[i] + sign * step / length * net_direction(index, i));
    difference += sign * loss(context);
  }
  memcpy(values, kept, (size_t)param->count * sizeof(float));
  free(kept);
  return difference / (2 * step);
}

#endif
