/* How fast a whole training step is on the cpu backend, next to what its convolutions alone would take in the same run.

   bench_cpu_step [--threads N] [--pairs K] [--batch B] [--per-op] [--smoke]

   Rounds alternate between a step (forward, loss, backward, SGD update, fresh inputs) and one run of every convolution
   primitive of the same network on its own memory, without reorders. Printed: medians and the ratio with a bootstrap interval.
   The MLP has no such bound; its images per second are printed alone. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "bench_stats.h"
#include "core/clock.h"
#include "core/rng.h"
#include "nn/executor.h"
#include "nn/graph.h"
#include "op_timer.h"

enum { MAX_PAIRS = BENCH_MOST_PAIRS, MAX_PRIMITIVES = 256 };

typedef struct bench_options {
  int threads, pairs, per_op;
  int64_t batch;
} bench_options;

/* A network in training with everything a step reads and writes. */
typedef struct bench_net {
  flr_backend *backend;
  flr_graph *graph;
  flr_executor *executor;
  op_timer timer;
  flr_shape input;
  int64_t classes;
  flr_buffer buffers[6]; /* behind the pointers */
  float *params, *states, *gradients, *momentum;
  uint8_t *images;
  int32_t *labels;
  flr_step_values values;
  flr_loss_result result;
} bench_net;

static flr_status allocate(bench_net *net, const flr_params *params) {
  const size_t flat = (size_t)params->elements * sizeof(float), states = (size_t)params->state_elements * sizeof(float);
  const size_t sizes[6] = {
      flat, flat, flat, states, (size_t)flr_shape_elements(net->input), (size_t)net->input.n * sizeof(int32_t)};
  for (int i = 0; i < 6; i++) FLR_TRY(flr_backend_alloc(net->backend, &net->buffers[i], sizes[i]));
  net->params = net->buffers[0].data;
  net->gradients = net->buffers[1].data;
  net->momentum = net->buffers[2].data;
  net->states = net->buffers[3].data;
  net->images = net->buffers[4].data;
  net->labels = net->buffers[5].data;
  return FLR_OK;
}

static flr_status net_init(bench_net *net, const flr_model_options *model, const bench_options *options) {
  *net = (bench_net){.input = {options->batch, model->height, model->width, model->channels}, .classes = model->classes};
  const flr_backend_options backend = {.threads = options->threads, .local_size = 1};
  const flr_executor_plan plan = {options->batch, 1};
  const flr_executor_options executor = {.plans = &plan, .plan_count = 1, .input_dtype = FLR_U8};
  FLR_TRY(flr_backend_cpu_create(&net->backend, &backend));
  FLR_TRY(flr_model_create(&net->graph, model));
  op_timer_attach(&net->timer, net->backend);
  FLR_TRY(flr_executor_create(&net->executor, net->graph, net->backend, &executor));
  const flr_params *params = flr_graph_params(net->graph);
  FLR_TRY(allocate(net, params));
  flr_params_init(params, 1, net->params, net->states);
  net->values =
      (flr_step_values){.momentum = 0.9, .grad_scale = 1.0 / (double)options->batch, .loss_scale = 1, .update_count = 1};
  for (int i = 0; i < FLR_BACKEND_MAX_GROUPS; i++) net->values.lr[i] = 1e-3;
  return FLR_OK;
}

static void net_clear(bench_net *net) {
  flr_executor_destroy(net->executor);
  op_timer_detach(&net->timer);
  flr_graph_destroy(net->graph);
  for (int i = 0; i < 6; i++) flr_buffer_clear(&net->buffers[i]);
  flr_backend_destroy(net->backend);
}

static void fresh_batch(bench_net *net, int round) {
  const uint64_t key = flr_rng_key(2, FLR_STREAM_SYNTHETIC, (uint64_t)round);
  const int64_t n = flr_shape_elements(net->input);
  for (int64_t i = 0; i < n; i += 16) {
    uint32_t words[4];
    flr_philox(words, key, (uint64_t)i);
    memcpy(net->images + i, words, (size_t)(n - i < 16 ? n - i : 16));
  }
  for (int64_t i = 0; i < net->input.n; i++) {
    uint32_t words[4];
    flr_philox(words, key + 1, (uint64_t)i);
    net->labels[i] = (int32_t)(words[0] % (uint32_t)net->classes);
  }
}

