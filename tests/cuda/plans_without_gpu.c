/* Every convolution of every model has a plan: cuDNN's own word for GPUs that are only described to it. What runs here is what
   chooses plans on a GPU, but for the measurement. */
#include "harness/harness.h"

#include "backend/cuda/cuda_cudnn.h"
#include "nn/layer.h"

enum { PROBLEMS_MOST = 4096, LIMIT_MIB = 1024 };

typedef struct gpu {
  const char *name;
  int capability, multiprocessors, shared_memory;
  long long memory;
} gpu;

static const gpu gpus[] = {{"NVIDIA A100-SXM4-80GB", 800, 108, 166912, 84987740160},
                           {"NVIDIA H200", 900, 132, 232448, 150754820096},
                           {"NVIDIA B200", 1000, 148, 232448, 191503335424}};

static const flr_dtype dtypes[] = {FLR_BF16, FLR_F16, FLR_F32};

/* ---- a described GPU ---- */

static void describe(const gpu *g, char *text, size_t size) {
  (void)snprintf(
      text, size,
      "{\"cudnnVersion\":%zu,\"version\":1,\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
      "\"regsPerBlock\":65536,\"multiProcessorCount\":%d,\"smCountOrigin\":0,\"warpSize\":32,"
      "\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":%d,\"reservedSharedMemoryPerBlock\":1024,"
      "\"oversizedSharedMemoryPerBlock\":0,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":32,\"maxThreadsPerBlock\":1024,"
      "\"maxThreadsPerSM\":2048,\"pciDeviceId\":0,\"isTccDriver\":0,\"supportCoopLaunch\":1,\"totalGlobalMem\":%lld,"
      "\"smClockRateKHz\":1980000,\"memClockRateKHz\":3201000,\"memoryBusWidth\":6144,\"l2CacheSize\":62914560,"
      "\"cudaDeviceId\":0,\"deviceVer\":%d,\"driverVer\":13000,\"deviceName\":\"%s\"}",
      cudnnGetVersion(), g->multiprocessors, g->shared_memory, g->memory, g->capability, g->name);
}

static cuda_libraries described(const gpu *g) {
  cuda_libraries libraries = {.workspace_limit = (size_t)LIMIT_MIB << 20};
  char text[2048];
  describe(g, text, sizeof text);
  CHECK_OK(cuda_descriptor_create(&libraries.target.properties, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR));
  CHECK_OK(cuda_descriptor_set(libraries.target.properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                               (int64_t)strlen(text) + 1, text));
  CHECK_OK(cuda_descriptor_finalize(libraries.target.properties));
  return libraries;
}

/* ---- the convolutions ---- */

typedef struct layer {
  flr_conv2d_settings settings;
  flr_shape src;
} layer;

typedef struct layers {
  layer all[PROBLEMS_MOST];
  int count;
} layers;

static void add_layer(layers *l, const flr_conv2d_settings *settings, flr_shape src) {
  const layer fresh = {*settings, src};
  for (int i = 0; i < l->count; i++)
    if (memcmp(&l->all[i], &fresh, sizeof fresh) == 0) return;
  assert_true(l->count < PROBLEMS_MOST);
  l->all[l->count++] = fresh;
}

static void add_model(layers *l, const char *name, int64_t side, int64_t channels, int64_t batch) {
  const flr_model_options options = {
      .name = name, .height = side, .width = side, .channels = channels, .classes = 10, .hidden = "64", .stem = "auto"};
  flr_graph *graph;
  CHECK_OK(flr_model_create(&graph, &options));
  for (int i = 0; i < graph->node_count; i++) {
    const flr_node *node = &graph->nodes[i];
    if (strcmp(node->layer->name, "conv") != 0) continue;
    flr_shape src = node->src == 0 ? graph->input : graph->nodes[node->src - 1].shape;
    src.n = batch;
    flr_conv2d_settings settings = node->settings.conv2d;
    settings.training = 1;
    settings.need_diff_src = node->src != 0;
    add_layer(l, &settings, src);
  }
  flr_graph_destroy(graph);
}

static layers *layers_of_models(void) {
  static const char *const large[] = {"resnet18", "resnet34", "resnet50", "resnet101"};
  static const char *const small[] = {"resnet18", "resnet50", "resnet20", "resnet56", "resnet9", "cnn"};
  layers *l = calloc(1, sizeof *l);
  assert_non_null(l);
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) add_model(l, large[i], 224, 3, 64);
  for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) add_model(l, small[i], 32, 3, 128);
  add_model(l, "cnn", 28, 1, 100);
  add_model(l, "cnn", 8, 1, 33);
  add_model(l, "resnet50", 224, 3, 1);
  return l;
}

