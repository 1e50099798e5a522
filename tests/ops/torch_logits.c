/* torchvision's ResNets in evaluation mode: our logits against torch's, on weights that both sides make from their names
   (tests/vectors/torch_logits.py). */
#include "harness/vectors.h"

#include "nn/executor.h"
#include "op_runner.h"

enum { SIDE = 64, IMAGES = 2, CLASSES = 10 };

static uint64_t key_of(const char *name) {
  uint64_t key = 0xCBF29CE484222325U;
  for (; *name; name++) key = (key ^ (unsigned char)*name) * 0x100000001B3U;
  return key;
}

/* Number i of a name, -0.5..0.5. */
static double number(uint64_t key, int64_t i) {
  uint64_t z = key + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  z ^= z >> 31;
  return (double)(z >> 40) / 16777216.0 - 0.5;
}

/* Element i in file order. The first class has the logit 0. */
static float value_of(const flr_param *param, uint64_t key, int64_t i) {
  const double u = number(key, i);
  switch (param->kind) {
    case FLR_PARAM_CONV_WEIGHT: return (float)(u * sqrt(24.0 / (double)(param->count / param->dims[0])));
    case FLR_PARAM_LINEAR_WEIGHT: return i < param->dims[1] ? 0 : (float)(u * sqrt(24.0 / (double)param->dims[1]));
    case FLR_PARAM_BIAS: return i == 0 ? 0 : (float)u;
    case FLR_PARAM_NORM_SCALE: return (float)(0.6 + 0.4 * u);
    case FLR_PARAM_NORM_SHIFT: break;
  }
  return (float)(0.2 * u);
}

static void fill(const flr_params *params, float *values, float *states) {
  for (int i = 0; i < params->param_count; i++) {
    const flr_param *param = &params->params[i];
    float *file = calloc((size_t)param->count, sizeof *file);
    for (int64_t e = 0; e < param->count; e++) file[e] = value_of(param, key_of(param->name), e);
    flr_param_from_file(param, values + param->offset, file);
    free(file);
  }
  for (int i = 0; i < params->state_count; i++) {
    const flr_state *state = &params->states[i];
    for (int64_t e = 0; e < state->count; e++) {
      const double u = number(key_of(state->name), e);
      states[state->offset + e] = (float)(state->initial > 0 ? 1 + u : 0.2 * u);
    }
  }
}

static void run(const char *model, float probabilities[IMAGES * CLASSES]) {
  const flr_model_options options = {.name = model,
                                     .height = SIDE,
                                     .width = SIDE,
                                     .channels = 3,
                                     .classes = CLASSES,
                                     .hidden = "",
                                     .stem = "imagenet",
                                     .seed = 1};
  const flr_executor_plan plan = {.batch = IMAGES};
  const flr_executor_options how = {.plans = &plan, .plan_count = 1, .input_dtype = FLR_U8};
  flr_backend *backend = op_open("cpu");
  flr_graph *graph;
  flr_executor *executor;
  CHECK_OK(flr_model_create(&graph, &options));
  CHECK_OK(flr_executor_create(&executor, graph, backend, &how));
  const flr_params *params = flr_graph_params(graph);
  float *values = calloc((size_t)params->elements, sizeof *values);
  float *states = calloc((size_t)params->state_elements, sizeof *states);
  uint8_t *images = calloc(IMAGES * SIDE * SIDE * 3, 1);
  const int32_t labels[IMAGES] = {0};
  const flr_step_values step = {.loss_scale = 1};
  flr_loss_result result = {0};
  fill(params, values, states);
  for (int64_t i = 0; i < IMAGES * SIDE * SIDE * 3; i++) images[i] = (uint8_t)((number(key_of("images"), i) + 0.5) * 256);
  const flr_executor_io io = {.batch = IMAGES,
                              .input = images,
                              .labels = labels,
                              .params = values,
                              .states = states,
                              .values = &step,
                              .result = &result,
                              .probabilities = probabilities};
  CHECK_OK(flr_executor_evaluate(executor, &io));
  free(images);
  free(states);
  free(values);
  flr_executor_destroy(executor);
  flr_graph_destroy(graph);
  flr_backend_destroy(backend);
}

/* The logit of the first class is 0, so the others are logarithms of ratios. */
static void check(const char *model) {
  float probabilities[IMAGES * CLASSES];
  cJSON *truth = vectors_read("torch_logits.json");
  const cJSON *rows = cJSON_GetObjectItem(truth, model);
  run(model, probabilities);
  assert_int_equal(cJSON_GetArraySize(rows), IMAGES);
  for (int n = 0; n < IMAGES; n++)
    for (int c = 0; c < CLASSES; c++) {
      const double logit = log((double)probabilities[n * CLASSES + c] / (double)probabilities[n * CLASSES]);
      const double wanted = cJSON_GetNumberValue(cJSON_GetArrayItem(cJSON_GetArrayItem(rows, n), c));
      if (!(fabs(logit - wanted) <= 1e-4)) fail_msg("%s: image %d, class %d: %.9g, torch has %.9g", model, n, c, logit, wanted);
    }
  cJSON_Delete(truth);
}

static void test_torch_logits__resnet18(void **state) {
  (void)state;
  check("resnet18");
}

static void test_torch_logits__resnet34(void **state) {
  (void)state;
  check("resnet34");
}

static void test_torch_logits__resnet50(void **state) {
  (void)state;
  check("resnet50");
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_torch_logits__resnet18),
      cmocka_unit_test(test_torch_logits__resnet34),
      cmocka_unit_test(test_torch_logits__resnet50),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