static flr_status run_step(bench_net *net, double *seconds) {
  const flr_params *params = flr_graph_params(net->graph);
  const flr_executor_io io = {.batch = net->input.n,
                              .input = net->images,
                              .labels = net->labels,
                              .params = net->params,
                              .states = net->states,
                              .gradients = net->gradients,
                              .values = &net->values,
                              .result = &net->result};
  const flr_update_range range = {0, params->elements, 0, 1e-4, 0};
  double sumsq;
  const flr_update update = {.kind = FLR_UPDATE_SGD,
                             .param = net->params,
                             .slot0 = net->momentum,
                             .grad = net->gradients,
                             .ranges = &range,
                             .range_count = 1,
                             .values = &net->values,
                             .grad_sumsq = &sumsq};
  const double start = flr_clock_seconds();
  FLR_TRY(flr_executor_train(net->executor, &io, NULL, NULL));
  FLR_TRY(flr_backend_update(net->backend, &update));
  *seconds = flr_clock_seconds() - start;
  return FLR_OK;
}

/* --- the convolutions alone --------------------------------------------------------------------------------------------------
 */

typedef struct bound_item {
  flr_cpu_primitive *primitive;
  flr_buffer memory[FLR_CPU_MAX_ARGS], scratch;
  const void *pointers[FLR_CPU_MAX_ARGS];
} bound_item;

typedef struct bound {
  bound_item items[MAX_PRIMITIVES];
  int count;
} bound;

static void fill_random(void *memory, size_t bytes, uint64_t key) {
  float *values = memory;
  for (size_t i = 0; i < bytes / sizeof(float); i++) values[i] = flr_rng_uniform(key, i) - 0.5F;
}

static flr_status bound_add(bound *b, flr_backend *backend, flr_cpu_primitive *primitive) {
  if (!primitive || b->count >= MAX_PRIMITIVES) return FLR_OK;
  bound_item *item = &b->items[b->count++];
  item->primitive = primitive;
  for (int i = 0; i < primitive->count; i++) {
    FLR_TRY(flr_backend_alloc(backend, &item->memory[i], primitive->layouts[i]->bytes));
    fill_random(item->memory[i].data, primitive->layouts[i]->bytes, (uint64_t)(b->count * 16 + i));
    item->pointers[i] = item->memory[i].data;
  }
  return flr_backend_alloc(backend, &item->scratch, primitive->scratch_bytes);
}

/* In the order of a step: all forward, then backward from the last layer to the first. */
static flr_status bound_init(bound *b, const op_timer *timer) {
  *b = (bound){0};
  for (int i = 0; i < timer->count; i++)
    if (strcmp(timer->records[i]->methods.name, "conv2d") == 0)
      FLR_TRY(bound_add(b, timer->backend, flr_cpu_conv_primitive(timer->records[i]->op, FLR_CPU_CONV_FORWARD)));
  for (int i = timer->count - 1; i >= 0; i--) {
    if (strcmp(timer->records[i]->methods.name, "conv2d") != 0) continue;
    FLR_TRY(bound_add(b, timer->backend, flr_cpu_conv_primitive(timer->records[i]->op, FLR_CPU_CONV_WEIGHTS)));
    FLR_TRY(bound_add(b, timer->backend, flr_cpu_conv_primitive(timer->records[i]->op, FLR_CPU_CONV_DATA)));
  }
  return FLR_OK;
}

static void bound_clear(bound *b) {
  for (int i = 0; i < b->count; i++) {
    for (int k = 0; k < FLR_CPU_MAX_ARGS; k++) flr_buffer_clear(&b->items[i].memory[k]);
    flr_buffer_clear(&b->items[i].scratch);
  }
}

static flr_status run_bound(flr_backend *backend, bound *b, double *seconds) {
  const double start = flr_clock_seconds();
  for (int i = 0; i < b->count; i++) {
    bound_item *item = &b->items[i];
    FLR_TRY(flr_cpu_primitive_run(flr_cpu_of(backend), item->primitive, item->pointers, item->scratch.data));
  }
  *seconds = flr_clock_seconds() - start;
  return FLR_OK;
}

/* --- the two measurements ----------------------------------------------------------------------------------------------------
 */