/* Shapes that no model has: odd channels, every kernel size, stride beyond the kernel. */
static layers *odd_layers(void) {
  layers *l = calloc(1, sizeof *l);
  assert_non_null(l);
  for (int64_t kernel = 1; kernel <= 7; kernel++)
    for (int64_t stride = 1; stride <= 3; stride++) {
      const flr_conv2d_settings settings = {7, kernel, kernel, stride, kernel / 2, 0, 1, 1, 0};
      add_layer(l, &settings, (flr_shape){3, 9, 10, 5});
    }
  add_layer(l, &(flr_conv2d_settings){15, 3, 3, 1, 0, 0, 1, 1, 0}, (flr_shape){1, 5, 5, 17});
  add_layer(l, &(flr_conv2d_settings){8, 1, 5, 1, 0, 0, 1, 1, 0}, (flr_shape){1, 4, 9, 8});
  add_layer(l, &(flr_conv2d_settings){1, 3, 3, 1, 1, 0, 1, 1, 0}, (flr_shape){2, 8, 8, 1});
  return l;
}

/* ---- the checks ---- */

typedef struct tally {
  int plans;
  size_t largest; /* workspace */
} tally;

static void check_plan(tally *t, cuda_libraries *libraries, const gpu *g, const cuda_conv_problem *problem) {
  cuda_conv_plan *plan;
  const flr_status status = cuda_conv_plan_create(&plan, libraries, problem);
  if (status != FLR_OK) fail_msg("%s%s: %s", g->name, problem->deterministic ? ", deterministic" : "", flr_status_message());
  const size_t bytes = cuda_conv_plan_workspace(plan);
  assert_true(bytes <= libraries->workspace_limit);
  if (bytes > t->largest) t->largest = bytes;
  t->plans++;
  cuda_conv_plan_destroy(plan);
}

static void check_layers(const layers *l, int deterministic) {
  for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
    cuda_libraries libraries = described(&gpus[i]);
    tally t = {0};
    for (int k = 0; k < l->count; k++)
      for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++)
        for (int pass = CUDA_CONV_FORWARD; pass <= CUDA_CONV_WEIGHTS; pass++) {
          if (pass == CUDA_CONV_DATA && !l->all[k].settings.need_diff_src) continue;
          const cuda_conv_problem problem =
              cuda_conv_problem_of((cuda_conv_pass)pass, &l->all[k].settings, dtypes[d], l->all[k].src, deterministic);
          check_plan(&t, &libraries, &gpus[i], &problem);
        }
    printf("%s: %d plans, workspace at most %.1f MiB\n", gpus[i].name, t.plans, (double)t.largest / (1 << 20));
    cuda_descriptor_destroy(&libraries.target.properties);
  }
}

static void test_plans__every_convolution_of_every_model(void **state) {
  (void)state;
  layers *l = layers_of_models();
  check_layers(l, 0);
  free(l);
}

static void test_plans__deterministic_ones_too(void **state) {
  (void)state;
  layers *l = layers_of_models();
  check_layers(l, 1);
  free(l);
}

static void test_plans__odd_shapes(void **state) {
  (void)state;
  layers *l = odd_layers();
  check_layers(l, 0);
  check_layers(l, 1);
  free(l);
}

static cuda_conv_problem example(cuda_conv_pass pass, flr_dtype dtype) {
  const flr_conv2d_settings settings = {128, 3, 3, 1, 1, 0, 1, 1, 0};
  return cuda_conv_problem_of(pass, &settings, dtype, (flr_shape){64, 28, 28, 128}, 0);
}

/* What is kept of an engine plans the same engine again. */
static void test_plans__come_back_from_their_text(void **state) {
  (void)state;
  cuda_libraries libraries = described(&gpus[1]);
  for (int pass = CUDA_CONV_FORWARD; pass <= CUDA_CONV_WEIGHTS; pass++) {
    const cuda_conv_problem problem = example((cuda_conv_pass)pass, FLR_BF16);
    const cuda_cudnn_rules rules = {.workspace_limit = libraries.workspace_limit};
    cuda_cudnn_graph graph;
    cuda_cudnn_engine engines[CUDA_CUDNN_CANDIDATES];
    int count;
    CHECK_OK(cuda_cudnn_graph_init(&graph, &libraries.target, &problem));
    CHECK_OK(cuda_cudnn_candidates(engines, &count, &libraries.target, &graph, &rules));
    assert_int_equal(count, CUDA_CUDNN_CANDIDATES);
    for (int i = 0; i < count; i++) {
      char text[512], again[512];
      int usable;
      cuda_cudnn_engine engine;
      CHECK_OK(cuda_cudnn_engine_text(&engines[i], text, sizeof text));
      CHECK_OK(cuda_cudnn_engine_from_text(&engine, &usable, &libraries.target, &graph, &rules, text));
      if (!usable) fail_msg("refused: %s", text);
      CHECK_OK(cuda_cudnn_engine_text(&engine, again, sizeof again));
      assert_string_equal(again, text);
      assert_int_equal(engine.workspace, engines[i].workspace);
      cuda_cudnn_engine_clear(&engine);
      cuda_cudnn_engine_clear(&engines[i]);
    }
    cuda_cudnn_graph_clear(&graph);
  }
  cuda_descriptor_destroy(&libraries.target.properties);
}

