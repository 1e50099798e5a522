/* Models: parameter counts and names of the published nets; initial values; file order. */
#include "harness/harness.h"

#include "nn/graph.h"

static flr_graph *make(const char *name, const char *stem, int64_t side, int64_t channels, int64_t classes) {
  const flr_model_options options = {.name = name,
                                     .height = side,
                                     .width = side,
                                     .channels = channels,
                                     .classes = classes,
                                     .hidden = "256,128",
                                     .stem = stem,
                                     .seed = 1};
  flr_graph *graph;
  CHECK_OK(flr_model_create(&graph, &options));
  return graph;
}

static void test_models__parameter_counts_are_the_published_ones(void **state) {
  (void)state;
  static const struct {
    const char *name, *stem;
    int64_t side, channels, classes, parameters;
    int groups;
  } cases[] = {
      /* torchvision's documentation */
      {"resnet18", "imagenet", 224, 3, 1000, 11689512, 3},
      {"resnet34", "imagenet", 224, 3, 1000, 21797672, 3},
      {"resnet50", "imagenet", 224, 3, 1000, 25557032, 3},
      {"resnet101", "imagenet", 224, 3, 1000, 44549160, 3},
      /* He et al. (2015), table 6: 0.27 M and 0.85 M; exact for parameter-free shortcuts */
      {"resnet20", "auto", 32, 3, 10, 269722, 3},
      {"resnet56", "auto", 32, 3, 10, 853018, 3},
      {"mlp", "auto", 8, 1, 10, 64 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10, 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    flr_graph *graph = make(cases[i].name, cases[i].stem, cases[i].side, cases[i].channels, cases[i].classes);
    const flr_params *params = flr_graph_params(graph);
    if (params->trainable != cases[i].parameters)
      fail_msg("%s has %lld parameters, wanted %lld", cases[i].name, (long long)params->trainable,
               (long long)cases[i].parameters);
    assert_int_equal(params->groups, cases[i].groups);
    flr_graph_destroy(graph);
  }
}

/* As fastai v2 counts them: the body has 21,284,672 parameters, the head 546,304 for 37 classes. */
static void test_models__fastais_head_is_fastais(void **state) {
  (void)state;
  const flr_model_options options = {.name = "resnet34",
                                     .height = 224,
                                     .width = 224,
                                     .channels = 3,
                                     .classes = 37,
                                     .hidden = "",
                                     .stem = "imagenet",
                                     .head = "fastai",
                                     .dropout = 0.5,
                                     .seed = 1};
  flr_graph *graph;
  CHECK_OK(flr_model_create(&graph, &options));
  const flr_params *params = flr_graph_params(graph);
  int64_t head = 0, group = 0;
  for (int i = 0; i < params->param_count; i++) {
    head += params->params[i].head ? params->params[i].count : 0;
    group += params->params[i].group == 2 ? params->params[i].count : 0;
  }
  assert_int_equal(head, 546304);
  assert_int_equal(group, 546304);
  assert_int_equal(params->trainable - head, 21284672);
  float *values = calloc((size_t)params->elements, sizeof(float)),
        *norms = calloc((size_t)params->state_elements, sizeof(float));
  flr_params_init(params, 1, values, norms);
  static const char *const linears[] = {"head.4.weight", "head.8.weight"};
  for (int k = 0; k < 2; k++) {
    const flr_param *linear = &params->params[flr_params_find(params, linears[k])];
    double squares = 0;
    for (int64_t i = 0; i < linear->count; i++) squares += pow((double)values[linear->offset + i], 2);
    CHECK_NEAR(sqrt(squares / (double)linear->count), k == 0 ? 0.0442 : 0.0625, 0.02, 0);
  }
  assert_int_equal(params->params[flr_params_find(params, "head.4.weight")].dims[1], 1024);
  assert_true(values[params->params[flr_params_find(params, "head.2.bias")].offset] == 1e-3F);
  assert_true(values[params->params[flr_params_find(params, "head.6.weight")].offset + 511] == 1);
  assert_int_equal(params->states[flr_params_find_state(params, "head.6.running_var")].head, 1);
  assert_int_equal(flr_params_find(params, "head.4.bias"), -1);
  assert_int_equal(flr_params_find(params, "fc.weight"), -1);
  free(values);
  free(norms);
  flr_graph_destroy(graph);
  flr_model_options wrong = options;
  wrong.name = "mlp";
  wrong.hidden = "8";
  CHECK_FAILS(flr_model_create(&graph, &wrong), FLR_ERROR_USAGE, "--head: fastai stands behind the features");
}

static void test_models__names_are_torchvisions(void **state) {
  (void)state;
  static const char *const names[] = {"conv1.weight",
                                      "bn1.bias",
                                      "layer1.0.conv1.weight",
                                      "layer2.0.downsample.0.weight",
                                      "layer2.0.downsample.1.bias",
                                      "layer4.1.bn2.weight",
                                      "fc.weight",
                                      "fc.bias"};
  flr_graph *graph = make("resnet18", "imagenet", 224, 3, 1000);
  const flr_params *params = flr_graph_params(graph);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (flr_params_find(params, names[i]) < 0) fail_msg("no parameter %s", names[i]);
  assert_true(flr_params_find_state(params, "layer4.1.bn2.running_var") >= 0);
  int64_t dims[4];
  assert_int_equal(flr_param_file_shape(&params->params[flr_params_find(params, "conv1.weight")], dims), 4);
  assert_true(dims[0] == 64 && dims[1] == 3 && dims[2] == 7 && dims[3] == 7);
  assert_int_equal(params->params[flr_params_find(params, "layer2.1.bn2.bias")].group, 0);
  assert_int_equal(params->params[flr_params_find(params, "layer3.0.conv1.weight")].group, 1);
  assert_int_equal(params->params[flr_params_find(params, "fc.bias")].group, 2);
  flr_graph_destroy(graph);
}

static void test_models__every_listed_model_is_built_and_unknown_ones_are_refused(void **state) {
  (void)state;
  for (int i = 0; flr_model_name(i); i++) flr_graph_destroy(make(flr_model_name(i), "auto", 32, 3, 10));
  const flr_model_options unknown = {
      .name = "resnet19", .height = 8, .width = 8, .channels = 1, .classes = 10, .hidden = "8", .stem = "auto"};
  flr_graph *graph;
  CHECK_FAILS(flr_model_create(&graph, &unknown), FLR_ERROR_USAGE, "resnet18");
  assert_null(graph);
  flr_model_options bad = unknown;
  bad.name = "mlp";
  bad.hidden = "12,x";
  CHECK_FAILS(flr_model_create(&graph, &bad), FLR_ERROR_USAGE, "--hidden");
  bad = unknown;
  bad.name = "resnet18";
  bad.height = bad.width = 1;
  CHECK_FAILS(flr_model_create(&graph, &bad), FLR_ERROR_USAGE, "mlp");
}

static void test_params__initial_values_have_torchs_distribution(void **state) {
  (void)state;
  flr_graph *graph = make("resnet18", "imagenet", 64, 3, 1000);
  const flr_params *params = flr_graph_params(graph);
  float *values = calloc((size_t)params->elements, sizeof(float)),
        *norms = calloc((size_t)params->state_elements, sizeof(float));
  flr_params_init(params, 1, values, norms);
  const flr_param *conv = &params->params[flr_params_find(params, "layer3.1.conv2.weight")];
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < conv->count; i++) {
    sum += (double)values[conv->offset + i];
    squares += (double)values[conv->offset + i] * (double)values[conv->offset + i];
  }
  CHECK_NEAR(sqrt(squares / (double)conv->count), sqrt(2.0 / (256 * 9)), 0.01, 0);
  CHECK_NEAR(sum / (double)conv->count, 0, 1e-3, 1);
  const flr_param *fc = &params->params[flr_params_find(params, "fc.weight")];
  double largest = 0;
  for (int64_t i = 0; i < fc->count; i++) largest = fmax(largest, fabs((double)values[fc->offset + i]));
  assert_true(largest <= 1 / sqrt(512.0) && largest > 0.999 / sqrt(512.0));
  assert_true(values[params->params[flr_params_find(params, "bn1.weight")].offset] > 0.5f);
  assert_true(norms[params->states[flr_params_find_state(params, "bn1.running_var")].offset] > 0.5f);
  free(values);
  free(norms);
  flr_graph_destroy(graph);
}

static void test_params__file_order_is_torchs_and_comes_back(void **state) {
  (void)state;
  const flr_param param = {.kind = FLR_PARAM_CONV_WEIGHT, .rank = 4, .dims = {2, 3, 3, 5}, .count = 2 * 3 * 3 * 5};
  float memory[90], file[90], again[90];
  for (int i = 0; i < 90; i++) memory[i] = (float)i;
  flr_param_to_file(&param, file, memory);
  for (int o = 0; o < 2; o++)
    for (int c = 0; c < 5; c++)
      for (int hw = 0; hw < 9; hw++) assert_true((int)file[(o * 5 + c) * 9 + hw] == (o * 9 + hw) * 5 + c);
  flr_param_from_file(&param, again, file);
  assert_memory_equal(again, memory, sizeof memory);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_models__parameter_counts_are_the_published_ones),
      cmocka_unit_test(test_models__fastais_head_is_fastais),
      cmocka_unit_test(test_models__names_are_torchvisions),
      cmocka_unit_test(test_models__every_listed_model_is_built_and_unknown_ones_are_refused),
      cmocka_unit_test(test_params__initial_values_have_torchs_distribution),
      cmocka_unit_test(test_params__file_order_is_torchs_and_comes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