static flr_status measure_resnet(bench_net *net, bound *b, const bench_options *options) {
  double step[MAX_PAIRS], alone[MAX_PAIRS], interval[2];
  for (int i = -2; i < options->pairs; i++) { /* two rounds to warm up */
    const int at = i < 0 ? 0 : i;
    if (i == 0) op_timer_reset(&net->timer);
    fresh_batch(net, i + 2);
    FLR_TRY(run_step(net, &step[at]));
    FLR_TRY(run_bound(net->backend, b, &alone[at]));
  }
  const double images = (double)options->batch, whole = bench_median(step, options->pairs),
               convolutions = bench_median(alone, options->pairs);
  bench_interval(alone, step, options->pairs, interval);
  printf(
      "resnet18 32x32 batch %lld: step %.1f ms, %.1f images/s; convolutions alone %.1f ms, %.1f images/s; ratio %.3f [%.3f, "
      "%.3f]\n",
      (long long)options->batch, 1e3 * whole, images / whole, 1e3 * convolutions, images / convolutions, convolutions / whole,
      interval[0], interval[1]);
  if (options->per_op) op_timer_print(&net->timer, stdout, options->pairs);
  return FLR_OK;
}

static flr_status bench_resnet(const bench_options *options) {
  const flr_model_options model = {
      .name = "resnet18", .height = 32, .width = 32, .channels = 3, .classes = 10, .stem = "small", .seed = 1};
  static bound b;
  bench_net net;
  b = (bound){0};
  flr_status status = net_init(&net, &model, options);
  if (status == FLR_OK) printf("%s\n", net.backend->description);
  if (status == FLR_OK) status = bound_init(&b, &net.timer);
  if (status == FLR_OK) status = measure_resnet(&net, &b, options);
  bound_clear(&b);
  net_clear(&net);
  return status;
}

static flr_status measure_mlp(bench_net *net, const bench_options *options) {
  double step[MAX_PAIRS];
  for (int i = -2; i < options->pairs; i++) {
    if (i == 0) op_timer_reset(&net->timer);
    fresh_batch(net, i + 2);
    FLR_TRY(run_step(net, &step[i < 0 ? 0 : i]));
  }
  const double whole = bench_median(step, options->pairs);
  printf("mlp 3072-1024-1024-10 batch %lld: step %.2f ms, %.0f images/s\n", (long long)options->batch, 1e3 * whole,
         (double)options->batch / whole);
  if (options->per_op) op_timer_print(&net->timer, stdout, options->pairs);
  return FLR_OK;
}

static flr_status bench_mlp(const bench_options *options) {
  const flr_model_options model = {
      .name = "mlp", .height = 32, .width = 32, .channels = 3, .classes = 10, .hidden = "1024,1024", .seed = 1};
  bench_options larger = *options;
  larger.batch = options->batch * 4;
  bench_net net;
  flr_status status = net_init(&net, &model, &larger);
  if (status == FLR_OK) status = measure_mlp(&net, &larger);
  net_clear(&net);
  return status;
}

static int parse(bench_options *options, int argc, char **argv) {
  *options = (bench_options){.pairs = 11, .batch = 64};
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--per-op") == 0) {
      options->per_op = 1;
    } else if (strcmp(argv[i], "--smoke") == 0) {
      options->pairs = 2;
      options->batch = 4;
    } else if (value && strcmp(argv[i], "--threads") == 0) {
      options->threads = atoi(argv[++i]);
    } else if (value && strcmp(argv[i], "--pairs") == 0) {
      options->pairs = atoi(argv[++i]);
    } else if (value && strcmp(argv[i], "--batch") == 0) {
      options->batch = atoi(argv[++i]);
    } else {
      return 0;
    }
  }
  return options->pairs >= 1 && options->pairs <= MAX_PAIRS && options->batch >= 1 && options->threads >= 0;
}

int main(int argc, char **argv) {
  bench_options options;
  if (!parse(&options, argc, argv)) {
    fprintf(stderr, "usage: bench_cpu_step [--threads N] [--pairs 1..%d] [--batch B] [--per-op] [--smoke]\n", MAX_PAIRS);
    return 64;
  }
  flr_status status = bench_resnet(&options);
  if (status == FLR_OK) status = bench_mlp(&options);
  if (status != FLR_OK) fprintf(stderr, "bench_cpu_step: %s\n", flr_status_message());
  return (int)status;
}
