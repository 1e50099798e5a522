/* One training step of whole models: every gradient and every batch norm statistic of cpu against ref. */
#include "checkpoint/weights.h"
#include "core/rng.h"
#include "nn/executor.h"
#include "op_runner.h"

typedef struct model_case {
  flr_model_options model;
  int64_t batch;
  const char *weights; /* NULL: the model's own start */
  double tolerance;
} model_case;

typedef struct step_result {
  float *gradients, *states;
  double loss;
} step_result;

static void start_values(const model_case *c, const flr_params *params, float *values, float *states) {
  char path[1024];
  const flr_weights_options options = {.load_head = 1};
  flr_params_init(params, 5, values, states);
  if (!c->weights) return;
  (void)snprintf(path, sizeof path, "%s/%s", FLR_SOURCE_DIR, c->weights);
  CHECK_OK(flr_weights_load(path, params, &options, values, states, NULL));
}

static step_result run_step(const char *backend_name, const model_case *c) {
  flr_backend *backend = op_open(backend_name);
  flr_graph *graph;
  flr_executor *executor;
  const flr_executor_plan plan = {.batch = c->batch, .training = 1};
  const flr_executor_options options = {.plans = &plan, .plan_count = 1, .input_dtype = FLR_U8};
  CHECK_OK(flr_model_create(&graph, &c->model));
  CHECK_OK(flr_executor_create(&executor, graph, backend, &options));
  const flr_params *params = flr_graph_params(graph);
  step_result out = {.gradients = calloc((size_t)params->elements, sizeof(float)),
                     .states = calloc((size_t)params->state_elements + 1, sizeof(float))};
  float *values = calloc((size_t)params->elements, sizeof *values);
  const int64_t pixels = c->batch * c->model.height * c->model.width * c->model.channels;
  uint8_t *images = calloc((size_t)pixels, 1);
  int32_t *labels = calloc((size_t)c->batch, sizeof *labels);
  start_values(c, params, values, out.states);
  for (int64_t i = 0; i < pixels; i++) images[i] = (uint8_t)(255 * flr_rng_uniform(9, (uint64_t)i));
  for (int64_t i = 0; i < c->batch; i++) labels[i] = (int32_t)(i % c->model.classes);
  const flr_step_values step = {.grad_scale = 1 / (double)c->batch, .loss_scale = 1};
  flr_loss_result result = {0};
  const flr_executor_io io = {.batch = c->batch,
                              .input = images,
                              .labels = labels,
                              .params = values,
                              .states = out.states,
                              .gradients = out.gradients,
                              .values = &step,
                              .result = &result};
  CHECK_OK(flr_executor_train(executor, &io, NULL, NULL));
  out.loss = result.loss_sum;
  free(labels);
  free(images);
  free(values);
  flr_executor_destroy(executor);
  flr_graph_destroy(graph);
  flr_backend_destroy(backend);
  return out;
}

/* |got - truth| / |truth| of one tensor. */
static void compare(const char *model, const char *name, const float *got, const float *truth, int64_t count,
                    double tolerance) {
  double norm = 1e-12, difference = 0;
  for (int64_t i = 0; i < count; i++) {
    norm += (double)truth[i] * (double)truth[i];
    difference += pow((double)got[i] - (double)truth[i], 2);
  }
  if (!(sqrt(difference / norm) <= tolerance)) fail_msg("%s: %s is off by %g", model, name, sqrt(difference / norm));
}

static void check_model(const model_case *c) {
  flr_graph *graph;
  CHECK_OK(flr_model_create(&graph, &c->model));
  const flr_params *params = flr_graph_params(graph);
  step_result truth = run_step("ref", c), got = run_step("cpu", c);
  CHECK_NEAR(got.loss, truth.loss, fmin(c->tolerance, 1e-5), 1);
  for (int i = 0; i < params->param_count; i++) {
    const flr_param *p = &params->params[i];
    compare(c->model.name, p->name, got.gradients + p->offset, truth.gradients + p->offset, p->count, c->tolerance);
  }
  for (int i = 0; i < params->state_count; i++) {
    const flr_state *s = &params->states[i];
    compare(c->model.name, s->name, got.states + s->offset, truth.states + s->offset, s->count, fmin(c->tolerance, 1e-3));
  }
  free(truth.gradients);
  free(truth.states);
  free(got.gradients);
  free(got.states);
  flr_graph_destroy(graph);
}

static void test_model_gradients__resnet20(void **state) {
  (void)state;
  const model_case c = {{.name = "resnet20", .height = 8, .width = 8, .channels = 1, .classes = 10, .stem = "auto", .seed = 1},
                        48,
                        "tests/vectors/resnet20.safetensors",
                        1e-5};
  check_model(&c);
}

/* Batch norm over few samples magnifies the rounding of the layers before it, most of all in the deepest net, whose bound only
 * finds mistakes of structure. */
static void test_model_gradients__other_models(void **state) {
  (void)state;
  static const struct {
    const char *name;
    double tolerance;
  } models[] = {{"mlp", 1e-5}, {"cnn", 1e-4}, {"resnet9", 1e-3}, {"resnet18", 1e-3}, {"resnet50", 0.2}};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    const model_case c = {.model = {.name = models[i].name,
                                    .height = 8,
                                    .width = 8,
                                    .channels = 3,
                                    .classes = 10,
                                    .hidden = "32,16",
                                    .stem = "small",
                                    .seed = 1},
                          .batch = 8,
                          .tolerance = models[i].tolerance};
    check_model(&c);
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_model_gradients__resnet20),
      cmocka_unit_test(test_model_gradients__other_models),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