/* A damaged or foreign text is no engine, and no error. */
static void test_plans__refuse_what_is_no_engine(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "engine",
                                      "engine 1",
                                      "engine x knobs",
                                      "engine 100000 knobs",
                                      "engine -1 knobs",
                                      "engine 67 knobs 2",
                                      "engine 67 knobs 2:",
                                      "engine 67 knobs 2:99999",
                                      "engine 67 knobs 9999:0",
                                      "engine 1 knobs trailing"};
  cuda_libraries libraries = described(&gpus[1]);
  const cuda_conv_problem problem = example(CUDA_CONV_FORWARD, FLR_BF16);
  const cuda_cudnn_rules rules = {.workspace_limit = libraries.workspace_limit};
  cuda_cudnn_graph graph;
  CHECK_OK(cuda_cudnn_graph_init(&graph, &libraries.target, &problem));
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    cuda_cudnn_engine engine;
    int usable = 1;
    CHECK_OK(cuda_cudnn_engine_from_text(&engine, &usable, &libraries.target, &graph, &rules, texts[i]));
    if (usable) fail_msg("taken for an engine: \"%s\"", texts[i]);
    assert_null(engine.plan);
  }
  cuda_cudnn_graph_clear(&graph);
  cuda_descriptor_destroy(&libraries.target.properties);
}

static void check_notes(cuda_cudnn_engine *engine, const cuda_cudnn_rules *rules) {
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  cudnnBackendDescriptor_t inside;
  int64_t count;
  CHECK_OK(cuda_descriptor_create(&inside, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
  assert_int_equal(
      cudnnBackendGetAttribute(engine->config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &inside),
      CUDNN_STATUS_SUCCESS);
  assert_int_equal(cudnnBackendGetAttribute(inside, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                            CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes),
                   CUDNN_STATUS_SUCCESS);
  for (int64_t i = 0; i < count; i++) {
    assert_false(rules->exact && notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
    assert_false(rules->deterministic && notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
    assert_false(notes[i] == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
    assert_false(notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
  }
  cuda_descriptor_destroy(&inside);
}

static void test_plans__keep_to_the_rules(void **state) {
  (void)state;
  cuda_libraries libraries = described(&gpus[1]);
  for (int pass = CUDA_CONV_FORWARD; pass <= CUDA_CONV_WEIGHTS; pass++)
    for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++)
      for (int deterministic = 0; deterministic < 2; deterministic++) {
        const cuda_conv_problem problem = example((cuda_conv_pass)pass, dtypes[d]);
        const cuda_cudnn_rules rules = {
            .deterministic = deterministic, .exact = dtypes[d] == FLR_F32, .workspace_limit = libraries.workspace_limit};
        cuda_cudnn_graph graph;
        cuda_cudnn_engine engines[CUDA_CUDNN_CANDIDATES];
        int count;
        CHECK_OK(cuda_cudnn_graph_init(&graph, &libraries.target, &problem));
        CHECK_OK(cuda_cudnn_candidates(engines, &count, &libraries.target, &graph, &rules));
        assert_true(count > 0);
        for (int i = 0; i < count; i++) {
          check_notes(&engines[i], &rules);
          cuda_cudnn_engine_clear(&engines[i]);
        }
        cuda_cudnn_graph_clear(&graph);
      }
  cuda_descriptor_destroy(&libraries.target.properties);
}

/* The library's own words come along when a description makes no sense. */
static void test_plans__a_wrong_shape_is_an_error(void **state) {
  (void)state;
  cuda_libraries libraries = described(&gpus[1]);
  cuda_conv_problem problem = example(CUDA_CONV_FORWARD, FLR_BF16);
  cuda_conv_plan *plan;
  problem.y.h = 5;
  CHECK_FAILS(cuda_conv_plan_create(&plan, &libraries, &problem), FLR_ERROR_INTERNAL, "CUDNN_STATUS_BAD_PARAM");
  assert_null(plan);
  cuda_descriptor_destroy(&libraries.target.properties);
}

static void test_plans__over_the_limit_are_named(void **state) {
  (void)state;
  cuda_libraries libraries = described(&gpus[1]);
  cuda_conv_problem problem = example(CUDA_CONV_WEIGHTS, FLR_BF16);
  cuda_conv_plan *plan;
  problem.deterministic = 1;
  libraries.workspace_limit = 16;
  const flr_status status = cuda_conv_plan_create(&plan, &libraries, &problem);
  if (status == FLR_OK) {
    assert_true(cuda_conv_plan_workspace(plan) <= 16);
    cuda_conv_plan_destroy(plan);
  } else {
    assert_int_equal(status, FLR_ERROR_UNAVAILABLE);
    assert_non_null(strstr(flr_status_message(), "conv weights bf16 x 64x28x28x128"));
  }
  cuda_descriptor_destroy(&libraries.target.properties);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plans__every_convolution_of_every_model),
      cmocka_unit_test(test_plans__deterministic_ones_too),
      cmocka_unit_test(test_plans__odd_shapes),
      cmocka_unit_test(test_plans__come_back_from_their_text),
      cmocka_unit_test(test_plans__refuse_what_is_no_engine),
      cmocka_unit_test(test_plans__keep_to_the_rules),
      cmocka_unit_test(test_plans__a_wrong_shape_is_an_error),
      cmocka_unit_test(test_plans__over_the_limit_are_named),
  };
  if (!freopen("/dev/null", "w", stderr)) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
